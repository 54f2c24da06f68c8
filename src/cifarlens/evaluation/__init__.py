"""Computes metrics, calibration and the confusion matrix from the test logits."""
