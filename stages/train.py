"""Trains the network with a one-cycle learning-rate schedule; resumes an interrupted run.

With several devices, one process per device runs this script. Rank 0 writes the results.
"""

from collections.abc import Sequence

from cifarlens.classifier.bundle import save_bundle
from cifarlens.dataset.arrays import dataset_digest, load_dataset
from cifarlens.params import load_params
from cifarlens.runtime import paths
from cifarlens.runtime.distributed import rank
from cifarlens.runtime.files import read_json, write_csv, write_json
from cifarlens.runtime.stage import run_stage
from cifarlens.training.launch import launch
from cifarlens.training.one_cycle.board import log_folder, log_name
from cifarlens.training.one_cycle.checkpoint import describe_run, mark_finished, open_run, run_key
from cifarlens.training.one_cycle.fit import fit, summarize
from cifarlens.training.one_cycle.history import COLUMNS, Epoch
from cifarlens.training.one_cycle.schedule import choose_recipe, rate_curve
from cifarlens.training.setup import Settings, set_up
from cifarlens.training.trainer import hardware


def main() -> None:
    params = load_params()
    stats = read_json(paths.STATS)
    recipe = choose_recipe(
        read_json(paths.LR_FIND_METRICS),
        epochs=params.epochs,
        peak_epoch=params.peak_epoch,
        lr_max=params.lr_max,
        lr_min=params.lr_min,
        ema_decay=params.ema_decay,
        keep=params.keep,
    )
    settings = Settings(
        seed=params.seed,
        batch_size=params.batch_size,
        val_size=params.data.val_size,
        augment=params.augment,
        model=params.model,
        optimizer=params.optimizer,
        loss=params.loss,
        trainer=params.trainer,
    )
    setup = set_up(load_dataset(paths.DATASET), stats, settings)

    run = describe_run(
        {
            "recipe": recipe._asdict(),
            "settings": settings.model_dump(exclude={"trainer": {"workers"}}),  # same results
            "hardware": hardware(settings.trainer),
            "stats": stats,
            "dataset": dataset_digest(paths.DATASET),
        }
    )
    folder, name = paths.CHECKPOINTS / run_key(run), ""
    if rank() == 0:
        folder, name = open_run(paths.CHECKPOINTS, run, log_name(params.model.name))
    logs = log_folder() / name
    history = fit(setup, recipe, checkpoints=folder, logs=logs, save=write_history)
    if rank() > 0:
        return
    save_bundle(paths.MODEL, setup.network, setup.config)
    write_history(history)
    write_csv(paths.RATES, ("step", "lr"), rate_curve(recipe, setup.images.steps_per_epoch))
    write_json(paths.TRAIN_METRICS, summarize(recipe, history))
    mark_finished(folder)


def write_history(history: Sequence[Epoch]) -> None:
    """Writes the history so far, so that plots follow the training."""
    write_csv(paths.HISTORY, COLUMNS, (epoch.row() for epoch in history))


def start() -> bool:
    return launch(load_params().trainer, ["-m", "stages.train"])


if __name__ == "__main__":
    run_stage(main, launch=start)
