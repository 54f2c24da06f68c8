"""The arrays on disk and their statistics."""
