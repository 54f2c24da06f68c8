"""Trains with one cycle of learning rates, and resumes a run that was killed."""
