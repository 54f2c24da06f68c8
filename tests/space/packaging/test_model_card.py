import dataclasses
import json
import re
import subprocess
import sys
from hashlib import sha256

import pytest
from huggingface_hub import ModelCard, SpaceCard
from PIL import Image
from space_making import ODD_NAMES, RECIPE, make_ingredients

from cifarlens.classifier.bundle import load_bundle
from cifarlens.space.packaging.package import package_space
from cifarlens.space.packaging.runs import read_runs


@pytest.mark.parametrize(
    ("source", "hub_id"), [("digits", None), ("folder", None), ("cifar10", "uoft-cs/cifar10")]
)
def test_the_front_matter_has_the_fields_of_the_hub(tmp_path, source, hub_id):
    """The images are the digits; the names of the classes are hard for YAML."""
    ingredients, space = make_ingredients(tmp_path, ODD_NAMES), tmp_path / "space"
    package_space(space, dataclasses.replace(ingredients, source=source))
    data = ModelCard.load(space / "model/README.md").data
    assert (data.license, data.pipeline_tag) == ("mit", "image-classification")
    assert data.metrics == ["accuracy"]
    datasets = [hub_id] if hub_id else None
    assert data.datasets == SpaceCard.load(space / "README.md").data.datasets == datasets
    test = json.loads((space / "card.json").read_text())["test"]
    assert {result.metric_type: result.metric_value for result in data.eval_results} == {
        "accuracy": test["accuracy"],
        "cross_entropy": test["loss"],
        "expected_calibration_error": test["calibration_error"],
    }
    for result in data.eval_results:
        assert (result.dataset_type, result.dataset_split) == (hub_id or source, "test")


def test_it_lists_the_runs_of_the_recipe_if_this_run_is_one_of_them(tmp_path):
    ingredients, space = make_ingredients(tmp_path), tmp_path / "space"
    path, weights = tmp_path / "runs.csv", tmp_path / "models/model.safetensors"
    digest = sha256(weights.read_bytes()).hexdigest()[:16]
    path.write_text(
        "seed,accuracy,hardware,training_seconds,date,commit,weights\n"
        "0,0.94,NVIDIA H200,25,2026-11-27,6f133ca,e823778762632139\n"
        f"0,0.945,two CPU cores,7200,2026-11-28,abcdef0,{digest}\n"
        "1,0.932,NVIDIA H200,21,2026-11-27,6f133ca,aba58896c57dcf1c\n"
    )
    package_space(space, dataclasses.replace(ingredients, runs=read_runs(path, weights)))
    card = (space / "model/README.md").read_text()
    assert "of the 3 runs is **93.90%**, with a sample\nstandard deviation of 0.66" in card
    table = card[card.index("| seed |") :].splitlines()
    assert table[2] == "| 0 | 94.50% | two CPU cores | 2 h 0 min | 2026-11-28 | abcdef0 |"
    assert [line.split(" | ")[1] for line in table[2:5]] == ["94.50%", "94.00%", "93.20%"]
    assert read_runs(path, path) == []
    package_space(space, ingredients)
    assert "## Runs" not in (space / "model/README.md").read_text()


def test_it_states_the_run_and_its_code_loads_the_bundle(space, tmp_path):
    bundle = space / "model"
    card = (bundle / "README.md").read_text()
    for words in ("## Intended use", "## Out-of-scope use", "## Limits", "under CC BY 4.0"):
        assert words in card
    assert all(f"\n| {name} | {value} |\n" in card for name, value in RECIPE.items())
    Image.new("RGB", (50, 40), "teal").save(tmp_path / "picture.png")
    for name in ("model.safetensors", "config.json"):
        (tmp_path / name).symlink_to(bundle / name)
    code = "\n".join(re.findall(r"```python\n(.*?)```", card, re.DOTALL))
    code += "print(len(weights))"
    answer = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True)
    *shares, tensors = answer.splitlines()
    network = load_bundle(bundle).network  # its folder also holds the card
    assert int(tensors) == len(network.state_dict())
    assert [line.split(": ")[0] for line in shares] == [str(label) for label in range(10)]


def test_the_thumbnail_is_small_and_has_the_size_of_a_preview(space):
    with Image.open(space / "thumbnail.png") as image:
        assert image.size == (1200, 630)
    assert (space / "thumbnail.png").stat().st_size < 60_000
