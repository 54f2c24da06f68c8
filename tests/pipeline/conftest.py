"""A small project whose stages have run once, and copies of it for tests that change it."""

import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from project import Project, make_project


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Project:
    """Committed, with every stage run once and traced; all test processes read the same one."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "first-run"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            unfinished = folder.with_suffix(".part")
            shutil.copytree(Path(__file__).parent / "trace", unfinished / "trace")
            (unfinished / "traces").mkdir()
            project = make_project(unfinished / "checkout", unfinished / "traces")
            project.run("dvc", "repro")
            project.commit("first run")
            unfinished.rename(folder)
    return Project(folder / "checkout", folder / "traces")


@pytest.fixture(scope="module")
def project(first_run: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the first run for the tests of one file."""
    return first_run.copy(tmp_path_factory.mktemp("project") / "checkout")
