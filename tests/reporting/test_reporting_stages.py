"""Both stages as DVC runs them: in a folder with the files of the stages before."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_making import CURVE, FINDER, HISTORY, TRAIN, make_run, narrow_bundle
from ruamel.yaml import YAML

from cifarlens import paths
from cifarlens.classifier.bundle import save_bundle
from cifarlens.data.dataset import Dataset, save_dataset
from cifarlens.errors import UserError
from cifarlens.files import read_csv, read_json, write_csv, write_json
from stages import evaluate, gradcam_report

PARAMS = Path("params.yaml").resolve()


@pytest.fixture
def project(few_digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the stages up to training leave, with the project's own parameters but for digits."""
    monkeypatch.chdir(tmp_path)
    set_params(**{"data.source": "digits", "trainer.accelerator": "cpu", "gradcam.images": 10})
    save_dataset(paths.DATASET, few_digits)
    bundle = narrow_bundle(few_digits.classes)
    save_bundle(paths.MODEL, bundle.network, bundle.config)
    run = make_run(few_digits, np.eye(10, dtype=np.float32)[few_digits.test_labels])
    write_json(paths.STATS_METRICS, run.stats)
    write_json(paths.LR_FIND_METRICS, FINDER)
    write_json(paths.TRAIN_METRICS, TRAIN)
    write_csv(paths.LR_CURVE, list(CURVE), zip(*CURVE.values(), strict=True))
    write_csv(paths.HISTORY, list(HISTORY), zip(*HISTORY.values(), strict=True))
    return tmp_path


def set_params(**changes: object) -> None:
    """Writes params.yaml here: the project's, with some keys changed."""
    yaml = YAML()
    params = yaml.load(PARAMS.read_text(encoding="utf-8"))
    for key, value in changes.items():
        section, name = key.split(".")
        params[section][name] = value
    with Path("params.yaml").open("w", encoding="utf-8") as stream:
        yaml.dump(params, stream)


@pytest.mark.usefixtures("project")
def test_evaluate_writes_numbers_that_agree(few_digits: Dataset) -> None:
    evaluate.main()
    metrics = read_json(paths.EVALUATE_METRICS)
    logits = np.load(paths.TEST_LOGITS)
    assert logits.shape == (100, 10)
    assert logits.dtype == np.float32
    hits = int((logits.argmax(1) == few_digits.test_labels).sum())
    assert metrics["correct"] == hits
    assert metrics["accuracy"] == hits / 100
    rows = read_csv(paths.CONFUSION)
    assert sum(row["actual"] == row["predicted"] for row in rows) == hits
    assert len(rows) == 100
    for row in read_csv(paths.PER_CLASS):
        assert float(row["accuracy"]) == metrics["classes"][row["class"]]
    with Image.open(paths.CONFUSION_FIGURE) as picture:
        assert min(picture.size) > 300


@pytest.mark.usefixtures("project")
def test_evaluate_refuses_the_bundle_of_other_classes() -> None:
    (paths.DATASET / "classes.json").write_text(json.dumps([f"new {i}" for i in range(10)]))
    with pytest.raises(UserError, match="other classes"):
        evaluate.main()
    assert not paths.EVALUATE_METRICS.exists()


def test_the_report_is_the_same_again_and_names_no_place(project: Path) -> None:
    evaluate.main()
    gradcam_report.main()
    made = [
        paths.REPORT,
        paths.GRADCAM_METRICS,
        paths.TRAINING_FIGURE,
        paths.GALLERY / "misclassified.png",
        paths.GALLERY / "correct.png",
    ]
    before = [path.read_bytes() for path in made]
    gradcam_report.main()
    assert [path.read_bytes() for path in made] == before
    assert str(project).encode() not in before[0]
    metrics = read_json(paths.GRADCAM_METRICS)
    assert metrics["misclassified_images"] == 10
    assert -1 <= metrics["road_layer3"] <= 1


@pytest.mark.usefixtures("project")
def test_a_layer_that_the_bundle_lacks() -> None:
    evaluate.main()
    set_params(**{"data.source": "digits", "model.name": "resnet18", "gradcam.layer": "layer4"})
    with pytest.raises(UserError, match=r"layer4.*custom_resnet.*layer3"):
        gradcam_report.main()
    assert not paths.REPORT.exists()
    assert not paths.GALLERY.exists()
