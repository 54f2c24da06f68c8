import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image
from space_making import OPACITY, ROOT, files, make_ingredients

from cifarlens.classifier.bundle import BundleError
from cifarlens.dataset.arrays import save_dataset
from cifarlens.explanation.explain import TRUST_COLUMNS, Explanations
from cifarlens.explanation.gradcam import map_name
from cifarlens.runtime import paths, stage
from cifarlens.runtime.files import write_array, write_csv, write_json
from cifarlens.space.app.contents import load_contents
from stages import package_space


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, explanations: Explanations) -> Path:
    """A folder with the inputs of the stage, which is also the working directory."""
    ingredients = make_ingredients(tmp_path)
    save_dataset(tmp_path / "data/dataset", ingredients.dataset)
    write_array(tmp_path / "data/evaluation/test_logits.npy", ingredients.test_logits)
    write_csv(tmp_path / paths.TRUST, TRUST_COLUMNS, explanations.rows())
    rates = {"lr_max": 0.00431, "lr_min": 1e-05}
    write_json(tmp_path / "metrics/train.json", rates)
    write_json(tmp_path / "metrics/evaluate.json", {"temperature": 0.8})
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    shutil.copy(ROOT / "metrics/runs.csv", tmp_path / "metrics")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["data"] |= {"source": "digits", "val_size": 50, "fit": "pad"}
    params["space"] = {"mistakes": 12, "top_classes": 3}
    params["gradcam"]["opacity"] = OPACITY
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["package_space.py"])
    return tmp_path


def run_stage() -> None:
    stage.run_stage(package_space.main, BundleError)


def test_the_stage_builds_the_same_space_with_its_own_recipe_and_verdicts(
    project, space, explanations
):
    run_stage()
    actual, expected = files(project / "space"), files(space)
    actual_card = json.loads(actual.pop("card.json"))
    expected_card = json.loads(expected.pop("card.json"))
    assert "up to 0.00431" in dict(actual_card.pop("recipe"))["Learning rate"]
    del expected_card["recipe"], expected_card["trust"]
    for layer, verdicts in actual_card.pop("trust").items():
        for method, verdict in verdicts.items():
            trusted = explanations.trusted(map_name(layer, method))
            assert (verdict["faithful"], verdict["changes"]) == trusted
    assert actual_card == expected_card
    assert (project / "models/README.md").read_bytes() == actual["model/README.md"]
    for name in ("README.md", "model/README.md"):  # contain the recipe
        del actual[name], expected[name]
    assert actual == expected


@pytest.mark.parametrize(("source", "borders"), [("digits", 0), ("folder", 16)])
def test_a_picture_becomes_a_square_as_the_training_images_did(project, source, borders):
    """Only images from a folder get borders."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["data"]["source"] = source
    Path("params.yaml").write_text(yaml.safe_dump(params))
    run_stage()
    Image.new("RGB", (200, 100), "teal").save("wide.png")
    pixels = load_contents(Path("space")).open(Path("wide.png"))
    assert (pixels.max((1, 2)) == 0).sum() == borders


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("models/config.json", "The model bundle in models/ has no config.json"),
        ("data/evaluation/test_logits.npy", "test_logits.npy is missing"),
    ],
)
def test_the_stage_names_a_missing_file_and_writes_nothing(project, path, words, capsys):
    (project / path).unlink()
    with pytest.raises(SystemExit, match="2"):
        run_stage()
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert words in error
    assert not (project / "space").exists()
