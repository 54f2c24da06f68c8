"""A packaged Space runs on its own requirements alone, and answers as evaluate did.

The environment of `make test` links exactly the distributions that the Space's requirements.txt
brings; `python -m pytest -m clean_env` installs them with pip instead.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from space_environment import installed_environment, linked_environment, requirements
from space_making import ROOT, Running, make_ingredients, started

from cifarlens.classifier.predict import softmax

ABSENT = (
    "cifarlens",
    "stages",
    "pytorch_lightning",
    "lightning",
    "torchmetrics",
    "albumentations",
    "cv2",
    "pytorch_grad_cam",
    "dvc",
    "sklearn",
    "scipy",
    "matplotlib",
    "torchvision",
    "tensorboard",
    "pytest",
)
ASK = """
import importlib.util, json, sys
found = [name for name in json.loads(sys.argv[1]) if importlib.util.find_spec(name)]
print(json.dumps([found, sys.path]))
"""
PICTURES = 40


@pytest.fixture(
    scope="module", params=["linked", pytest.param("installed", marks=pytest.mark.clean_env)]
)
def python(
    request: pytest.FixtureRequest, space: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The interpreter of a clean environment."""
    folder = tmp_path_factory.mktemp("environment")
    if request.param == "linked":
        yield linked_environment(folder, requirements(space))
    else:
        yield installed_environment(folder, space)
        shutil.rmtree(folder)  # gigabytes


@pytest.fixture(scope="module")
def clean(python: Path, space: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A copy of the Space that runs there as the hub would run it."""
    folder = tmp_path_factory.mktemp("clean")
    hub = {"SYSTEM": "spaces", "PYTHONNOUSERSITE": "1"}
    with started(space, folder, [str(python), "app.py"], hub) as running:
        yield running


def test_training_and_this_repository_cannot_be_imported(python):
    done = subprocess.run(
        [python, "-I", "-c", ASK, json.dumps([*ABSENT, "torch", "gradio"])],
        capture_output=True,
        check=True,
        text=True,
    )
    found, path = json.loads(done.stdout)
    assert found == ["torch", "gradio"]
    assert not any(Path(place).is_relative_to(ROOT) for place in path)


def test_probabilities_equal_evaluates(clean, tmp_path):
    given = make_ingredients(tmp_path)
    expected = softmax(given.test_logits)
    client = Client(clean.url, verbose=False, download_files=str(tmp_path / "downloads"))
    for place in range(PICTURES):
        path = tmp_path / f"{place}.png"
        Image.fromarray(np.array(given.dataset.test_images[place])).save(path)
        answer = client.predict(handle_file(path), 10, api_name="/classify")
        found = {row["label"]: row["confidence"] for row in answer["confidences"]}
        assert set(found) == set(given.dataset.classes)
        for label, name in enumerate(given.dataset.classes):
            assert abs(found[name] - expected[place, label]) < 1e-5


def test_heat_maps_and_mistakes_work_there(clean, tmp_path):
    client = Client(clean.url, verbose=False, download_files=str(tmp_path / "downloads"))
    example = handle_file(clean.copy / "examples/0_0.png")
    maps = client.predict(example, 3, "layer3", 70, "LayerCAM", api_name="/gradcam")
    assert len(maps) == 3
    assert len(client.predict(12, "all classes", api_name="/misclassified")) == 12
