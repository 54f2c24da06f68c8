"""Stores the dataset as arrays on disk and computes its statistics."""
