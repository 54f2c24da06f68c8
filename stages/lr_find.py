"""Runs learning-rate range tests and suggests lr_max and lr_min."""

from cifarlens.dataset.arrays import load_dataset
from cifarlens.params import Trainer, load_params
from cifarlens.runtime import paths
from cifarlens.runtime.files import read_json, write_csv, write_json
from cifarlens.runtime.stage import run_stage
from cifarlens.training.lr_find.range_test import mean_curve, range_test, repeat_settings
from cifarlens.training.lr_find.suggestion import suggest
from cifarlens.training.setup import Settings, set_up


def main() -> None:
    params = load_params()
    lr_find = params.lr_find
    dataset, stats = load_dataset(paths.DATASET), read_json(paths.STATS)
    settings = Settings(
        seed=params.seed,
        batch_size=params.batch_size,
        val_size=params.data.val_size,
        augment=params.augment,
        model=params.model,
        optimizer=params.optimizer,
        loss=params.loss,
        # Use one device, so that the suggestion does not depend on the number of devices.
        trainer=Trainer(
            accelerator=params.trainer.accelerator,
            devices=1,
            num_nodes=1,
            strategy="auto",
            precision=params.trainer.precision,
            workers=params.trainer.workers,
        ),
    )
    curves = []
    for number, each in enumerate(repeat_settings(settings, lr_find.repeats), start=1):
        title = f"Range test {number} of {lr_find.repeats}"
        curves.append(range_test(set_up(dataset, stats, each), lr_find, title))
    curve = mean_curve(curves)
    suggestion = suggest(
        curve.lrs,
        curve.losses,
        lr_find.factor,
        width=settings.model.width,
        classes=len(dataset.classes),
    )

    rows = zip(curve.lrs, curve.losses, suggestion.smooth, strict=True)
    write_csv(paths.LR_CURVE, ["lr", "loss", "smooth"], rows)
    write_json(paths.LR_FIND_METRICS, suggestion.metrics())
    rates = f"lr_max {suggestion.lr_max:.3g}, lr_min {suggestion.lr_min:.3g}"
    print(f"Suggested learning rates: {rates}")


if __name__ == "__main__":
    run_stage(main)
