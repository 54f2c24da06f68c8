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
from cifarlens.space.packaging.runs import RUNS
from cifarlens.space.packaging.scenes import SCENES, draw_scenes

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "release"
STAGES = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
MD5S = {out["path"]: out["md5"] for stage in STAGES.values() for out in stage.get("outs", [])}


def released(path: Path) -> Path:
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
    assert {path for path in MD5S if path.startswith("models/")} == set(map(str, FILES[:3]))
    assert FILES[3] == paths.TEST_LOGITS
    files = {path for path in FOLDER.rglob("*") if path.is_file()}
    assert files == {released(path) for path in FILES}
    for path in FILES:
        assert hashlib.md5(released(path).read_bytes()).hexdigest() == MD5S[str(path)], path


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


def test_the_run_is_one_of_the_listed_ones_and_the_card_says_so():
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    accuracy = read_json(ROOT / paths.EVALUATE_METRICS)["accuracy"]
    runs = {(int(row["seed"]), float(row["accuracy"])) for row in read_csv(ROOT / RUNS)}
    assert (params["seed"], accuracy) in runs
    card = released(paths.MODEL_CARD).read_text()
    assert f"| {params['seed']} | {accuracy:.2%} |" in card


def test_the_network_classifies_every_scene(bundle):
    names = [scene.__name__ for scene in SCENES]
    assert tuple(names) == bundle.config.classes
    answers = predict_logits(bundle, draw_scenes()).argmax(axis=1)
    assert [bundle.config.classes[answer] for answer in answers] == names
