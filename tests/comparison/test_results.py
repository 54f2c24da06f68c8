"""Two real experiments in git and DVC: which names are read, and what each failure says.

The project has the layout of the pipeline's outputs; its only stage stands for all of them.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from comparison_making import two_runs
from project import Project

from cifarlens.classifier.bundle import save_bundle
from cifarlens.comparison.__main__ import PAGE, main
from cifarlens.comparison.results import CLASSES, IMAGES, LABELS, LOCK, Results, read_results
from cifarlens.dataset.arrays import Dataset, save_dataset
from cifarlens.runtime import paths
from cifarlens.runtime.files import write_array, write_csv, write_json, write_text

PIPELINE = """stages:
  all:
    cmd: "true"
    params: [epochs, lr_max]
    outs: [data/dataset, data/evaluation/test_logits.npy, models/model.safetensors,
      models/config.json]
"""
LOGITS = str(paths.TEST_LOGITS)


def save(project: Project, results: Results) -> None:
    """Writes the files of a run and stores the large ones in DVC's cache."""
    folder = project.folder
    shutil.rmtree(folder / "models", ignore_errors=True)
    (folder / LOGITS).unlink(missing_ok=True)
    save_bundle(folder / "models", results.bundle.network, results.bundle.config)
    write_array(folder / LOGITS, results.logits)
    write_json(folder / paths.EVALUATE_METRICS, results.metrics["evaluate"])
    write_json(folder / paths.PARAMS, results.params)  # JSON is YAML
    for path, columns in ((paths.HISTORY, results.history), (paths.RATES, results.rates)):
        write_csv(folder / path, list(columns), zip(*columns.values(), strict=True))
    project.run("dvc", "commit", "-q", "--force")


@pytest.fixture(scope="module")
def project(few_digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository with the branch main, its first commit without results, and an experiment."""
    project = Project(tmp_path_factory.mktemp("comparison") / "project")
    project.folder.mkdir()
    project.run("git", "init", "-q", "-b", "main")
    project.run("git", "config", "user.name", "test")
    project.run("git", "config", "user.email", "test@localhost")
    project.run("dvc", "init", "-q")
    write_text(project.folder / "dvc.yaml", PIPELINE)
    write_text(project.folder / ".gitignore", "/data\n/models\n/reports/compare.html\n")
    project.commit("no results")
    save_dataset(project.folder / paths.DATASET, few_digits)
    a, b = two_runs(few_digits, lost=3, gained=9)
    save(project, a)
    project.commit("a run")
    project.run("git", "tag", "-a", "v1", "-m", "an annotated tag")
    save(project, b)
    project.run("dvc", "exp", "save", "-q", "-n", "faster")
    project.restore()
    return project


@pytest.fixture
def inside(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the project, which is the current folder."""
    copy = project.copy(tmp_path / "project")
    monkeypatch.chdir(copy.folder)
    return copy


def fail(capsys: pytest.CaptureFixture[str], a: str = "", b: str = "") -> str:
    """Returns the message of a comparison that must fail and write nothing."""
    assert main([f"--a={a}", f"--b={b}"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert not PAGE.exists()
    assert output.err.startswith("error: ")
    assert output.err.count("\n") == 1
    return output.err


def test_two_experiments_in_one_page(inside, capsys):
    assert main(["--a=main", "--b=faster"]) == 0
    verdict = "faster is better by 6.00 percentage points, which may be chance"
    assert capsys.readouterr().out == f"{verdict}\nComparison: {PAGE}\n"
    page = PAGE.read_bytes()
    assert b">lr_max</th><td>auto</td><td>0.02</td>" in page
    assert page.count(b'class="heat"') == 2 * 12
    assert main(["--a=main", "--b=faster"]) == 0
    assert PAGE.read_bytes() == page
    assert inside.run("git", "status", "--short") == ""
    assert "up to date" in inside.run("dvc", "status")


def test_every_kind_of_name(inside, few_digits):
    commit = inside.run("git", "rev-parse", "HEAD").strip()
    inside.run("git", "commit", "-q", "--allow-empty", "-m", "empty")
    for name in ("main", "v1", "HEAD", "HEAD~1", commit, commit[:8], "workspace"):
        results = read_results(name)
        assert results.params == {"epochs": 3, "lr_max": "auto"}, name
        assert (results.commit == commit[:7]) == (name not in ("main", "HEAD", "workspace"))
        np.testing.assert_array_equal(results.images, few_digits.test_images)


def test_the_default_compares_the_last_commit_with_the_workspace(inside, few_digits, capsys):
    save(inside, two_runs(few_digits, lost=3, gained=9)[1])
    assert main(["--a=", "--b="]) == 0
    assert capsys.readouterr().out.startswith("workspace is better by 6.00")


def test_parameters_are_those_of_the_results(inside):
    write_json(paths.PARAMS, {"epochs": 5, "lr_max": "auto"})
    results = read_results("workspace")
    assert (results.params["epochs"], results.pending) == (3, {"epochs": 5})


def test_unknown_names_say_where_names_are_listed(inside, capsys):
    for name in ("nope", "a b", "-x", "HEAD~9", "HEAD:params.yaml"):
        message = fail(capsys, a=name)
        assert f"no revision or finished experiment {name};" in message
        assert "`dvc exp show -A` list the names" in message


def test_a_revision_without_results_or_without_its_cached_files(inside, capsys):
    commit = inside.run("git", "rev-parse", "--short=7", "HEAD~1").strip()
    message = fail(capsys, a="HEAD~1")
    assert f"HEAD~1 ({commit}) has no dvc.lock" in message
    assert f"`git checkout {commit} && dvc repro`" in message
    # A comparison never uses a remote, even one that has the files.
    inside.run(
        "dvc", "remote", "add", "-q", "--local", "-d", "store", str(inside.folder.parent / "store")
    )
    inside.run("dvc", "push", "-q", "--all-commits")
    shutil.rmtree(".dvc/cache")
    message = fail(capsys, a="main", b="faster")
    assert "main (" in message
    assert f"has no {LOGITS} in git or in DVC's cache; get it with `dvc fetch" in message


def test_a_workspace_without_results_or_with_those_of_other_images(inside, capsys):
    for path in (LABELS, paths.TEST_LOGITS):
        path.chmod(0o644)
    labels = np.load(LABELS)
    LABELS.unlink()
    write_array(LABELS, labels[1:])
    assert "predictions of workspace are not for its test images" in fail(capsys)
    paths.TEST_LOGITS.unlink()
    assert f"The workspace has no {LOGITS}; run `dvc repro`" in fail(capsys)


def test_a_file_that_is_being_edited_or_merged(inside, capsys):
    for path, text in ((paths.PARAMS, "a: ["), (paths.PARAMS, ""), (LOCK, "<<<<<<< HEAD")):
        before = path.read_text()
        path.write_text(text)
        assert f"{path} of workspace is not valid" in fail(capsys)
        path.write_text(before)


def test_a_project_without_git_has_only_a_workspace(inside, capsys):
    shutil.rmtree(".git")
    assert "HEAD cannot be read" in fail(capsys)
    assert main(["--a=workspace"]) == 0
    assert "workspace and workspace are equally accurate" in capsys.readouterr().out


def test_a_project_in_a_folder_of_a_repository(inside, monkeypatch, capsys):
    parent = inside.folder.parent
    shutil.rmtree(".git")
    for command in ("init -q", "add -A", "-c user.name=a -c user.email=b commit -qm all"):
        Project(parent).run("git", *command.split())
    assert main([]) == 0
    assert "HEAD and workspace are equally accurate" in capsys.readouterr().out


def test_older_revisions_lack_files_or_have_other_forms(inside):
    write_text(paths.HISTORY, "epoch,val_loss\n1,\n")  # earlier versions left fields empty
    paths.RATES.unlink()
    config = Path("models/config.json")
    content = json.loads(config.read_text())
    config.unlink()
    config.write_text(json.dumps({**content, "later": 1}))
    inside.run("dvc", "commit", "-q", "--force")
    inside.commit("other forms")
    results = read_results("main")
    assert (results.history, results.rates, results.bundle) == ({}, {}, None)
    assert results.classes == tuple(json.loads(CLASSES.read_text()))
    assert len(results.images) == len(np.load(IMAGES))
