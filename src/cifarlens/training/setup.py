"""Puts together what lr_find and train share: images, network and the module around it."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ..classifier.bundle import BundleConfig
from ..classifier.networks import NETWORKS, Network
from ..dataset.arrays import Dataset
from ..params import Augment, Model, Optimizer, Trainer
from ..runtime.device import count_workers
from ..runtime.errors import UserError, shown
from .data.datamodule import ImageDataModule, step_size
from .module import Classifier, Schedule


@dataclass(frozen=True)
class Settings:
    """The parameters that lr_find and train share, named as in params.yaml."""

    seed: int
    batch_size: int
    val_size: int
    augment: Augment
    model: Model
    optimizer: Optimizer
    trainer: Trainer


@dataclass(frozen=True)
class Parts:
    """A run before it starts.

    Attributes:
        images: the batches to train on.
        network: freshly initialised from the seed.
        config: what the bundle says of the network.
        settings: of the whole run.
    """

    images: ImageDataModule
    network: Network
    config: BundleConfig
    settings: Settings

    def module(self, lr: float, schedule: Schedule) -> Classifier:
        """The LightningModule around the network, its schedule starting from `lr`."""
        return Classifier(
            self.network,
            classes=len(self.config.classes),
            mean=self.config.mean,
            std=self.config.std,
            optimizer=self.settings.optimizer,
            lr=lr,
            schedule=schedule,
            seed=self.settings.seed,
            step_size=partial(step_size, len(self.images.train_images), self.images.batch_size),
            processes=self.settings.trainer.processes,
        )


def assemble(dataset: Dataset, stats: dict[str, Any], settings: Settings) -> Parts:
    """Makes the parts of a run; raises UserError as `ImageDataModule` does.

    Args:
        dataset: all images.
        stats: `mean` and `std` of its train images, three values each.
        settings: what to make.
    """
    mean, std = channels(stats, "mean"), channels(stats, "std")
    trainer = settings.trainer
    images = ImageDataModule(
        dataset,
        mean,
        settings.augment,
        batch_size=settings.batch_size,
        val_size=settings.val_size,
        workers=count_workers(trainer.workers, trainer.accelerator, trainer.local_processes),
        seed=settings.seed,
        processes=trainer.processes,
    )
    torch.manual_seed(settings.seed)
    arguments = settings.model.arguments
    network = NETWORKS[settings.model.name](len(dataset.classes), **arguments)
    config = BundleConfig(
        architecture=settings.model.name,
        arguments=arguments,
        classes=dataset.classes,
        mean=mean,
        std=std,
        image_size=dataset.train_images.shape[1],
        layers=network.layers,
    )
    return Parts(images, network, config, settings)


def channels(stats: dict[str, Any], name: str) -> tuple[float, ...]:
    """Three values of the statistics; raises UserError unless they are shares of the pixel range.

    A standard deviation of 0 would divide by zero.
    """
    values = stats[name]
    numbers = isinstance(values, list | tuple) and {type(v) for v in values} <= {int, float}
    if not numbers or len(values) != 3 or not all(0 <= v <= 1 for v in values):
        raise UserError(
            f"metrics/stats.json: {name} is {shown(repr(values))}, but must be three numbers from 0"
            " to 1: run `dvc repro -f -s stats`."
        )
    if name == "std" and not all(values):
        raise UserError(
            "metrics/stats.json: a standard deviation is 0, so all train images agree in a"
            " channel: look at the data."
        )
    return tuple(values)
