"""Range tests: trains briefly at rising learning rates and reads lr_max and lr_min off that."""

from cifarlens import paths
from cifarlens.data.dataset import load_dataset
from cifarlens.files import read_metrics, write_csv, write_json
from cifarlens.params import load_params, one_device
from cifarlens.reporting.lr_curve import draw_lr_curve
from cifarlens.stage import run_stage
from cifarlens.training.assemble import Settings, assemble
from cifarlens.training.lr_finder import suggest
from cifarlens.training.lr_sweep import mean_curve, range_test, repeated


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
