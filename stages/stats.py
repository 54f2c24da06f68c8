"""Computes channel means and standard deviations and class counts."""

from cifarlens.dataset.arrays import load_dataset
from cifarlens.dataset.statistics import channel_statistics, class_counts
from cifarlens.runtime import paths
from cifarlens.runtime.files import write_json
from cifarlens.runtime.stage import run_stage


def main() -> None:
    dataset = load_dataset(paths.DATASET)
    mean, std = channel_statistics(dataset.train_images)
    counts = class_counts(dataset.train_labels, dataset.classes)
    images = len(dataset.train_labels)
    stats = {"class_counts": counts, "images": images, "mean": mean, "std": std}
    write_json(paths.STATS, stats)
    for name, values in (("mean", mean), ("std", std)):
        print(f"{name} (red, green, blue)", *(f"{value:.8f}" for value in values))


if __name__ == "__main__":
    run_stage(main)
