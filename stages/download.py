"""Downloads and verifies the images of `data.source` and saves them as arrays."""

import os
import sys

from cifarlens.dataset.arrays import save_dataset
from cifarlens.params import load_params
from cifarlens.runtime import paths
from cifarlens.runtime.stage import run_stage
from cifarlens.sources import SOURCES
from cifarlens.sources.cifar10 import SOURCE_VARIABLE
from cifarlens.sources.source import FolderOptions


def main() -> None:
    params = load_params()
    source = params.data.source
    if source != "cifar10" and os.environ.get(SOURCE_VARIABLE, "").strip():
        note = f"note: {SOURCE_VARIABLE} is set but unused, because data.source is {source}."
        print(note, file=sys.stderr)
    options = FolderOptions(
        params.data.folder, params.data.fit, params.data.test_share, params.data.skip_bad
    )
    dataset = SOURCES[source].load(options)
    save_dataset(paths.DATASET, dataset)
    train, test = len(dataset.train_labels), len(dataset.test_labels)
    print(f"{train:,} training and {test:,} test images in {len(dataset.classes)} classes")


if __name__ == "__main__":
    run_stage(main)
