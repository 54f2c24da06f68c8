"""Grad-CAM of test images, and two tests of how far to trust the maps."""
