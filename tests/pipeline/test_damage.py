"""`dvc repro`, or git and DVC, restore what a user or a failed run has damaged."""

import re
from pathlib import Path

import numpy as np
import pytest
from project import edit, ran

from cifarlens.runtime.files import read_json


def change_labels(path):
    labels = np.load(path)
    path.unlink()  # as an editor does, since DVC may have linked it from its cache
    np.save(path, (labels + 1) % 10)


def rewrite(path, change):
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(change(content))


DAMAGES = {
    "metrics/evaluate.json": Path.unlink,
    "metrics/train.json": lambda path: rewrite(
        path, lambda content: content.replace(b"epochs", b"epoch")
    ),
    "reports/plots/lr_find.csv": Path.unlink,
    "data/dataset/train_labels.npy": change_labels,
    "data/dataset/test_images.npy": Path.unlink,
    "models/model.safetensors": lambda path: rewrite(path, lambda content: content[:-4] + bytes(4)),
    "models/config.json": lambda path: rewrite(path, lambda content: content[: len(content) // 2]),
    "reports/index.html": lambda path: rewrite(path, lambda content: content + b"<p>better</p>"),
    "space/notes.txt": lambda path: path.write_text("a file too many"),
}


@pytest.mark.parametrize("lock", ["intact", "deleted"])
def test_repro_restores_damaged_files_from_the_cache_and_only_reads_the_images_again(project, lock):
    before = project.outputs()
    for path, damage in DAMAGES.items():
        damage(project.folder / path)
    if lock == "deleted":
        (project.folder / "dvc.lock").unlink()
    output = project.run("dvc", "repro")
    assert ran(output) == ["download"]
    assert "is cached - skipping run, checking out outputs" in output
    assert project.outputs() == before
    assert project.run("git", "status", "--porcelain") == ""
    assert "up to date" in project.run("dvc", "status")


def test_a_damaged_lock_is_named_and_git_has_it(project):
    lock = project.folder / "dvc.lock"
    rewrite(lock, lambda content: content[: len(content) // 2] + b"\n\t{")
    output = project.run("dvc", "repro", code=255)
    assert "dvc.lock" in output
    assert "Traceback" not in output
    project.run("git", "checkout", "dvc.lock")
    assert "Running stage" not in project.run("dvc", "repro")


def test_a_loss_of_nan_fails_the_stage_and_the_last_results_come_back(project):
    code = project.folder / "stages/train.py"
    accuracy = read_json(project.folder / "metrics/evaluate.json")["accuracy"]
    poison = "    next(setup.network.parameters()).data.fill_(float('nan'))\n"
    edit(code, "    run = describe_run(\n", poison + "    run = describe_run(\n")
    project.params(ema_decay=0.5)  # so that the run does not resume the finished one
    try:
        output = project.run("dvc", "repro", "train", code=255)
    finally:
        project.restore()
    message = re.search(r"error: The loss is nan at step 1 of (\d+) \(epoch 1 of 2\), .*", output)
    assert message, output
    assert "Lower lr_max" in message[0]
    assert "Traceback" not in output
    assert read_json(project.folder / "metrics/evaluate.json")["accuracy"] == accuracy
    assert "Running stage" not in project.run("dvc", "repro")
