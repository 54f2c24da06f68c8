"""Fetches and verifies the images of `data.source` and writes them once, as arrays."""

from cifarlens import paths
from cifarlens.data.dataset import save_dataset
from cifarlens.data.sources import SOURCES
from cifarlens.params import load_params
from cifarlens.stage import run_stage


def main() -> None:
    (source,) = load_params("data.source")
    save_dataset(paths.DATASET, SOURCES[source]())


if __name__ == "__main__":
    run_stage(main)
