"""Trains the network on one cycle of learning rates, resuming a run that was killed.

On several devices a process each comes here; the first writes what they found together.
"""

from cifarlens.classifier.bundle import save_bundle
from cifarlens.dataset.arrays import dataset_digest, load_dataset
from cifarlens.params import load_params
from cifarlens.runtime import paths
from cifarlens.runtime.distributed import rank
from cifarlens.runtime.files import read_metrics, write_csv, write_json
from cifarlens.runtime.stage import run_stage
from cifarlens.training.launch import launch
from cifarlens.training.one_cycle.checkpoint import run_key
from cifarlens.training.one_cycle.finished import finish, forget_recorded
from cifarlens.training.one_cycle.fit import fit, summarize
from cifarlens.training.one_cycle.history import COLUMNS
from cifarlens.training.one_cycle.schedule import choose_recipe, rate_curve
from cifarlens.training.setup import Settings, assemble
from cifarlens.training.trainer import hardware


def main() -> None:
    wanted = load_params("epochs", "peak_epoch", "lr_max", "lr_min", "ema_decay", "keep")
    shared = load_params(
        "seed", "batch_size", "data.val_size", "augment", "model", "optimizer", "trainer"
    )
    stats = read_metrics(paths.STATS_METRICS, lists=("mean", "std"))
    found = read_metrics(paths.LR_FIND_METRICS, "lr_max", "lr_min")
    recipe = choose_recipe(found, *wanted)
    parts = assemble(load_dataset(paths.DATASET), stats, Settings(*shared))

    inputs = [*recipe, *shared, hardware(shared[-1]), stats, dataset_digest(paths.DATASET)]
    key = run_key(inputs)
    checkpoints = paths.CHECKPOINTS / key
    if rank() == 0:
        forget_recorded(paths.CHECKPOINTS, paths.DVC_LOCK)
        checkpoints.mkdir(parents=True, exist_ok=True)
    history = fit(parts, recipe, checkpoints=checkpoints, logs=paths.LOGS / key)
    if rank() > 0:
        return
    save_bundle(paths.MODEL, parts.network, parts.config)
    write_csv(paths.HISTORY, COLUMNS, (epoch.row() for epoch in history))
    write_csv(paths.RATES, ("step", "lr"), rate_curve(recipe, parts.images.steps_per_epoch))
    write_json(paths.TRAIN_METRICS, summarize(recipe, parts.network, history))
    finish(checkpoints)


def start() -> bool:
    (trainer,) = load_params("trainer")
    return launch(trainer, ["-m", "stages.train"])


if __name__ == "__main__":
    run_stage(main, launch=start)
