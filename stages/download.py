"""Gets and verifies the images of `data.source` and saves them as arrays."""

import os
import sys

from cifarlens.dataset.arrays import save_dataset
from cifarlens.dataset.duplicates import shared_images
from cifarlens.params import load_params
from cifarlens.runtime import paths
from cifarlens.runtime.stage import run_stage
from cifarlens.sources import SOURCES
from cifarlens.sources.source import FolderOptions


def main() -> None:
    params = load_params()
    source = SOURCES[params.data.source]
    for variable in (each.variable for each in SOURCES.values() if each is not source):
        if os.environ.get(variable, "").strip():
            reason = f"data.source is {params.data.source}"
            print(f"note: {variable} is set but unused, because {reason}.", file=sys.stderr)
    options = FolderOptions(
        params.data.folder, params.data.fit, params.data.test_share, params.data.skip_bad
    )
    dataset = source.load(options)
    save_dataset(paths.DATASET, dataset)
    train, test = len(dataset.train_labels), len(dataset.test_labels)
    print(f"{train:,} training and {test:,} test images in {len(dataset.classes)} classes")
    if shared := shared_images(dataset):
        print(
            f"note: {shared:,} of the test images are training images too, so the accuracy will be"
            " too high; remove the copies.",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run_stage(main)
