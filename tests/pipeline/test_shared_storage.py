"""Results shared through an S3 server: pushed, pulled, broken off, and taken by other projects."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project
from storage_server import BUCKET, Storage, storage_service

from cifarlens.classifier.bundle import load_bundle

RESULTS = ("data/dataset", "models", "reports/index.html", "reports/gradcam", "space")
PART = 2_000_000  # bytes; all results of the small project are some 7 MB


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
    made: Project, storage: Storage, bucket: str = BUCKET, where: str = "--local"
) -> None:
    """Names the server as the remote, as docs/shared-storage.md does."""
    made.run("dvc", "remote", "add", "-f", where, "-d", "store", f"s3://{bucket}/cifarlens")
    made.run("dvc", "remote", "modify", where, "store", "endpointurl", storage.url)


@pytest.fixture(scope="module")
def sender(project: Project, storage: Storage) -> Iterator[Project]:
    """The project that has run, with the remote in its own configuration."""
    configure(project, storage)
    yield project
    (project.folder / ".dvc/config.local").unlink()


@pytest.fixture(scope="module")
def pushed(sender: Project) -> Project:
    sender.run("dvc", "push")
    return sender


@pytest.fixture(scope="module")
def second(pushed: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Another clone, that has pulled nothing yet."""
    folder = tmp_path_factory.mktemp("second") / "clone"
    pushed.run("git", "clone", "-q", ".", str(folder))
    shutil.copy2(pushed.folder / ".dvc/config.local", folder / ".dvc/config.local")
    return Project(folder)


def files(project: Project) -> dict[Path, bytes]:
    """Every result's files and their content."""
    found = {}
    for place in (project.folder / name for name in RESULTS):
        for path in (place, *place.rglob("*")):
            if path.is_file():
                found[path.relative_to(project.folder)] = path.read_bytes()
    return found


def broken(project: Project, *command: str) -> str:
    """What a command said that DVC could not finish.

    DVC ends with 255 if the server fails while it lists what is there, with 1 if files fail.
    """
    output = project.run(*command, code=(1, 255))
    assert "ERROR: " in output
    assert "Traceback" not in output
    return output


def test_wrong_keys(sender, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    before = files(sender)
    assert "Forbidden" in broken(sender, "dvc", "push")
    assert files(sender) == before


def test_a_bucket_that_is_not_there(sender, storage):
    before = files(sender)
    try:
        configure(sender, storage, bucket="nowhere")
        assert "The specified bucket does not exist" in broken(sender, "dvc", "push")
    finally:
        configure(sender, storage)
    assert files(sender) == before


def test_a_push_that_breaks_off_goes_on(sender, storage):
    before = files(sender)
    storage.gate.reopen(PART)
    assert storage.url in broken(sender, "dvc", "push")
    assert files(sender) == before
    storage.gate.reopen()
    assert "files pushed" in sender.run("dvc", "push")
    assert "Everything is up to date" in sender.run("dvc", "push")


def test_a_pull_that_breaks_off_leaves_the_clone_clean(second, storage):
    storage.gate.reopen(PART)
    assert storage.url in broken(second, "dvc", "pull")
    assert second.run("git", "status", "--porcelain") == ""


def test_a_second_clone_gets_everything_and_runs_nothing(second, pushed):
    assert "files fetched" in second.run("dvc", "pull")
    assert files(second) == files(pushed)
    output = second.run("dvc", "repro")
    assert output.count("didn't change, skipping") == 7
    assert "Running stage" not in output
    assert second.run("git", "status", "--porcelain") == ""


def test_another_project_takes_the_bundle(pushed, storage, tmp_path):
    """From a repository whose results are nowhere but on the server."""
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
