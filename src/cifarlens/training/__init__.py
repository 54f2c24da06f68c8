"""LightningModule, schedule, learning-rate finder and fit; knows nothing of reports."""
