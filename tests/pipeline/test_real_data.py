"""The download stage on the real CIFAR-10, if this machine has it.

CIFAR10_SOURCE names it (a folder or an archive), or `../shared/cifar10/unpack DEST` creates the
folder of the official archive.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cifarlens.dataset.arrays import dataset_digest, load_dataset
from cifarlens.dataset.statistics import channel_statistics

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "cifar10"
MEAN = "0.49139968 0.48215841 0.44653091"
STD = "0.24703223 0.24348513 0.26158784"
DIGEST = "84e63f1a63a5a7af4ba2baa252cc7a353077502433d2a2351efeba0e57f17371"  # of data/dataset


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    """Removed at once: pytest would keep half a gigabyte for the next three runs."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def source(scratch: Path) -> str:
    named = os.environ.get("CIFAR10_SOURCE", "")
    if named and Path(named).exists():
        return str(Path(named).resolve())
    if not (SHARED / "unpack").is_file():
        pytest.skip("CIFAR-10 is neither at CIFAR10_SOURCE nor in ../shared/cifar10")
    subprocess.run([SHARED / "unpack", scratch], check=True, capture_output=True)
    return str(scratch)


def download(folder: Path, source: str) -> Path:
    """The folder of the data set that the stage wrote."""
    folder.mkdir()
    shutil.copy(ROOT / "params.yaml", folder)
    environment = {**os.environ, "CIFAR10_SOURCE": source, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "stages.download"]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return folder / "data" / "dataset"


@pytest.fixture(scope="module")
def folder(source: str, scratch: Path) -> Path:
    return download(scratch / "first", source)


def test_statistics_to_eight_places(folder):
    mean, std = channel_statistics(load_dataset(folder).train_images)
    assert " ".join(f"{value:.8f}" for value in mean) == MEAN
    assert " ".join(f"{value:.8f}" for value in std) == STD


def test_the_dataset_has_the_known_digest(folder):
    assert dataset_digest(folder) == DIGEST
