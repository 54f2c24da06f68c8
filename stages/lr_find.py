"""Range tests: trains briefly at rising learning rates and reads lr_max and lr_min off that."""

from cifarlens.dataset.arrays import load_dataset
from cifarlens.figures.lr_curve import draw_lr_curve
from cifarlens.params import load_params, one_device
from cifarlens.runtime import paths
from cifarlens.runtime.files import read_metrics, write_csv, write_json
from cifarlens.runtime.stage import run_stage
from cifarlens.training.lr_find.range_test import mean_curve, range_test, repeated
from cifarlens.training.lr_find.suggestion import suggest
from cifarlens.training.setup import Settings, assemble


def main() -> None:
    (lr_find,) = load_params("lr_find")
    shared = load_params("seed", "batch_size", "data.val_size", "augment", "model", "optimizer")
    # On one device whatever trains, so that the rates do not depend on how many there are.
    kind, precision, workers = load_params(
        "trainer.accelerator", "trainer.precision", "trainer.workers"
    )
    trainer = one_device(kind, precision, workers)
    stats = read_metrics(paths.STATS_METRICS, lists=("mean", "std"))
    dataset = load_dataset(paths.DATASET)
    settings = Settings(*[*shared, trainer])
    tests = repeated(settings, lr_find.repeats)
    curve = mean_curve([range_test(assemble(dataset, stats, each), lr_find) for each in tests])
    size = {"width": settings.model.width, "classes": len(dataset.classes)}
    found = suggest(curve.lrs, curve.losses, lr_find.factor, **size)

    rows = zip(curve.lrs, curve.losses, found.smooth, strict=True)
    write_csv(paths.LR_CURVE, ["lr", "loss", "smooth"], rows)
    metrics = {**found.metrics(), "repeats": lr_find.repeats}
    draw_lr_curve(paths.LR_FIGURE, curve.lrs, curve.losses, found.smooth, metrics)
    write_json(paths.LR_FIND_METRICS, metrics)
    print(f"lr_max {found.lr_max:.3g}, lr_min {found.lr_min:.3g}")


if __name__ == "__main__":
    run_stage(main)
