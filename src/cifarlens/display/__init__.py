"""Formats numbers and heat maps for figures, the report and the Space. Ships with the Space."""
