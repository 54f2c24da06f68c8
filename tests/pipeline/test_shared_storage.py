"""Results on an S3 server: pushed, pulled, interrupted, and imported by another project."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project
from storage_server import BUCKET, Storage, storage_service

from cifarlens.classifier.bundle import load_bundle

RESULTS = ("data/dataset", "models", "reports/index.html", "reports/gradcam", "space")
PART = 2_000_000  # bytes; all results of the small project have about 7 MB


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    with storage_service() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(autouse=True)
def _open(storage: Storage) -> Iterator[None]:
    yield
    storage.gate.reopen()


def configure(
    project: Project, storage: Storage, bucket: str = BUCKET, where: str = "--local"
) -> None:
    """Sets the server as DVC's remote, as docs/shared-storage.md does."""
    project.run("dvc", "remote", "add", "-f", where, "-d", "store", f"s3://{bucket}/cifarlens")
    project.run("dvc", "remote", "modify", where, "store", "endpointurl", storage.url)


@pytest.fixture(scope="module")
def sender(project: Project, storage: Storage) -> Iterator[Project]:
    """The first run, with the remote in its local configuration."""
    configure(project, storage)
    yield project
    (project.folder / ".dvc/config.local").unlink()


@pytest.fixture(scope="module")
def pushed(sender: Project) -> Project:
    sender.run("dvc", "push")
    return sender


@pytest.fixture(scope="module")
def second(pushed: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Another clone, before its first pull."""
    folder = tmp_path_factory.mktemp("second") / "clone"
    pushed.run("git", "clone", "-q", ".", str(folder))
    shutil.copy2(pushed.folder / ".dvc/config.local", folder / ".dvc/config.local")
    return Project(folder)


def files(project: Project) -> dict[Path, bytes]:
    """Returns the files of all results and their content."""
    contents = {}
    for place in (project.folder / name for name in RESULTS):
        for path in (place, *place.rglob("*")):
            if path.is_file():
                contents[path.relative_to(project.folder)] = path.read_bytes()
    return contents


def run_failing(project: Project, *command: str) -> str:
    """Returns the output of a command that fails.

    DVC ends with 255 if the server fails during the listing, with 1 if single files fail.
    """
    output = project.run(*command, code=(1, 255))
    assert "ERROR: " in output
    assert "Traceback" not in output
    return output


def test_wrong_keys(sender, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    before = files(sender)
    assert "Forbidden" in run_failing(sender, "dvc", "push")
    assert files(sender) == before


def test_a_missing_bucket(sender, storage):
    before = files(sender)
    try:
        configure(sender, storage, bucket="nowhere")
        assert "The specified bucket does not exist" in run_failing(sender, "dvc", "push")
    finally:
        configure(sender, storage)
    assert files(sender) == before


def test_an_interrupted_push_continues(sender, storage):
    before = files(sender)
    storage.gate.reopen(PART)
    assert storage.url in run_failing(sender, "dvc", "push")
    assert files(sender) == before
    storage.gate.reopen()
    assert "files pushed" in sender.run("dvc", "push")
    assert "Everything is up to date" in sender.run("dvc", "push")


def test_an_interrupted_pull_leaves_the_clone_clean(second, storage):
    storage.gate.reopen(PART)
    assert storage.url in run_failing(second, "dvc", "pull")
    assert second.run("git", "status", "--porcelain") == ""


def test_a_second_clone_gets_everything_and_runs_nothing(second, pushed):
    assert "files fetched" in second.run("dvc", "pull")
    assert files(second) == files(pushed)
    output = second.run("dvc", "repro")
    assert output.count("didn't change, skipping") == 7
    assert "Running stage" not in output
    assert second.run("git", "status", "--porcelain") == ""


def test_another_project_imports_the_bundle(pushed, storage, tmp_path):
    """The repository's results are only on the server."""
    published, other = Project(tmp_path / "published"), Project(tmp_path / "other")
    pushed.run("git", "clone", "-q", ".", str(published.folder))
    for name in ("name", "email"):
        published.run("git", "config", f"user.{name}", "test")
    configure(published, storage, where="--project")
    published.commit("a remote")
    published.run("git", "tag", "-a", "classifier@v1.0.0", "-m", "first")
    other.folder.mkdir()
    other.run("git", "init", "-q")
    other.run("dvc", "init", "-q")
    address = published.folder.as_uri()
    other.run("dvc", "import", "-q", address, "models", "-o", "imported")
    other.run("dvc", "artifacts", "get", "-q", address, "classifier", "-o", "got")
    weights = (pushed.folder / "models/model.safetensors").read_bytes()
    for name in ("imported", "got"):
        assert load_bundle(other.folder / name).config.architecture == "custom_resnet"
        assert (other.folder / name / "model.safetensors").read_bytes() == weights
