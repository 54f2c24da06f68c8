"""Grad-CAM of misclassified and correct test images, and the report that ties all together."""

from cifarlens import paths
from cifarlens.classifier.bundle import BundleError, load_bundle
from cifarlens.data.dataset import load_dataset
from cifarlens.files import write_csv, write_json
from cifarlens.params import load_params
from cifarlens.reporting.explain import explain
from cifarlens.reporting.galleries import draw_galleries
from cifarlens.reporting.glance_section import Settings
from cifarlens.reporting.gradcam import choose_layer
from cifarlens.reporting.report import write_report
from cifarlens.reporting.run import read_run
from cifarlens.reporting.run_log import write_run_log
from cifarlens.reporting.training_curves import draw_training
from cifarlens.stage import run_stage


def main() -> None:
    gradcam, source = load_params("gradcam", "data.source")
    settings = Settings(
        *load_params("seed", "batch_size", "peak_epoch", "lr_max", "lr_min"),
        *load_params("data.val_size", "augment", "optimizer"),
    )
    dataset, bundle = load_dataset(paths.DATASET), load_bundle(paths.MODEL)
    layer = choose_layer(gradcam.layer, bundle)
    run = read_run(source, settings, dataset, bundle)
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
