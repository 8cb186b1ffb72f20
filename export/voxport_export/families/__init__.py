"""Families of Hugging Face models: one module each, found by ``registry`` when it is asked.

A module of a family holds ``FAMILY``: its model type, its classes, the settings that the graph has
a part for, and the function from the eager model to the graph's. Nothing here knows of files.
"""
