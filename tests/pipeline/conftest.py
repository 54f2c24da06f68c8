"""One small project that has run, for all tests that look at it."""

import shutil
from pathlib import Path

import pytest
from project import Project, make_project


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Project:
    """Committed, with every stage run once and traced."""
    base = tmp_path_factory.mktemp("pipeline")
    shutil.copytree(Path(__file__).parent / "trace", base / "trace")
    (base / "traces").mkdir()
    made = make_project(base / "checkout", base / "traces")
    made.run("dvc", "repro")
    made.commit("its first run")
    return made
