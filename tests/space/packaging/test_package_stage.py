"""The stage itself: the same Space as from code, and one sentence for what it cannot use."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from space_making import ROOT, files, make_ingredients

from cifarlens.dataset.arrays import save_dataset
from cifarlens.runtime.errors import UserError
from cifarlens.runtime.files import write_array, write_json
from cifarlens.space.packaging.package import load_test_results


def project(folder: Path) -> None:
    """What the stage reads, where it reads it."""
    given = make_ingredients(folder)
    save_dataset(folder / "data/dataset", given.dataset)
    write_array(folder / "data/evaluation/test_logits.npy", given.test_logits)
    write_json(folder / "metrics/evaluate.json", given.test_metrics)
    rates = {"lr_max": 0.00431, "lr_min": 1e-05}
    trained = {"epochs": 24, "kept_epoch": 24, "ema_decay": 0.0, "parameters": 103_000, **rates}
    write_json(folder / "metrics/train.json", trained)
    shutil.copy(ROOT / "requirements.lock", folder)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["data"]["source"], params["space"] = "digits", {"mistakes": 12, "top_classes": 3}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    shutil.copytree(ROOT / "stages", folder / "stages")


def spoil_metrics(folder: Path, **values: object) -> None:
    path = folder / "metrics/evaluate.json"
    content = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in content.items() if value != "DROP"}))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"accuracy": "x"}, "has accuracy as 'x', not a number"),
        ({"loss": float("nan")}, "has loss as nan, not a number"),
        ({"images": True}, "has images as True, not a number"),
        ({"correct": [1]}, r"has correct as \[1\], not a number"),
        ({"classes": 5}, "has classes as 5, not an object of numbers"),
        ({"classes": {"0": "x"}}, "has classes as .*, not an object of numbers"),
        ({"classes": "DROP"}, "has no classes"),
        ({"accuracy": "DROP"}, "has no accuracy"),
    ],
)
def test_metrics_edited_by_hand(tmp_path, values, words):
    project(tmp_path)
    spoil_metrics(tmp_path, **values)
    folders = tmp_path / "data/evaluation/test_logits.npy", tmp_path / "metrics/evaluate.json"
    with pytest.raises(UserError, match=f"evaluate.json {words}"):
        load_test_results(*folders)


@pytest.mark.parametrize("content", [b"", b"x", b"PK\3\4", b"\x93NUMPY\1\0\xff\xff{", b"\x80\4N."])
def test_damaged_logits(tmp_path, content):
    project(tmp_path)
    logits = tmp_path / "data/evaluation/test_logits.npy"
    logits.write_bytes(content)
    with pytest.raises(UserError, match=r"test_logits\.npy is damaged"):
        load_test_results(logits, tmp_path / "metrics/evaluate.json")


def run_stage(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "stages.package_space"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_stage_makes_the_same_space(space, tmp_path):
    project(tmp_path)
    done = run_stage(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    made, expected = files(tmp_path / "space"), files(space)
    card, other = json.loads(made.pop("card.json")), json.loads(expected.pop("card.json"))
    assert dict(card.pop("recipe"))["Highest learning rate (lr_max)"] == "0.00431"
    other.pop("recipe")
    assert card == other
    del made["README.md"], expected["README.md"]  # it tells of the recipe
    assert made == expected


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: shutil.rmtree(f / "models"), "The model bundle models has no config.json"),
        (lambda f: (f / "metrics/evaluate.json").write_text("{"), "evaluate.json is no JSON"),
        (lambda f: spoil_metrics(f, accuracy="x"), "evaluate.json has accuracy as 'x'"),
        (lambda f: (f / "requirements.lock").write_bytes(b"\xff"), "lock is not UTF-8 text"),
        (lambda f: (f / "metrics/train.json").write_text("{}"), "metrics/train.json has no epochs"),
        (lambda f: (f / "data/evaluation/test_logits.npy").write_bytes(b"x"), "is damaged"),
        (lambda f: (f / "data/evaluation/test_logits.npy").unlink(), "is missing"),
        (lambda f: (f / "data/dataset/classes.json").unlink(), "The data set in"),
        (lambda f: (f / "requirements.lock").unlink(), "requirements.lock is missing"),
    ],
)
def test_the_stage_names_what_is_wrong(tmp_path, spoil, words):
    project(tmp_path)
    spoil(tmp_path)
    done = run_stage(tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
    assert not (tmp_path / "space").exists()
