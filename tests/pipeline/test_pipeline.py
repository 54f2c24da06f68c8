"""A small run of all stages through DVC, and the everyday commands of users."""

import json

import numpy as np
import pytest
from project import ran

from cifarlens.classifier.bundle import load_bundle
from cifarlens.classifier.predict import predict_logits
from cifarlens.dataset.arrays import load_dataset
from cifarlens.runtime.files import read_csv, read_json

DOWNSTREAM_OF_LR_MAX = ("train", "evaluate", "gradcam_report", "package_space")


@pytest.fixture(scope="module")
def experiment(project):
    """The output of `dvc exp run -S lr_max=0.01`, whose results are in the workspace."""
    return project.run("dvc", "exp", "run", "-n", "faster", "-S", "lr_max=0.01")


def test_results_agree_with_each_other(project):
    folder = project.folder
    metrics = read_json(folder / "metrics/evaluate.json")
    dataset, bundle = load_dataset(folder / "data/dataset"), load_bundle(folder / "models")
    logits = np.load(folder / "data/evaluation/test_logits.npy")
    np.testing.assert_allclose(predict_logits(bundle, dataset.test_images), logits, atol=1e-4)
    correct = int((logits.argmax(1) == dataset.test_labels).sum())
    assert metrics["accuracy"] == round(correct / 360, 6)
    rows = read_csv(folder / "reports/plots/confusion.csv")
    right = [row for row in rows if row["actual"] == row["predicted"]]
    assert sum(int(row["images"]) for row in right) == correct
    assert sum(int(row["images"]) for row in rows) == 360
    history = read_csv(folder / "reports/plots/train.csv")
    suggestion = read_json(folder / "metrics/lr_find.json")
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert float(history[0]["lr"]) == pytest.approx(suggestion["lr_max"])
    assert float(history[-1]["lr"]) == pytest.approx(suggestion["lr_min"])
    rates = [float(row["lr"]) for row in read_csv(folder / "reports/plots/lr.csv")]
    assert len(rates) == 2 * -(-1337 // 128)  # two epochs of what is not held out
    assert (max(rates), rates[-1]) == (float(history[0]["lr"]), float(history[-1]["lr"]))


def test_the_page_of_times_has_all_stages_up_to_the_report(project):
    page = (project.folder / "logs/runs.html").read_text()
    stages = ("download", "stats", "lr_find", "train", "evaluate", "gradcam_report")
    assert [stage for stage in stages if f">{stage}</th>" not in page] == []


def test_git_status_stays_clean(project):
    assert project.run("git", "status", "--porcelain") == ""
    (run,) = (project.folder / "checkpoints").iterdir()
    assert (run / "finished").exists()


def test_repro_again_does_nothing(project):
    output = project.run("dvc", "repro")
    assert ran(output) == []
    assert output.count("didn't change, skipping") == 7


def test_an_experiment_with_lr_max_runs_train_and_what_follows(project, experiment):
    assert tuple(ran(experiment)) == DOWNSTREAM_OF_LR_MAX
    assert read_json(project.folder / "metrics/train.json")["lr_max"] == 0.01


def test_diffs_and_tables(project, experiment):
    changed = json.loads(project.run("dvc", "metrics", "diff", "--json"))
    assert "loss" in changed["metrics/evaluate.json"]
    changed = json.loads(project.run("dvc", "params", "diff", "--json"))
    assert changed["params.yaml"].keys() == {"lr_max"}
    assert changed["params.yaml"]["lr_max"]["new"] == 0.01
    assert "faster" in project.run("dvc", "exp", "show", "--csv")


@pytest.mark.parametrize("command", ["show", "diff"])
def test_plots_open_offline(project, experiment, command):
    project.run("dvc", "plots", command, "-o", f"dvc_plots/{command}")
    page = (project.folder / f"dvc_plots/{command}/index.html").read_text()
    for title in ("loss", "accuracy", "learning-rate finder", "confusion", "misclassified.png"):
        assert title in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_apply_brings_an_experiment_back(project, experiment):
    project.restore()
    assert read_json(project.folder / "metrics/train.json")["lr_max"] != 0.01
    project.run("dvc", "exp", "apply", "faster")
    assert read_json(project.folder / "metrics/train.json")["lr_max"] == 0.01
    assert ran(project.run("dvc", "repro")) == []
    project.restore()


def test_a_wrong_parameter_ends_a_stage_with_one_sentence(project):
    """tests/test_params.py has the other sentences."""
    try:
        project.params(batch_size=1400)
        output = project.run("python", "-m", "stages.train", code=2)
    finally:
        project.restore()
    assert output.startswith("error: params.yaml: batch_size is 1400")
    assert output.count("\n") == 1


def test_dvc_shows_the_sentence_and_loses_nothing(project):
    try:
        project.params(lr_max=-1)
        output = project.run("dvc", "repro", code=255)
    finally:
        project.restore()
    assert "lr_max is -1; it must be auto or" in output
    assert "Traceback" not in output
    assert ran(project.run("dvc", "repro")) == []
