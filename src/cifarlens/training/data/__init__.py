"""Batches of augmented images."""
