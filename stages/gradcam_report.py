"""Grad-CAM of misclassified and correct test images, and the report that ties all together."""

from cifarlens import paths
from cifarlens.classifier.bundle import BundleError, load_bundle
from cifarlens.data.dataset import load_dataset
from cifarlens.files import read_metrics, write_csv, write_json
from cifarlens.params import load_params
from cifarlens.reporting.cases import all_cases
from cifarlens.reporting.evaluation import evaluate
from cifarlens.reporting.explain import explain
from cifarlens.reporting.galleries import draw_galleries
from cifarlens.reporting.gradcam import check_layer
from cifarlens.reporting.report import Run, write_report
from cifarlens.reporting.tables import load_logits, read_columns, read_full_columns
from cifarlens.reporting.training_curves import draw_training
from cifarlens.stage import run_stage

TRAIN = ("train_loss", "train_accuracy")
VALIDATION = ("val_loss", "val_accuracy")  # of a run that held images out


def main() -> None:
    gradcam, source = load_params("gradcam", "data.source")
    dataset, bundle = load_dataset(paths.DATASET), load_bundle(paths.MODEL)
    check_layer(gradcam.layer, bundle)
    labels, classes = dataset.test_labels, dataset.classes
    logits = load_logits(paths.TEST_LOGITS, len(labels), len(classes))
    cases, result = all_cases(logits, labels), evaluate(logits, labels, classes)
    stats = read_metrics(
        paths.STATS_METRICS, "images", lists=("mean", "std"), tables=("class_counts",)
    )
    finder = read_metrics(paths.LR_FIND_METRICS, "lr_max", "lr_min", "lr_knee")
    train = read_metrics(
        *(paths.TRAIN_METRICS, "epochs", "lr_max", "lr_min", "parameters", *TRAIN),
        optional=VALIDATION,
    )
    curve = read_full_columns(paths.LR_CURVE, "lr", "loss", "smooth")
    history = read_columns(paths.HISTORY, "epoch", "lr", *TRAIN, optional=VALIDATION)
    run = Run(source, dataset, bundle.config, cases, result, stats, finder, curve, train, history)
    found = explain(bundle, dataset.test_images, cases, gradcam.images, gradcam.layer)
    shown = gradcam.layer, gradcam.opacity
    draw_galleries(paths.GALLERY, found.mistakes, found.correct, classes, *shown)
    draw_training(paths.TRAINING_FIGURE, history)
    write_report(paths.REPORT, run, found, *shown)
    write_csv(paths.TRUST, ("map", "road", "similarity"), found.rows())
    write_json(paths.GRADCAM_METRICS, found.metrics())


if __name__ == "__main__":
    run_stage(main, BundleError)
