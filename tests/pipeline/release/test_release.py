"""A fresh clone whose weights are in the folder `release`: nothing trains."""

import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project, ran
from space_making import free_port

from cifarlens.release.fetch import FILES

PUSH = ("dvc", "push", "-q", "-r", "release", *map(str, FILES), "models/README.md")
PRETRAINED = (sys.executable, "-m", "cifarlens.release.pretrained")
VERIFY = (sys.executable, "-m", "cifarlens.release.verify")
SERVE = (sys.executable, "-m", "cifarlens.space.packaging.serve", "space")


@pytest.fixture(scope="module")
def released(project: Project) -> Project:
    """The first run, whose weights are released and committed."""
    project.run(*PUSH)
    project.commit("release")
    return project


@pytest.fixture
def clone(released: Project, tmp_path: Path) -> Project:
    """A new clone, which has no cache."""
    released.run("git", "clone", "-q", ".", str(tmp_path / "clone"))
    return Project(tmp_path / "clone")


def test_push_without_a_name_has_no_remote(released):
    assert "no remote specified" in released.run("dvc", "push", code=(1, 255))


def test_pretrained_makes_report_and_space_and_trains_nothing(released, clone):
    output = clone.run(*PRETRAINED)
    assert ran(output) == ["download", "stats", "gradcam_report", "package_space"]
    assert "Nothing was trained or evaluated" in output
    assert "would run" not in output
    accuracy = json.loads((clone.folder / "metrics/evaluate.json").read_text())["accuracy"]
    assert f"Test accuracy: {accuracy:.2%}\nReport:        reports/index.html\n" in output
    assert clone.run("git", "status", "--porcelain") == ""
    assert clone.outputs() == released.outputs()
    assert ran(clone.run("dvc", "repro")) == []
    output = clone.run(*VERIFY)
    assert f"Test accuracy: {accuracy:.2%} of 360 images" in output
    assert "The same predictions and metrics" in output
    assert clone.run("git", "status", "--porcelain") == ""


def test_what_would_train_is_named_but_does_not_run(clone):
    source = clone.folder / "src/cifarlens/training/recipe.py"
    source.write_text(source.read_text() + "# another line\n")
    output = clone.run(*PRETRAINED)
    assert not {"lr_find", "train", "evaluate"} & set(ran(output))
    assert "`dvc repro` would run lr_find, train, since code or data" in output


def test_verify_names_the_results_that_differ(clone):
    clone.run(*VERIFY)
    path = clone.folder / "metrics/evaluate.json"
    metrics = json.loads(path.read_text())
    path.write_text(json.dumps({**metrics, "accuracy": 0.5, "loss": 3.0}))
    output = clone.run(*VERIFY, code=2)
    assert f"accuracy is {metrics['accuracy']}, not 0.5" in output
    assert f"loss is {metrics['loss']}, not 3.0" in output


@pytest.mark.parametrize(
    "command", [PRETRAINED, VERIFY, SERVE], ids=["pretrained", "verify", "serve"]
)
def test_other_parameters_are_named(clone, command):
    clone.params(seed=7, data={"val_size": 50})
    output = clone.run(*command, code=2)
    message = "params.yaml: the weights in release/ belong to other values of data.val_size, seed;"
    assert f"error: {message} `git stash`" in output
    assert "Traceback" not in output
    assert not (clone.folder / "models").exists()


def test_an_own_run_is_not_taken_for_the_released_one(released, tmp_path):
    own = released.copy(tmp_path / "own")
    own.params(seed=3)
    own.run("dvc", "repro", "train")
    shutil.rmtree(own.folder / "space")
    weights = (own.folder / "models/model.safetensors").read_bytes()
    message = "dvc.lock names models/model.safetensors of another run than that in release/;"
    for command in (PRETRAINED, VERIFY, SERVE):
        assert f"error: {message} `git stash`" in own.run(*command, code=2)
    assert (own.folder / "models/model.safetensors").read_bytes() == weights


def test_a_project_that_dvc_cannot_read_is_named(clone):
    shutil.rmtree(clone.folder / ".git")
    output = clone.run(*PRETRAINED, code=2)
    assert "not a git repository" in output
    assert "error: `dvc status` failed, see above" in output
    assert "Traceback" not in output


def test_files_of_another_run_stay(clone):
    model = clone.folder / "models/model.safetensors"
    model.parent.mkdir()
    model.write_bytes(b"mine")
    output = clone.run(*PRETRAINED, code=2)
    assert "models/model.safetensors\nerror: The files in release/ cannot be put in place" in output
    assert "Traceback" not in output
    assert model.read_bytes() == b"mine"


@pytest.fixture
def space(clone: Project) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The address of `make space` in a clone where no stage has run."""
    port = free_port()
    app = subprocess.Popen(
        SERVE,
        cwd=clone.folder,
        env={**clone.environment(), "GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield f"http://127.0.0.1:{port}", app
    app.send_signal(signal.SIGTERM)
    app.wait(30)


def test_a_space_of_the_weights_alone_says_what_it_lacks(space):
    address, app = space
    for _ in range(240):
        try:
            with urllib.request.urlopen(f"{address}/config", timeout=2) as answer:
                page = answer.read().decode()
                break
        except OSError:
            assert app.poll() is None
            time.sleep(0.5)
    assert "packaged without the dataset" in page
    assert "which a program drew" in page
    assert page.count("Example: ") == 10
