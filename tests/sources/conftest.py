"""Fixtures: a web server, a small CIFAR-10, and the download stage in a project folder."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from archive_making import make_members, md5_sums, write_archive, write_folder
from closure import ROOT
from small_stage import SmallStage
from web_server import PAUSES, Web, serve

from cifarlens.dataset.arrays import dataset_digest, save_dataset
from cifarlens.runtime.paths import PARAMS
from cifarlens.sources import cifar10, fetch


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as web:
        yield web


@pytest.fixture(scope="session")
def cifar(request: pytest.FixtureRequest) -> ModuleType:
    """The module of the dataset; CIFAR-10 unless a test has it as an indirect parameter."""
    return getattr(request, "param", cifar10)


@pytest.fixture(scope="session")
def members(cifar: ModuleType) -> dict[str, bytes]:
    """The contents of the files of a small dataset."""
    return make_members(cifar.ARCHIVE)


@pytest.fixture
def md5s(cifar: ModuleType, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the published MD5 sums with those of the small members."""
    monkeypatch.setattr(cifar, "ARCHIVE", replace(cifar.ARCHIVE, md5s=md5_sums(members)))


@pytest.fixture(scope="session")
def archive(members: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_archive(tmp_path_factory.mktemp("archive") / "c.tar.gz", members).read_bytes()


@pytest.fixture(scope="session")
def digest(
    cifar: ModuleType, members: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The digest of the dataset in the archive."""
    folder = tmp_path_factory.mktemp("digest")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cifar.ARCHIVE.variable, str(write_folder(folder / "members", members)))
        save_dataset(folder / "dataset", replace(cifar.ARCHIVE, md5s=md5_sums(members)).load())
    return dataset_digest(folder / "dataset")


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the pauses and timeouts of `fetch`."""
    monkeypatch.setattr(fetch, "PAUSES", PAUSES)
    monkeypatch.setattr(fetch, "TIMEOUT", (2.0, 0.3))


@pytest.fixture
def stage(tmp_path: Path, digest: str, md5s: None, short_pauses: None) -> SmallStage:
    """The stage in a project folder, with an empty CIFAR10_SOURCE."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(ROOT / PARAMS, folder)
    return SmallStage(folder, "", digest)


@pytest.fixture
def web_stage(stage: SmallStage, web: Web, archive: bytes) -> SmallStage:
    """The stage with the archive on the web server."""
    name = cifar10.ARCHIVE.path.name
    web.files[f"/{name}"] = archive
    stage.source = f"{web.url}/{name}"
    return stage
