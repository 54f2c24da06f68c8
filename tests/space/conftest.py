"""One packaged Space and one running copy of it, shared by the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from space_making import Running, make_space, running


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packaged Space; not to be changed."""
    return make_space(tmp_path_factory.mktemp("space"))


@pytest.fixture(scope="session")
def app(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A copy of it that runs where this repository cannot be imported."""
    with running(space, tmp_path_factory.mktemp("app")) as started:
        yield started
