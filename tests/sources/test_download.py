"""The download stage with a server that fails: an error message, then success."""

import sys
from dataclasses import replace

import pytest
from archive_making import make_members, md5_sums, write_folder

from cifarlens.dataset.arrays import load_dataset
from cifarlens.runtime.paths import DATASET, PARAMS
from cifarlens.runtime.stage import run_stage
from cifarlens.sources import cifar100
from cifarlens.sources.cifar10 import ARCHIVE
from stages import download

PATH = f"/{ARCHIVE.path.name}"


def test_a_wrong_archive_is_downloaded_again_by_the_next_run(web_stage, web, archive):
    web.files[PATH] = archive[:-1000]
    assert web_stage.fails().startswith(
        f"{ARCHIVE.path} is not a .tar.gz or .tar.xz archive, or is tr"
    )
    assert not (web_stage.folder / "data" / "dataset").exists()
    web.files[PATH] = archive
    assert "; downloading it again." in web_stage.succeeds()


@pytest.mark.parametrize(("place", "notes"), [("/somewhere", 1), (" ", 0)])
def test_digits_report_that_places_of_other_sources_are_unused(place, notes, stage, monkeypatch):
    params = stage.folder / PARAMS
    params.write_text(params.read_text().replace("source: cifar10", "source: digits"))
    stage.source = place
    monkeypatch.setenv("CIFAR100_SOURCE", place)
    names = ("CIFAR10_SOURCE", "CIFAR100_SOURCE")
    text = [f"note: {name} is set but unused, because data.source is digits.\n" for name in names]
    assert stage.run() == (0, "".join(text) * notes)


def test_each_cifar_reads_its_own_place(stage, monkeypatch, tmp_path):
    """The stage with CIFAR-100; the place of CIFAR-10 plays no part."""
    members = make_members(cifar100.ARCHIVE)
    small = replace(cifar100.ARCHIVE, md5s=md5_sums(members))
    monkeypatch.setattr(cifar100, "ARCHIVE", small)
    monkeypatch.setenv("CIFAR100_SOURCE", str(write_folder(tmp_path / "members", members)))
    params = stage.folder / PARAMS
    params.write_text(params.read_text().replace("source: cifar10", "source: cifar100"))
    stage.source = "/somewhere"
    note = "note: CIFAR10_SOURCE is set but unused, because data.source is cifar100.\n"
    assert stage.run() == (0, note)
    assert len(load_dataset(stage.folder / DATASET).classes) == 100


def test_on_a_terminal_the_error_follows_the_progress_bar_on_its_own_line(
    web_stage, web, monkeypatch, capsys
):
    web.files[PATH] = b"<!doctype html><title>Please log in</title>"
    monkeypatch.chdir(web_stage.folder)
    monkeypatch.setenv(ARCHIVE.variable, web_stage.source)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with pytest.raises(SystemExit):
        run_stage(download.main)
    output = capsys.readouterr().err
    *_, last, end = lines = output.split("\n")
    assert [line for line in lines if "error: " in line] == [last]
    assert last.startswith("error: ")
    assert end == ""
    assert "B/s]" in output
