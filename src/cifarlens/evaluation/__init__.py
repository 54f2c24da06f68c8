"""What the test logits say: metrics, calibration, confusion."""
