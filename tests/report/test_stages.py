"""Both stages as DVC runs them: in a folder with the files of the stages before."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_making import CURVE, FINDER, HISTORY, RATES, TRAIN, make_run, narrow_bundle
from ruamel.yaml import YAML

from cifarlens.classifier.bundle import save_bundle
from cifarlens.dataset.arrays import Dataset, save_dataset
from cifarlens.runtime import paths
from cifarlens.runtime.errors import UserError
from cifarlens.runtime.files import read_csv, read_json, write_csv, write_json
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
    write_csv(paths.RATES, list(RATES), zip(*RATES.values(), strict=True))
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
    bins = read_csv(paths.CALIBRATION)
    assert sum(int(row["images"]) for row in bins) == 100
    gaps = [abs(float(row["accuracy"]) - float(row["confidence"])) for row in bins]
    error = sum(gap * int(row["images"]) for gap, row in zip(gaps, bins, strict=True)) / 100
    assert error == pytest.approx(metrics["calibration_error"], abs=1e-5)
    for path in (paths.CONFUSION_FIGURE, paths.CALIBRATION_FIGURE):
        with Image.open(path) as picture:
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
        paths.TRUST,
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


def spoil(path: Path, **values: object) -> None:
    """Edits a metrics file by hand; None takes a key out."""
    content = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in content.items() if value != "DROP"}))


def spoil_line(path: Path, line: str) -> None:
    """Puts a line in place of a table's last."""
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], line]) + "\n")


DAMAGED = [
    (lambda: spoil(paths.STATS_METRICS, mean=["a", "b", "c"]), "stats.json has mean as"),
    (lambda: spoil(paths.STATS_METRICS, images="many"), "stats.json has images as 'many'"),
    (lambda: spoil(paths.STATS_METRICS, class_counts=[1]), "stats.json has class_counts as"),
    (lambda: spoil(paths.LR_FIND_METRICS, lr_valley_end=float("nan")), "has lr_valley_end as nan"),
    (lambda: spoil(paths.LR_FIND_METRICS, lr_valley_start=0), "has lr_valley_start as 0"),
    (lambda: spoil(paths.LR_FIND_METRICS, lr_max=-1), "lr_find.json has lr_max as -1"),
    (lambda: spoil(paths.LR_FIND_METRICS, lr_min=True), "lr_find.json has lr_min as True"),
    (lambda: spoil(paths.TRAIN_METRICS, train_accuracy="x"), "train.json has train_accuracy as"),
    (lambda: spoil(paths.TRAIN_METRICS, train_loss="DROP"), "train.json has no train_loss"),
    (lambda: spoil(paths.TRAIN_METRICS, val_loss="DROP"), "train.json has no val_loss"),
    (lambda: spoil(paths.TRAIN_METRICS, val_accuracy=None), "train.json has val_accuracy as None"),
    (lambda: spoil(paths.TRAIN_METRICS, parameters=[]), "train.json has parameters as"),
    (lambda: spoil_line(paths.LR_CURVE, "a,b,c"), "lr_find.csv is damaged"),
    (lambda: spoil_line(paths.LR_CURVE, "-1,2,2"), "lr_find.csv is damaged"),
    (lambda: spoil_line(paths.RATES, "7,0"), "lr.csv is damaged"),
    (lambda: spoil_line(paths.RATES, "7"), "lr.csv is damaged"),
    (lambda: spoil_line(paths.HISTORY, "3,fast,1,1,1,1"), "train.csv is damaged"),
    (lambda: spoil_line(paths.HISTORY, "3,0.1,1,,1,1"), "train.csv is damaged"),
    (lambda: spoil_line(paths.HISTORY, "3,0.1,1,1,1,"), "train.csv is damaged"),
]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("damage", "words"), DAMAGED)
def test_damaged_results_of_other_stages_are_named(damage, words: str) -> None:
    evaluate.main()
    damage()
    with pytest.raises(UserError, match=words) as caught:
        gradcam_report.main()
    assert "git checkout" in str(caught.value)
    assert not paths.REPORT.exists()


@pytest.mark.usefixtures("project")
def test_numbers_that_are_only_odd_make_a_report() -> None:
    evaluate.main()
    spoil(paths.STATS_METRICS, images=0, class_counts={"0": -1e300, "none": 2.5}, mean=[])
    spoil(paths.LR_FIND_METRICS, lr_max=1e300, lr_min=1e-300, lr_valley_start=5e-324)
    spoil(paths.LR_FIND_METRICS, lr_valley_end=5e-324)
    spoil(paths.TRAIN_METRICS, epochs=-2.5, train_accuracy=1e300, train_loss=-1e300)
    spoil_line(paths.LR_CURVE, "1e-100,1e100,-1e100")
    spoil_line(paths.RATES, "-1e100,1e-100")
    spoil_line(paths.HISTORY, "-1e100,1e-100,1e100,-1e100,1e100,-1e100")
    gradcam_report.main()
    assert paths.REPORT.exists()


@pytest.mark.usefixtures("project")
def test_a_layer_that_the_bundle_lacks() -> None:
    evaluate.main()
    set_params(**{"data.source": "digits", "model.name": "resnet18", "gradcam.layer": "layer4"})
    with pytest.raises(UserError, match=r"layer4.*custom_resnet.*layer3"):
        gradcam_report.main()
    assert not paths.REPORT.exists()
    assert not paths.GALLERY.exists()
