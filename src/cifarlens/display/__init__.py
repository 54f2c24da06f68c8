"""How numbers and heat maps are shown, in the report and in the Space. Ships with the Space."""
