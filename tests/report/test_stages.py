"""Both stages as DVC runs them: in a folder with the files of the stages before."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_making import CURVE, FINDER, HISTORY, RATES, TRAIN, make_run, narrow_bundle
from ruamel.yaml import YAML

from cifarlens.classifier.bundle import save_bundle
from cifarlens.dataset.arrays import Dataset, save_dataset
from cifarlens.runtime import paths
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
    rows = read_csv(evaluate.CONFUSION)
    assert sum(row["actual"] == row["predicted"] for row in rows) == hits
    assert len(rows) == 100
    for row in read_csv(evaluate.PER_CLASS):
        assert float(row["accuracy"]) == metrics["classes"][row["class"]]
    bins = read_csv(evaluate.CALIBRATION)
    assert sum(int(row["images"]) for row in bins) == 100
    gaps = [abs(float(row["accuracy"]) - float(row["confidence"])) for row in bins]
    error = sum(gap * int(row["images"]) for gap, row in zip(gaps, bins, strict=True)) / 100
    assert error == pytest.approx(metrics["calibration_error"], abs=1e-5)
    for path in (evaluate.CONFUSION_FIGURE, evaluate.CALIBRATION_FIGURE):
        with Image.open(path) as picture:
            assert min(picture.size) > 300


def test_the_report_is_the_same_again_and_names_no_place(project: Path) -> None:
    evaluate.main()
    gradcam_report.main()
    made = [
        paths.REPORT,
        gradcam_report.METRICS,
        gradcam_report.TRUST,
        gradcam_report.TRAINING_FIGURE,
        gradcam_report.GALLERY / "misclassified.png",
        gradcam_report.GALLERY / "correct.png",
    ]
    before = [path.read_bytes() for path in made]
    gradcam_report.main()
    assert [path.read_bytes() for path in made] == before
    assert str(project).encode() not in before[0]
    metrics = read_json(gradcam_report.METRICS)
    assert metrics["misclassified_images"] == 10
    assert -1 <= metrics["road_layer3"] <= 1
