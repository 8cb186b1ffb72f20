"""Pictures of a model's answers, drawn by matplotlib; no model runs here.

Colours are told apart with any colour vision: one hue from light to dark for amounts, purple to
orange for signed values, and blue and vermilion of Okabe and Ito's palette for the rest.
"""
