"""What each process of training/test_devices.py runs: a small training that notes what it saw.

Arguments: the folder to write to, that of the data set, the rank that fails (-1: none), and
whether it keeps what `KEPT` says (1) or the last weights (0).
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

import torch

from cifarlens.dataset.arrays import load_dataset
from cifarlens.dataset.statistics import channel_statistics
from cifarlens.params import Augment, Loss, Model, Trainer, load_params
from cifarlens.runtime.distributed import rank
from cifarlens.runtime.errors import UserError
from cifarlens.runtime.files import write_json
from cifarlens.runtime.stage import run_stage
from cifarlens.training.data.datamodule import TrainImages
from cifarlens.training.one_cycle.fit import fit
from cifarlens.training.one_cycle.history import History
from cifarlens.training.one_cycle.schedule import Recipe
from cifarlens.training.setup import Settings, Setup, set_up

COUNT = 179  # images to train on
RECIPE = Recipe(epochs=3, peak_epoch=1, lr_max=0.01, lr_min=0.001)
ROOT = Path(__file__).parents[2]
OPTIMIZER = load_params(ROOT / "params.yaml").optimizer.model_copy(update={"weight_decay": 0.1})
KEPT = {"keep": "best", "ema_decay": 0.5}


def small_setup(data: Path, **trainer: object) -> Setup:
    """179 images in steps of 63, 63 and 53, and 21 held out: uneven shares for two processes."""
    dataset = load_dataset(data)
    mean, std = channel_statistics(dataset.train_images)
    settings = Settings(
        seed=0,
        batch_size=63,
        val_size=21,
        augment=Augment(padding=2, flip=False, cutout=4),
        model=Model(name="custom_resnet", width=4, dropout=0.1, norm_first=True),
        optimizer=OPTIMIZER,
        loss=Loss(label_smoothing=0.1),
        trainer=Trainer.model_validate(
            {
                "accelerator": "cpu",
                "devices": 1,
                "num_nodes": 1,
                "strategy": "auto",
                "precision": 32,
                "workers": 0,
                **trainer,
            }
        ),
    )
    return set_up(dataset, {"mean": mean, "std": std}, settings)


def digest(*tensors: torch.Tensor) -> str:
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in tensors)).hexdigest()


def main() -> None:
    folder, data, victim = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    machine = folder / f"machine{os.environ['GROUP_RANK']}"
    seen: list[list[object]] = []
    fetch = TrainImages.__getitems__

    def noted(self, keys):
        images, labels = fetch(self, keys)
        for key, image in zip(keys, images, strict=True):
            seen.append([*key, digest(image)])
        return images, labels

    def disturb(self, trainer, *_):
        if rank() == victim:
            raise UserError("This process has had enough.")
        if trainer.current_epoch == 2 and rank() == 0:  # the checkpoint of the second epoch
            shutil.copytree(machine, folder / "after2", dirs_exist_ok=True)

    TrainImages.__getitems__ = noted
    History.on_train_batch_end = disturb
    devices = int(os.environ["LOCAL_WORLD_SIZE"])
    setup = small_setup(data, devices=devices, num_nodes=2 // devices)
    recipe = RECIPE._replace(**KEPT) if sys.argv[4] == "1" else RECIPE
    history = fit(setup, recipe, checkpoints=machine / "key", logs=folder / "logs/key")
    weights = setup.network.state_dict()
    found = {
        "seen": seen,
        "weights": digest(*weights.values()),
        "history": [epoch.row() for epoch in history],
    }
    write_json(folder / f"rank{rank()}.json", found)
    if rank() == 0:
        torch.save(weights, folder / "weights.pt")


if __name__ == "__main__":
    run_stage(main)
