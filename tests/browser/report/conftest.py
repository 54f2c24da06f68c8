"""Opens the report of a run on the digits in the browser."""

import pytest
from playwright.sync_api import Page
from report_making import make_run, narrow_bundle, noisy_logits

from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation.explain import Explanations, explain
from cifarlens.report.report import write_report
from cifarlens.report.run import Run


@pytest.fixture(scope="session")
def run(digits: Dataset) -> Run:
    """Returns a run on all digits with a goal; about one in five predictions is wrong."""
    return make_run(digits, noisy_logits(digits.test_labels, 10, 1.6), source="cifar10")


@pytest.fixture(scope="session")
def explanations(run: Run) -> Explanations:
    return explain(narrow_bundle(run.dataset.classes), run.dataset.test_images, run.cases, 4)


@pytest.fixture(scope="session")
def report(run: Run, explanations: Explanations, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Returns the URL of a report."""
    path = tmp_path_factory.mktemp("report") / "index.html"
    write_report(path, run, explanations, opacity=0.6)
    return path.as_uri()


@pytest.fixture
def opened(page: Page, report: str) -> Page:
    page.goto(report)
    return page
