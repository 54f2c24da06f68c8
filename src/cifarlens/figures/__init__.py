"""Draws every matplotlib figure, in one style."""
