"""Provides batches of augmented images."""
