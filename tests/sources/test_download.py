"""The download stage with a server that fails: an error message, then success."""

import sys

import pytest

from cifarlens.runtime.paths import PARAMS
from cifarlens.runtime.stage import run_stage
from cifarlens.sources.cifar10 import ARCHIVE, SOURCE_VARIABLE
from stages import download

PATH = f"/{ARCHIVE.name}"


def test_a_wrong_archive_is_downloaded_again_by_the_next_run(web_stage, web, archive):
    web.files[PATH] = archive[:-1000]
    assert web_stage.fails().startswith(f"{ARCHIVE} is not a .tar.gz or .tar.xz archive, or is tr")
    assert not (web_stage.folder / "data" / "dataset").exists()
    web.files[PATH] = archive
    assert "; downloading it again." in web_stage.succeeds()


@pytest.mark.parametrize(("source", "notes"), [("/somewhere", 1), (" ", 0)])
def test_digits_report_that_a_source_of_cifar10_is_unused(source, notes, stage):
    params = stage.folder / PARAMS
    params.write_text(params.read_text().replace("source: cifar10", "source: digits"))
    stage.source = source
    note = "note: CIFAR10_SOURCE is set but unused, because data.source is digits.\n"
    assert stage.run() == (0, note * notes)


def test_on_a_terminal_the_error_follows_the_progress_bar_on_its_own_line(
    web_stage, web, monkeypatch, capsys
):
    web.files[PATH] = b"<!doctype html><title>Please log in</title>"
    monkeypatch.chdir(web_stage.folder)
    monkeypatch.setenv(SOURCE_VARIABLE, web_stage.source)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with pytest.raises(SystemExit):
        run_stage(download.main)
    output = capsys.readouterr().err
    *_, last, end = lines = output.split("\n")
    assert [line for line in lines if "error: " in line] == [last]
    assert last.startswith("error: ")
    assert end == ""
    assert "B/s]" in output
