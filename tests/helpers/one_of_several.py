"""Makes the setup of a tiny training; as a script, runs it in one of two processes.

training/test_devices.py starts the script with three arguments: the folder to write to, the folder
of the dataset, and the rank that fails (-1 for none).
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cifarlens.classifier.preprocess import normalize
from cifarlens.dataset.arrays import Dataset, load_dataset
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

# 179 images in steps of 63, 63 and 53, and 21 held out: uneven shares for two processes.
UNEVEN = {"batch_size": 63, "val_size": 21, "dropout": 0.1}
RECIPE = Recipe(epochs=3, peak_epoch=1, lr_max=0.01, lr_min=0.001, ema_decay=0.5, keep="best")
ROOT = Path(__file__).parents[2]
OPTIMIZER = load_params(ROOT / "params.yaml").optimizer.model_copy(update={"weight_decay": 0.1})


def small_setup(
    dataset: Dataset,
    *,
    seed: int = 0,
    batch_size: int = 64,
    val_size: int = 20,
    workers: int = 0,
    precision: int | str = 32,
    devices: int = 1,
    num_nodes: int = 1,
    **model: object,
) -> Setup:
    """Returns a setup on the CPU; `model` overrides the settings of a narrow custom_resnet."""
    mean, std = channel_statistics(dataset.train_images)
    network = {"name": "custom_resnet", "width": 4, "dropout": 0.0, "norm_first": True}
    settings = Settings(
        seed=seed,
        batch_size=batch_size,
        val_size=val_size,
        augment=Augment(padding=2, flip=False, cutout=4),
        model=Model.model_validate(network | model),
        optimizer=OPTIMIZER,
        loss=Loss(label_smoothing=0.1),
        trainer=Trainer(
            accelerator="cpu",
            devices=devices,
            num_nodes=num_nodes,
            strategy="auto",
            precision=precision,
            workers=workers,
        ),
    )
    return set_up(dataset, {"mean": mean, "std": std}, settings)


def held_out_metrics(setup: Setup, network: nn.Module) -> list[float]:
    """Returns loss and accuracy of a network on the held-out images, computed by PyTorch."""
    held_out, config = setup.images.held_out, setup.config
    labels = torch.from_numpy(held_out.labels)
    with torch.no_grad():
        x = normalize(torch.from_numpy(held_out.images), config.mean, config.std)
        logits = network.eval()(x)
    accuracy = (logits.argmax(dim=1) == labels).float().mean()
    return [float(F.cross_entropy(logits, labels)), float(accuracy)]


def digest(*arrays: torch.Tensor | np.ndarray) -> str:
    return hashlib.sha256(b"".join(np.asarray(a).tobytes() for a in arrays)).hexdigest()


def main() -> None:
    folder, data, victim = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    machine = folder / f"machine{os.environ['GROUP_RANK']}"
    images_seen: list[list[object]] = []
    load = TrainImages.load

    def record_batch(self, epoch, indices):
        batch = load(self, epoch, indices)
        for index, image in zip(indices, batch.images, strict=True):
            images_seen.append([epoch, index, digest(image)])
        return batch

    def disturb(self, trainer, *_):
        if rank() == victim:
            raise UserError("This process has failed.")
        if trainer.current_epoch == 2 and rank() == 0:  # the checkpoint of the second epoch
            shutil.copytree(machine, folder / "after2", dirs_exist_ok=True)

    TrainImages.load = record_batch
    History.on_train_batch_end = disturb
    devices = int(os.environ["LOCAL_WORLD_SIZE"])
    setup = small_setup(load_dataset(data), devices=devices, num_nodes=2 // devices, **UNEVEN)
    history = fit(setup, RECIPE, checkpoints=machine / "key", logs=folder / "logs/key")
    weights = setup.network.state_dict()
    result = {
        "images": images_seen,
        "weights": digest(*weights.values()),
        "history": [epoch.row() for epoch in history],
    }
    write_json(folder / f"rank{rank()}.json", result)
    if rank() == 0:
        torch.save(weights, folder / "weights.pt")


if __name__ == "__main__":
    run_stage(main)
