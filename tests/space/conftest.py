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


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "clean_env: installs a Space's requirements; only with -m")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what takes minutes and gigabytes, unless it is asked for by its marker."""
    if "clean_env" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("clean_env")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
