"""Packages the model and the demo app as a folder ready to push to Hugging Face Spaces."""

import numpy as np

from cifarlens.classifier.bundle import WEIGHTS, BundleError
from cifarlens.dataset.arrays import load_dataset
from cifarlens.evaluation.metrics import evaluate
from cifarlens.params import load_params
from cifarlens.runtime import paths
from cifarlens.runtime.files import read_json, write_bytes
from cifarlens.runtime.stage import run_stage
from cifarlens.space.packaging.model_card import MODEL_CARD
from cifarlens.space.packaging.package import Ingredients, describe_test, package_space, read_trust
from cifarlens.space.packaging.runs import RUNS, read_runs
from cifarlens.training.recipe import describe_recipe


def main() -> None:
    params = load_params()
    recipe = describe_recipe(
        epochs=params.epochs,
        batch_size=params.batch_size,
        ema_decay=params.ema_decay,
        peak_epoch=params.peak_epoch,
        augment=params.augment,
        optimizer=params.optimizer,
        loss=params.loss,
        train=read_json(paths.TRAIN_METRICS),
    )
    dataset, logits = load_dataset(paths.DATASET), np.load(paths.TEST_LOGITS)
    temperature = read_json(paths.EVALUATE_METRICS).get("temperature", 1.0)
    result = evaluate(logits / temperature, dataset.test_labels, dataset.classes)
    ingredients = Ingredients(
        model=paths.MODEL,
        dataset=dataset,
        test_logits=logits,
        test=describe_test(result),
        train_images=len(dataset.train_labels) - params.data.val_size,
        held_out=params.data.val_size,
        temperature=temperature,
        trust=read_trust(paths.TRUST),
        lock=paths.LOCK,
        source=params.data.source,
        fit=params.data.fit if params.data.source == "folder" else "crop",
        space=params.space,
        opacity=params.gradcam.opacity,
        recipe=recipe,
        runs=read_runs(RUNS, paths.MODEL / WEIGHTS),
    )
    package_space(paths.SPACE, ingredients)
    write_bytes(paths.MODEL_CARD, (paths.SPACE / MODEL_CARD).read_bytes())
    print(f"Space: {paths.SPACE}/")


if __name__ == "__main__":
    run_stage(main, BundleError)
