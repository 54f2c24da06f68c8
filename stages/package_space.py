"""Packages the model and the demo app as a folder ready to push to Hugging Face Spaces."""

import numpy as np

from cifarlens.classifier.bundle import BundleError
from cifarlens.dataset.arrays import load_dataset
from cifarlens.params import load_params
from cifarlens.runtime import paths
from cifarlens.runtime.files import read_json
from cifarlens.runtime.stage import run_stage
from cifarlens.space.packaging.package import Ingredients, package_space
from cifarlens.training.recipe import describe_recipe


def main() -> None:
    params = load_params()
    recipe = describe_recipe(
        batch_size=params.batch_size,
        peak_epoch=params.peak_epoch,
        augment=params.augment,
        optimizer=params.optimizer,
        loss=params.loss,
        train=read_json(paths.TRAIN_METRICS),
    )
    ingredients = Ingredients(
        model=paths.MODEL,
        dataset=load_dataset(paths.DATASET),
        test_logits=np.load(paths.TEST_LOGITS),
        test_metrics=read_json(paths.EVALUATE_METRICS),
        lock=paths.LOCK,
        source=params.data.source,
        space=params.space,
        opacity=params.gradcam.opacity,
        recipe=recipe,
    )
    package_space(paths.SPACE, ingredients)


if __name__ == "__main__":
    run_stage(main, BundleError)
