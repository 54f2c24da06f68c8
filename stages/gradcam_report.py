"""Grad-CAM of misclassified and correct test images, and the report that ties all together."""

from cifarlens.classifier.bundle import BundleError, load_bundle
from cifarlens.dataset.arrays import load_dataset
from cifarlens.explanation.explain import explain
from cifarlens.explanation.gradcam import choose_layer
from cifarlens.figures.galleries import draw_galleries
from cifarlens.figures.training import draw_training
from cifarlens.params import load_params
from cifarlens.report.report import write_report
from cifarlens.report.run import read_run
from cifarlens.report.run_log import write_run_log
from cifarlens.report.sections.glance import Settings
from cifarlens.runtime import paths
from cifarlens.runtime.files import write_csv, write_json
from cifarlens.runtime.stage import run_stage


def main() -> None:
    params = load_params()
    gradcam = params.gradcam
    settings = Settings(
        seed=params.seed,
        batch_size=params.batch_size,
        peak_epoch=params.peak_epoch,
        lr_max=params.lr_max,
        lr_min=params.lr_min,
        val_size=params.data.val_size,
        augment=params.augment,
        optimizer=params.optimizer,
        loss=params.loss,
    )
    dataset, bundle = load_dataset(paths.DATASET), load_bundle(paths.MODEL)
    layer = choose_layer(gradcam.layer, bundle)
    run = read_run(params.data.source, settings, dataset, bundle)
    found = explain(bundle, dataset.test_images, run.cases, gradcam.images, layer)
    shown = layer, gradcam.opacity
    draw_galleries(paths.GALLERY, found.mistakes, found.correct, dataset.classes, *shown)
    draw_training(paths.TRAINING_FIGURE, run.history, run.rates, run.test)
    write_report(paths.REPORT, run, found, *shown)
    write_csv(paths.TRUST, ("map", "road", "similarity"), found.rows())
    write_json(paths.GRADCAM_METRICS, found.metrics())
    write_run_log(paths.RUN_PAGE, paths.RUN_LOG)


if __name__ == "__main__":
    run_stage(main, BundleError)
