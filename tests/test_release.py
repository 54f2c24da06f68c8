"""The released weights in `release/`, and what they do with the drawn scenes."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from cifarlens.classifier.bundle import Bundle, load_bundle
from cifarlens.classifier.predict import predict_logits
from cifarlens.release.fetch import FILES
from cifarlens.runtime import paths
from cifarlens.runtime.files import read_csv, read_json
from cifarlens.space.packaging.runs import RUNS, read_runs
from cifarlens.space.packaging.scenes import SCENES, draw_scenes

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "release"
STAGES = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
MD5S = {out["path"]: out["md5"] for stage in STAGES.values() for out in stage.get("outs", [])}


def released(path: Path | str) -> Path:
    """The file in `release/` of an output in dvc.lock."""
    md5 = MD5S[str(path)]
    return FOLDER / "files/md5" / md5[:2] / md5[2:]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("models")
    for path in FILES[:2]:
        shutil.copy(released(path), folder / path.name)
    return load_bundle(folder)


def test_the_folder_holds_exactly_the_model_and_the_test_logits_of_dvc_lock():
    """None of them is made of images."""
    named = [*(path for path in MD5S if path.startswith("models/")), str(paths.TEST_LOGITS)]
    assert set(named) == {*map(str, FILES), str(paths.MODEL_CARD)}
    files = {path for path in FOLDER.rglob("*") if path.is_file()}
    assert files == {released(path) for path in named}
    for path in named:
        content = released(path).read_bytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == MD5S[path], path


def test_the_logits_are_those_of_the_committed_metrics(bundle):
    logits = np.load(released(paths.TEST_LOGITS))
    assert logits.shape == (10_000, 10)
    confusion = read_csv(ROOT / "reports/plots/confusion.csv")
    predicted = dict.fromkeys(bundle.config.classes, 0)
    for row in confusion:
        predicted[row["predicted"]] += int(row["images"])
    assert list(predicted.values()) == np.bincount(logits.argmax(axis=1)).tolist()
    correct = sum(int(row["images"]) for row in confusion if row["actual"] == row["predicted"])
    assert correct / 10_000 == read_json(ROOT / paths.EVALUATE_METRICS)["accuracy"]


def test_the_run_is_listed_and_held_no_images_out():
    """A Space of the weights alone counts on all training images."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert params["data"]["val_size"] == 0
    run, *_ = read_runs(ROOT / RUNS, released(FILES[0]))
    assert int(run["seed"]) == params["seed"]
    assert float(run["accuracy"]) == read_json(ROOT / paths.EVALUATE_METRICS)["accuracy"]
    card = released(paths.MODEL_CARD).read_text()
    assert f"| {run['seed']} | {float(run['accuracy']):.2%} | {run['hardware']} |" in card


def test_the_network_classifies_every_scene(bundle):
    names = [scene.__name__ for scene in SCENES]
    assert tuple(names) == bundle.config.classes
    answers = predict_logits(bundle, draw_scenes()).argmax(axis=1)
    assert [bundle.config.classes[answer] for answer in answers] == names
