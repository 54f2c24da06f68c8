"""Metrics, calibration and confusion matrix, computed from the test logits."""
