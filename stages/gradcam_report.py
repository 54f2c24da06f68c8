"""Explains misclassified and correct test images with Grad-CAM and writes the report."""

from dataclasses import replace
from pathlib import Path

from cifarlens.classifier.bundle import BundleError, load_bundle
from cifarlens.dataset.arrays import load_dataset
from cifarlens.explanation.explain import TRUST_COLUMNS, explain
from cifarlens.figures.galleries import draw_galleries
from cifarlens.params import load_params
from cifarlens.report.report import write_report
from cifarlens.report.run import RunParams, read_run
from cifarlens.report.run_log import write_run_log
from cifarlens.runtime import paths
from cifarlens.runtime.files import read_json, write_csv, write_json
from cifarlens.runtime.stage import run_stage

GALLERY = Path("reports/gradcam")
METRICS = Path("metrics/gradcam.json")


def main() -> None:
    params = load_params()
    dataset = load_dataset(paths.DATASET)
    temperature = read_json(paths.EVALUATE_METRICS).get("temperature", 1.0)
    bundle = replace(load_bundle(paths.MODEL), temperature=temperature)
    settings = RunParams(
        seed=params.seed,
        batch_size=params.batch_size,
        epochs=params.epochs,
        peak_epoch=params.peak_epoch,
        lr_max=params.lr_max,
        lr_min=params.lr_min,
        ema_decay=params.ema_decay,
        val_size=params.data.val_size,
        augment=params.augment,
        optimizer=params.optimizer,
        loss=params.loss,
        repeats=params.lr_find.repeats,
    )
    run = read_run(params.data.source, settings, dataset, bundle)
    gradcam = params.gradcam
    explanations = explain(bundle, dataset.test_images, run.cases, gradcam.images, gradcam.layer)

    draw_galleries(GALLERY, explanations, dataset.classes, gradcam.opacity)
    write_csv(paths.TRUST, TRUST_COLUMNS, explanations.rows())
    write_report(paths.REPORT, run, explanations, gradcam.opacity)
    write_json(METRICS, explanations.metrics())
    print(f"Test accuracy: {run.result.accuracy:.2%}. Report: {paths.REPORT}")


if __name__ == "__main__":
    run_stage(main, BundleError)
    write_run_log(paths.RUN_PAGE, paths.RUN_LOG)  # now that the log has this stage, too
