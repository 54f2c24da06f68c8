"""Fetches and verifies the images of `data.source` and writes them once, as arrays."""

from cifarlens.dataset.arrays import save_dataset
from cifarlens.params import load_params
from cifarlens.runtime import paths
from cifarlens.runtime.stage import run_stage
from cifarlens.sources import SOURCES


def main() -> None:
    params = load_params()
    save_dataset(paths.DATASET, SOURCES[params.data.source]())


if __name__ == "__main__":
    run_stage(main)
