"""Trains on one cycle of learning rates, resuming a run that was killed."""
