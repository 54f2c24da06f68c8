"""Creates what both lr_find and train need: batches, network and LightningModule."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ..classifier.bundle import BundleConfig
from ..classifier.networks import NETWORKS, Network
from ..dataset.arrays import Dataset
from ..params import Augment, Loss, Model, Optimizer, Section, Trainer
from ..runtime.device import count_workers, resolve_accelerator
from ..runtime.errors import UserError
from .data.datamodule import ImageDataModule, step_size
from .module import Classifier, Schedule
from .pooling import free_pooling_inputs
from .weight_gradient import use_matrix_products


class Settings(Section):
    """Holds the parameters that both lr_find and train use, named as in params.yaml."""

    seed: int
    batch_size: int
    val_size: int
    augment: Augment
    model: Model
    optimizer: Optimizer
    loss: Loss
    trainer: Trainer


@dataclass(frozen=True)
class Setup:
    """Holds a training before it starts.

    Attributes:
        images: the training and validation batches.
        network: the network, initialised from the seed.
        config: the bundle's description of the network.
        settings: the parameters.
    """

    images: ImageDataModule
    network: Network
    config: BundleConfig
    settings: Settings

    def module(self, lr: float, schedule: Schedule) -> Classifier:
        """Returns the LightningModule around the network; its schedule starts from `lr`."""
        return Classifier(
            self.network,
            classes=len(self.config.classes),
            mean=self.config.mean,
            std=self.config.std,
            optimizer=self.settings.optimizer,
            loss=self.settings.loss,
            lr=lr,
            schedule=schedule,
            seed=self.settings.seed,
            step_size=partial(step_size, len(self.images.train_images), self.images.batch_size),
            processes=self.settings.trainer.processes,
            image_size=self.config.image_size,
        )


def set_up(dataset: Dataset, stats: dict[str, Any], settings: Settings) -> Setup:
    """Creates the batches, the network and the bundle configuration.

    Args:
        dataset: all images.
        stats: `mean` and `std` of the training images, three values each, 0 to 1.
        settings: the parameters.

    Raises:
        UserError: as `ImageDataModule`; or a channel has the same value in all training images.
    """
    mean, std = tuple(stats["mean"]), tuple(stats["std"])
    for channel, deviation in zip(("red", "green", "blue"), std, strict=True):
        if not deviation:
            raise UserError(
                f"data/stats.json: the standard deviation of the {channel} channel is 0, so all"
                " training images have the same value there; it must vary. Check the dataset."
            )
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
    if resolve_accelerator(trainer.accelerator) == "cpu":
        free_pooling_inputs(network)
        use_matrix_products(network)
    config = BundleConfig(
        architecture=settings.model.name,
        arguments=arguments,
        classes=dataset.classes,
        mean=mean,
        std=std,
        image_size=dataset.train_images.shape[1],
        layers=network.layers,
    )
    return Setup(images, network, config, settings)
