"""Campaigns of mutated recordings and packages: no crash, no hang, no memory beyond bounds."""
