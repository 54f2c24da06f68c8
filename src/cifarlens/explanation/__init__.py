"""Explains test images with Grad-CAM and tests how far to trust the maps."""
