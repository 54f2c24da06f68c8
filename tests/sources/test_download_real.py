"""The real archive through a real transfer: killed, cut, resumed, whole; where this machine has it.

Nothing is replaced here: the stage runs as `python -m stages.download`, with the published sums.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from archive_making import ROOT

from cifarlens.dataset.arrays import dataset_digest
from cifarlens.sources.cifar10 import ARCHIVE

SHARED = ROOT.parent / "shared" / "cifar10"
NAME = "cifar-10-python.tar.xz"
DIGEST = "84e63f1a63a5a7af4ba2baa252cc7a353077502433d2a2351efeba0e57f17371"  # of data/dataset
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def archive() -> bytes:
    parts = sorted(SHARED.glob(f"{NAME}.part?"))
    if not parts:
        pytest.skip("no real CIFAR-10 here: not in ../shared/cifar10")
    return b"".join(part.read_bytes() for part in parts)


@pytest.fixture
def folder():
    """Removed at once: pytest would keep it for the next three runs."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "params.yaml", folder)
        yield Path(folder)


def test_killed_and_cut_it_arrives_whole(archive, folder, web):
    web.files[f"/{NAME}"] = archive
    environment = {
        **os.environ,
        "CIFAR10_SOURCE": f"{web.url}/{NAME}",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "stages.download"]
    part = folder / f"{ARCHIVE}.part"
    web.faults = [
        web.fault(end=50 * MEGABYTE, wait=True),  # killed here
        web.status(503),
        web.fault(end=90 * MEGABYTE),
    ]
    process = subprocess.Popen(command, cwd=folder, env=environment)
    deadline = time.monotonic() + 60
    while not part.is_file() or part.stat().st_size < 49 * MEGABYTE:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert archive.startswith(part.read_bytes())
    assert not (folder / "data" / "dataset").exists()

    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    assert done.stderr.decode().count("trying again") == 2
    starts = [int(headers.get("Range", "bytes=0-")[6:-1]) for _, headers in web.requests]
    assert starts[0] == 0
    assert 49 * MEGABYTE <= starts[1] == starts[2] <= 50 * MEGABYTE
    assert 89 * MEGABYTE <= starts[3] <= 90 * MEGABYTE
    assert dataset_digest(folder / "data" / "dataset") == DIGEST
    assert list((folder / ARCHIVE).parent.iterdir()) == [folder / ARCHIVE]
