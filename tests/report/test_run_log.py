import json
from pathlib import Path

import pytest

from cifarlens.report.run_log import latest_runs, write_run_log
from cifarlens.runtime import paths
from cifarlens.runtime.stage import _log

LINE = {"stage": "train", "started": "2026-01-02T03:04:05Z", "seconds": 1325.4, "cores": 2}
LINE |= {"platform": "Linux", "device": "NVIDIA H200", "torch": "2.15", "python": "3.11"}


def test_the_page_shows_what_a_stage_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _log("evaluate", 12.34)
    write_run_log(paths.RUN_PAGE, paths.RUN_LOG)
    page = paths.RUN_PAGE.read_text(encoding="utf-8")
    assert ">evaluate<" in page
    assert ">12.3 s<" in page
    assert "CPU&nbsp;cores" in page


def test_the_last_run_of_each_stage_counts(tmp_path: Path) -> None:
    log = tmp_path / "runs.jsonl"
    later = {**LINE, "seconds": 10.0, "started": "2026-01-03T00:00:00Z"}
    first = {**LINE, "stage": "stats", "started": "2026-01-02T00:00:00Z"}
    lines = [json.dumps(line) for line in (LINE, first, later)]
    half = ['{"stage": "train", "sec', '{"stage": "tra{"stage": "stats"}', "\x00"]
    log.write_text("\n".join([*lines, *half]))
    assert [(run["stage"], run["seconds"]) for run in latest_runs(log)] == [
        ("stats", 1325.4),
        ("train", 10.0),
    ]
    write_run_log(tmp_path / "runs.html", log)
    page = (tmp_path / "runs.html").read_text(encoding="utf-8")
    assert "NVIDIA H200, 2&nbsp;CPU&nbsp;cores" in page
    assert "22 min 15 s" in page  # 1325.4 s and 10 s


def test_without_a_log_the_table_is_empty(tmp_path: Path) -> None:
    write_run_log(tmp_path / "runs.html", tmp_path / "none.jsonl")
    assert "<td>0.0 s</td>" in (tmp_path / "runs.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder belongs")
    write_run_log(tmp_path / "logs/runs.html", tmp_path / "logs/runs.jsonl")
    assert (tmp_path / "logs").is_file()
