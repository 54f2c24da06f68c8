"""What the user's hand or a failed run has damaged, `dvc repro` puts right; or git and DVC do."""

import re

import numpy as np
import pytest
from project import Project

from cifarlens.runtime.files import read_json


def change_data(folder):
    path = folder / "data/dataset/train_labels.npy"
    labels = np.load(path)
    path.unlink()  # as an editor does, since DVC may have linked it from its cache
    np.save(path, (labels + 1) % 10)


def rewrite(path, change):
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(change(content))


DAMAGES = {
    "dvc.lock deleted": lambda folder: (folder / "dvc.lock").unlink(),
    "a metric deleted": lambda folder: (folder / "metrics/evaluate.json").unlink(),
    "a metric edited": lambda folder: rewrite(
        folder / "metrics/train.json", lambda content: content.replace(b"epochs", b"epoch")
    ),
    "a curve deleted": lambda folder: (folder / "reports/plots/lr_find.csv").unlink(),
    "labels changed": change_data,
    "an array deleted": lambda folder: (folder / "data/dataset/test_images.npy").unlink(),
    "weights edited": lambda folder: rewrite(
        folder / "models/model.safetensors", lambda content: content[:-4] + b"\0\0\0\0"
    ),
    "weights cut": lambda folder: rewrite(
        folder / "models/model.safetensors", lambda content: content[: len(content) // 2]
    ),
    "the report edited": lambda folder: rewrite(
        folder / "reports/index.html", lambda content: content + b"<p>better</p>"
    ),
    "a file too many in the Space": lambda folder: (folder / "space/notes.txt").write_text("x"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_repro_puts_it_right_without_training_again(project, damage):
    before = project.outputs()
    DAMAGES[damage](project.folder)
    output = project.run("dvc", "repro")
    assert "Running stage" not in output
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


def test_a_loss_that_is_no_number_fails_the_stage_and_the_last_results_come_back(project):
    code = project.folder / "src/cifarlens/training/one_cycle/fit.py"
    accuracy = read_json(project.folder / "metrics/evaluate.json")["accuracy"]
    text = code.read_text()
    line = "    history = History()\n"
    assert line in text
    poison = "    next(setup.network.parameters()).data.fill_(float('nan'))\n"
    code.write_text(text.replace(line, line + poison))
    try:  # untraced: the trace of a stage that failed is not the stage's
        output = Project(project.folder).run("dvc", "repro", "train", code=255)
    finally:
        project.run("git", "checkout", "-q", ".")
        project.run("dvc", "checkout", "-q")
    found = re.search(r"error: The loss is nan at step 1 of (\d+) \(epoch 1 of 2\), .*", output)
    assert found, output
    assert "lower lr_max" in found[0]
    assert "Traceback" not in output
    assert read_json(project.folder / "metrics/evaluate.json")["accuracy"] == accuracy
    assert "Running stage" not in project.run("dvc", "repro")
