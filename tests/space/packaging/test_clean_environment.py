"""A packaged Space runs on its own requirements alone, and its answers equal those of `evaluate`.

By default the environment links the installed packages that the Space's requirements.txt needs.
`python -m pytest -m clean_env` installs them with pip instead.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from packaging.utils import canonicalize_name
from PIL import Image
from space_environment import install_environment, link_environment, read_requirements
from space_making import ROOT, RunningSpace, make_ingredients, run_copy

from cifarlens.classifier.predict import softmax
from cifarlens.space.packaging.shipped import CUDA

ABSENT = ("cifarlens", "stages", "pytorch_lightning", "albumentations", "dvc", "pytest")
ASK = """
import importlib.util, json, sys
names = [name for name in json.loads(sys.argv[1]) if importlib.util.find_spec(name)]
print(json.dumps([names, sys.path]))
"""
LIST = """
import json
from importlib.metadata import distributions
print(json.dumps({found.name: found.version for found in distributions()}))
"""
IMAGES = 20


@pytest.fixture(
    scope="module", params=["linked", pytest.param("installed", marks=pytest.mark.clean_env)]
)
def python(
    request: pytest.FixtureRequest, space: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The Python of a clean environment."""
    folder = tmp_path_factory.mktemp("environment")
    if request.param == "linked":
        yield link_environment(folder, read_requirements(space))
    else:
        yield install_environment(folder, space)
        shutil.rmtree(folder)  # gigabytes


@pytest.fixture(scope="module")
def app(
    python: Path, space: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningSpace]:
    """A copy of the Space that runs in the clean environment with the settings of the hub."""
    folder, command = tmp_path_factory.mktemp("clean"), [str(python), "app.py"]
    with run_copy(space, folder, command=command, SYSTEM="spaces", PYTHONNOUSERSITE="1") as copy:
        yield copy


def test_training_code_and_this_repository_cannot_be_imported(python):
    output = subprocess.check_output(
        [python, "-I", "-c", ASK, json.dumps([*ABSENT, "torch", "gradio"])]
    )
    names, path = json.loads(output)
    assert names == ["torch", "gradio"]
    assert not any(Path(entry).is_relative_to(ROOT) for entry in path)


def test_exactly_the_pinned_versions_are_installed(python, space):
    found = json.loads(subprocess.check_output([python, "-I", "-c", LIST]))
    others = ("pip", "setuptools", *(() if "+cpu" in found["torch"] else CUDA))
    actual = {canonicalize_name(name): found[name].partition("+")[0] for name in found}
    pins = {canonicalize_name(pin.name): str(pin.specifier) for pin in read_requirements(space)}
    expected = {name: pins[name].removeprefix("==") for name in pins}
    for versions in (actual, expected):
        for name in [name for name in versions if name.startswith(others)]:
            del versions[name]
    assert actual == expected


def test_probabilities_equal_those_of_evaluate(app, tmp_path):
    ingredients = make_ingredients(tmp_path)
    expected = softmax(ingredients.scaled_logits)
    for index in range(IMAGES):
        path = tmp_path / f"{index}.png"
        Image.fromarray(np.array(ingredients.dataset.test_images[index])).save(path)
        event, (answer,) = app.ask("classify", app.upload(path.name, path.read_bytes()), 10)
        assert event == "complete"
        actual = {row["label"]: row["confidence"] for row in answer["confidences"]}
        assert set(actual) == set(ingredients.dataset.classes)
        for label, name in enumerate(ingredients.dataset.classes):
            assert abs(actual[name] - expected[index, label]) < 1e-5


def test_heat_maps_and_mistakes_work(app, space):
    example = app.upload("0.png", (space / "examples/0_0.png").read_bytes())
    event, (maps,) = app.ask("gradcam", example, 3, "layer3", 70, "LayerCAM", [])
    assert (event, len(maps)) == ("complete", 3)
    event, (mistakes,) = app.ask("misclassified", 12, "all classes", "all classes")
    assert (event, len(mistakes)) == ("complete", 12)
