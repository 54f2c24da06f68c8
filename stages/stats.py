"""Pixel mean and standard deviation per channel, class counts and pictures of the train images."""

from cifarlens.dataset.arrays import load_dataset
from cifarlens.dataset.statistics import channel_statistics, class_counts
from cifarlens.figures.dataset import draw_dataset
from cifarlens.runtime.files import write_json
from cifarlens.runtime.paths import DATASET, DATASET_FIGURES, STATS_METRICS
from cifarlens.runtime.stage import run_stage


def main() -> None:
    dataset = load_dataset(DATASET)
    mean, std = channel_statistics(dataset.train_images)
    counts = class_counts(dataset.train_labels, dataset.classes)
    draw_dataset(DATASET_FIGURES, dataset, counts)
    images = len(dataset.train_labels)
    metrics = {"mean": mean, "std": std, "class_counts": counts, "images": images}
    write_json(STATS_METRICS, metrics)
    for name, values in (("mean", mean), ("std", std)):
        print(name, *(f"{value:.8f}" for value in values))


if __name__ == "__main__":
    run_stage(main)
