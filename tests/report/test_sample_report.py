"""The report in docs/ is what today's code makes of the run that is stored beside it."""

import re
import shutil
from pathlib import Path

import pytest

from cifarlens.dataset.arrays import Dataset, save_dataset
from cifarlens.runtime import paths
from stages import gradcam_report

SAMPLE = Path(__file__).parents[2] / "docs/sample-report"


def skeleton(page: Path) -> list[str]:
    """Returns the lines of a page without what varies between processors.

    These are pictures, numbers, and the names of clip paths, which matplotlib makes from them.
    """
    text = page.read_text(encoding="utf-8").replace(' href="../logs/runs.html"', "")
    text = re.sub(r"data:[\w/;+-]+,[^\"')]*", "data", text)
    text = re.sub(r"-p[0-9a-f]{10}\b", "-p", text)
    return re.sub(r"[-+]?[0-9]+([.][0-9]+)?(e-?[0-9]+)?", "#", text).splitlines()


def test_the_sample_report_is_todays(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this fails, run `make sample` and look at the page."""
    shutil.copytree(SAMPLE / "run", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    save_dataset(paths.DATASET, digits)
    gradcam_report.main()
    assert skeleton(paths.REPORT) == skeleton(SAMPLE / "index.html")


def test_the_sample_has_at_most_1_mb() -> None:
    sizes = [path.stat().st_size for path in SAMPLE.rglob("*")]
    assert sum(sizes) < 1_000_000
