"""lr_find and train: batches, the LightningModule, range tests and the one cycle."""
