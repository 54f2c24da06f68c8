"""One run and its explanations, shared by the tests of this folder."""

import numpy as np
import pytest
from report_making import make_run, narrow_bundle, noisy_logits

from cifarlens.classifier.bundle import Bundle
from cifarlens.data.dataset import Dataset
from cifarlens.reporting.explain import Explanations, explain
from cifarlens.reporting.run import Run


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
