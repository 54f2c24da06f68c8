"""Grad-CAM for test images, and two tests that measure how far to trust the maps."""
