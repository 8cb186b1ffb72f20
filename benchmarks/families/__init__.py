"""Narrow models of every family, and the table of what their packages answer."""
