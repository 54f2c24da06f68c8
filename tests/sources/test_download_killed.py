"""The killed download stage leaves nothing incomplete under a final name; the next run succeeds."""

import itertools
import signal

from small_stage import SmallStage

from cifarlens.dataset.arrays import dataset_digest
from cifarlens.sources.cifar10 import ARCHIVE


def is_sound(stage: SmallStage, archive: bytes) -> bool:
    """Whether the archive and the dataset are complete or missing."""
    path, dataset = (stage.folder / name for name in (ARCHIVE.path, "data/dataset"))
    return (not dataset.exists() or dataset_digest(dataset) == stage.digest) and (
        not path.exists() or path.read_bytes() == archive
    )


def kill_everywhere(stage: SmallStage) -> list[SmallStage]:
    """Returns projects in which the stage was killed before each of its file operations.

    The last project is that of a complete run. Runs in copies of all projects succeeded.
    """
    killed: list[SmallStage] = []
    for number in itertools.count(1):
        killed.append(stage.copy(f"kill-{number}"))
        code, stderr = killed[-1].run(kill_before=number)
        killed[-1].copy(f"again-{number}").succeeds()
        if code != -signal.SIGKILL:
            assert code == 0, stderr
            break
    return killed


def test_killed_before_each_file_operation(web_stage, archive):
    runs = kill_everywhere(web_stage)
    assert len(runs) > 20
    assert [run for run in runs if not is_sound(run, archive)] == []
    complete = [run for run in runs if (run.folder / "data" / "dataset").exists()]
    assert len(complete) < len(runs) / 2


def test_killed_while_it_replaces_an_old_dataset(web_stage, archive):
    web_stage.succeeds()
    runs = kill_everywhere(web_stage)
    assert [run for run in runs if not is_sound(run, archive)] == []
    missing = [run for run in runs if not (run.folder / "data" / "dataset").exists()]
    assert len(missing) == 1  # between the two renames, when the old one has a temporary name
