"""Turns picture files into images: for the source `folder`, and for uploads to the Space."""
