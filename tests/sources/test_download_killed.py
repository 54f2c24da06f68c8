"""The killed download stage leaves nothing incomplete under a final name; the next run succeeds."""

import shutil
from dataclasses import replace

from archive_making import SmallStage

from cifarlens.dataset.arrays import dataset_digest
from cifarlens.sources.cifar10 import ARCHIVE


def is_sound(stage: SmallStage, archive: bytes) -> bool:
    """Whether the archive and the dataset are complete or missing."""
    path, dataset = (stage.folder / name for name in (ARCHIVE, "data/dataset"))
    return (not dataset.exists() or dataset_digest(dataset) == stage.digest) and (
        not path.exists() or path.read_bytes() == archive
    )


def kill_everywhere(stage: SmallStage) -> list[SmallStage]:
    """Returns projects in which the stage was killed before each of its file operations.

    The last project is that of a complete run. Runs in copies of all projects succeeded.
    """
    folder, start = stage.folder, stage.folder / "start"
    content = list(folder.iterdir())
    start.mkdir()
    for path in content:
        shutil.move(path, start)
    code, stderr = stage.run(kill_everywhere=True)
    assert code == 0, stderr
    numbers = range(1, len(list(folder.glob("kill-*"))) + 1)
    for number in numbers:
        replace(stage, folder=folder / f"again-{number}").check_data()
    return [replace(stage, folder=folder / f"kill-{number}") for number in numbers]


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
