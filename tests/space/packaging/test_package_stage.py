"""The stage itself: the same Space as from code, and one sentence for what it cannot use."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from space_making import OPACITY, ROOT, files, make_ingredients

from cifarlens.dataset.arrays import save_dataset
from cifarlens.runtime.files import write_array, write_json


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
    params["gradcam"]["opacity"] = OPACITY
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    shutil.copytree(ROOT / "stages", folder / "stages")


def run_stage(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "stages.package_space"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_stage_makes_the_same_space(space, tmp_path):
    project(tmp_path)
    done = run_stage(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    made, expected = files(tmp_path / "space"), files(space)
    card, other = json.loads(made.pop("card.json")), json.loads(expected.pop("card.json"))
    assert "up to 0.00431" in dict(card.pop("recipe"))["Learning rate"]
    other.pop("recipe")
    assert card == other
    del made["README.md"], expected["README.md"]  # it tells of the recipe
    assert made == expected


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: shutil.rmtree(f / "models"), "The model bundle models has no config.json"),
        (lambda f: (f / "data/evaluation/test_logits.npy").unlink(), "is missing"),
        (lambda f: (f / "data/dataset/classes.json").unlink(), "classes.json is missing"),
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
