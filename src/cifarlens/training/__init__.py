"""Provides what lr_find and train need: batches, the LightningModule, range tests, one cycle."""
