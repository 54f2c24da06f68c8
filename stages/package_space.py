"""A folder ready to push to Hugging Face as a Space."""

from cifarlens.classifier.bundle import BundleError
from cifarlens.dataset.arrays import load_dataset
from cifarlens.params import load_params
from cifarlens.runtime.files import read_metrics
from cifarlens.runtime.paths import (
    DATASET,
    EVALUATE_METRICS,
    LOCK,
    MODEL,
    SPACE,
    TEST_LOGITS,
    TRAIN_METRICS,
)
from cifarlens.runtime.stage import run_stage
from cifarlens.space.packaging.package import Ingredients, load_test_results, package_space
from cifarlens.space.packaging.recipe import MEASURED, recipe


def main() -> None:
    space, source = load_params("space", "data.source")
    epochs, peak_epoch, batch_size, optimizer, augment = load_params(
        "epochs", "peak_epoch", "batch_size", "optimizer", "augment"
    )
    logits, metrics = load_test_results(TEST_LOGITS, EVALUATE_METRICS)
    given = Ingredients(
        model=MODEL,
        dataset=load_dataset(DATASET),
        test_logits=logits,
        test_metrics=metrics,
        lock=LOCK,
        source=source,
        space=space,
        recipe=recipe(
            epochs=epochs,
            peak_epoch=peak_epoch,
            batch_size=batch_size,
            optimizer=optimizer,
            augment=augment,
            trained=read_metrics(TRAIN_METRICS, *MEASURED),
        ),
    )
    package_space(SPACE, given)


if __name__ == "__main__":
    run_stage(main, BundleError)
