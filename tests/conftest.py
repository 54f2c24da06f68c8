"""Fixtures for most tests: a small real dataset, quiet libraries and one thread per process."""

import os  # its settings come before what reads them
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side, a core each
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"  # all tests' servers

import numpy as np
import properties  # noqa: F401  # keeps hypothesis' own files out of the checkout
import pytest
from report_making import make_run, narrow_bundle, noisy_logits

from cifarlens.classifier.bundle import Bundle
from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation.explain import Explanations, explain
from cifarlens.report.run import Run
from cifarlens.sources.digits import read_digits

SLOW = (  # files and folders that run DVC, a browser, a server or several processes
    *("pipeline", "browser", "benchmarks", "report/test_stages.py", "training/test_devices.py"),
    *("sources/test_download_killed.py", "space/app/test_abuse.py", "space/app/test_api.py"),
    *("space/packaging/test_clean_environment.py", "space/packaging/test_push.py"),
    *("space/packaging/test_serve.py", "comparison/test_results.py"),
)


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = Path(__file__).parent
    for item in items:
        if any(item.path.is_relative_to(folder / name) for name in SLOW):
            item.add_marker(pytest.mark.slow)
    # Its fixture takes longest. Started first, it is ready when other test processes need it.
    items.sort(key=lambda item: item.path.name != "test_declared.py")


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """All 1,797 digits."""
    return read_digits()


@pytest.fixture(scope="session")
def few_digits(digits: Dataset) -> Dataset:
    """The first 200 train and 100 test digits."""
    return replace(
        digits,
        train_images=digits.train_images[:200],
        train_labels=digits.train_labels[:200],
        test_images=digits.test_images[:100],
        test_labels=digits.test_labels[:100],
    )


@pytest.fixture(scope="session")
def bundle(few_digits: Dataset) -> Bundle:
    return narrow_bundle(few_digits.classes)


@pytest.fixture(scope="session")
def logits(few_digits: Dataset) -> np.ndarray:
    """For the 100 test digits; some 20 of them are misclassified."""
    return noisy_logits(few_digits.test_labels, 10, 1.4)


@pytest.fixture(scope="session")
def run(few_digits: Dataset, logits: np.ndarray) -> Run:
    return make_run(few_digits, logits)


@pytest.fixture(scope="session")
def explanations(bundle: Bundle, few_digits: Dataset, run: Run) -> Explanations:
    return explain(bundle, few_digits.test_images, run.cases, 3)
