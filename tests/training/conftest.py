from pathlib import Path
from types import SimpleNamespace

import pytest

from cifarlens.dataset.statistics import channel_statistics
from cifarlens.params import Augment, Loss, Model, Trainer, load_params
from cifarlens.training.setup import Settings, set_up

ROOT = Path(__file__).parents[2]
OPTIMIZER = load_params(ROOT / "params.yaml").optimizer.model_copy(update={"weight_decay": 0.1})


@pytest.fixture
def setup(few_digits):
    """Makes the set-up of a tiny run: `setup(seed=1, workers=2, dropout=0.1, ...)`."""

    def make(seed=0, batch_size=64, val_size=20, workers=0, precision=32, **model):
        mean, std = channel_statistics(few_digits.train_images)
        settings = Settings(
            seed=seed,
            batch_size=batch_size,
            val_size=val_size,
            augment=Augment(padding=2, flip=False, cutout=4),
            model=Model(
                **{"name": "custom_resnet", "width": 4, "dropout": 0.0, "norm_first": True} | model
            ),
            optimizer=OPTIMIZER,
            loss=Loss(label_smoothing=0.1),
            trainer=Trainer(
                devices=1,
                num_nodes=1,
                strategy="auto",
                accelerator="cpu",
                precision=precision,
                workers=workers,
            ),
        )
        return set_up(few_digits, {"mean": mean, "std": std}, settings)

    return make


@pytest.fixture
def folders(tmp_path):
    checkpoints = tmp_path / "checkpoints/key"
    checkpoints.mkdir(parents=True)
    return SimpleNamespace(checkpoints=checkpoints, logs=tmp_path / "logs/key")
