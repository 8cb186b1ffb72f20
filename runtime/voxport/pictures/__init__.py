"""Pictures of what a model hears: drawn from answers, by matplotlib, with nothing run here.

Colours are told apart with any colour vision: one hue from light to dark for amounts, purple to
orange for what has a sign, and blue and vermilion of Okabe and Ito's palette for the rest.
"""
