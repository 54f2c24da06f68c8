"""Fixtures of this folder: a packaged Space and a running copy."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from space_making import RunningSpace, make_space, run_copy

from cifarlens.space.app.contents import Contents, load_contents


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packaged Space. Tests must not change it."""
    return make_space(tmp_path_factory.mktemp("space"))


@pytest.fixture(scope="session")
def contents(space: Path) -> Contents:
    return load_contents(space)


@pytest.fixture(scope="session")
def app(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSpace]:
    """A copy of the Space that runs where this repository cannot be imported."""
    with run_copy(space, tmp_path_factory.mktemp("app")) as copy:
        yield copy


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects tests that take minutes and gigabytes, unless -m names their marker."""
    if "clean_env" not in config.option.markexpr:
        deselected = [item for item in items if item.get_closest_marker("clean_env")]
        items[:] = [item for item in items if item not in deselected]
        config.hook.pytest_deselected(items=deselected)
