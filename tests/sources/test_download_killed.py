"""The download stage, killed: nothing half-made is taken for whole, and the next run succeeds."""

import shutil
import signal
from dataclasses import replace

import pytest
from archive_making import SmallStage

from cifarlens.dataset.arrays import dataset_digest
from cifarlens.sources.cifar10 import ARCHIVE


def is_sound(stage: SmallStage, good: bytes) -> bool:
    """Whether all that has its final name is whole; true if nothing has."""
    archive, dataset = (stage.folder / path for path in (ARCHIVE, "data/dataset"))
    whole = not dataset.exists() or dataset_digest(dataset) == stage.digest
    return whole and (not archive.exists() or archive.read_bytes() == good)


def every_moment(stage: SmallStage) -> list[SmallStage]:
    """Projects in which the stage was killed before each of its file operations in turn.

    In the last one it went through. In copies of them it ran again, and succeeded.
    """
    top, start = stage.folder, stage.folder / "start"
    content = list(top.iterdir())
    start.mkdir()
    for path in content:
        shutil.move(path, start)
    process = stage.start(kill_everywhere=True)
    printed, shown = process.communicate(timeout=120)
    assert process.returncode == 0, shown
    count = int(printed.split()[-1])
    for number in range(1, count + 1):
        replace(stage, folder=top / f"again-{number}").intact()
    return [replace(stage, folder=top / f"kill-{number}") for number in range(1, count + 1)]


def test_killed_before_each_file_operation(mirrored, good):
    runs = every_moment(mirrored)
    assert len(runs) > 20
    assert [run for run in runs if not is_sound(run, good)] == []
    whole = [run for run in runs if (run.folder / "data" / "dataset").exists()]
    assert len(whole) < len(runs) / 2


def test_killed_while_an_old_data_set_is_replaced(mirrored, good):
    mirrored.succeeds()
    runs = every_moment(mirrored)
    assert [run for run in runs if not is_sound(run, good)] == []
    lost = [run for run in runs if not (run.folder / "data" / "dataset").exists()]
    assert len(lost) == 1  # between the two renamings; the old one lies beside


@pytest.mark.parametrize("size", [1, 1000, 100_000, 300_000])
def test_killed_in_the_middle_of_writing_the_archive(size, mirrored, web, good):
    code, shown = mirrored.run(file_size=size, cut=True)
    assert code == -signal.SIGXFSZ, shown
    assert is_sound(mirrored, good)
    part = mirrored.folder / f"{ARCHIVE}.part"
    if size > 1:
        assert good.startswith(part.read_bytes())
        assert part.stat().st_size == size
    mirrored.succeeds()
    assert web.requests[-1][1].get("Range") == (f"bytes={size - 1}-" if size > 1 else None)


@pytest.mark.parametrize("size", [0, 100, 100_000, 300_000])
def test_killed_in_the_middle_of_writing_the_data_set(size, mirrored, good):
    mirrored.succeeds()
    shutil.rmtree(mirrored.folder / "data" / "dataset")
    code, shown = mirrored.run(file_size=size, cut=True)
    assert code == -signal.SIGXFSZ, shown
    assert not (mirrored.folder / "data" / "dataset").exists()
    mirrored.succeeds()
