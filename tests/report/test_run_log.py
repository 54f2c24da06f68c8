import json
from pathlib import Path

import pytest

from cifarlens.report.run_log import latest_runs, write_run_log
from cifarlens.runtime import paths
from cifarlens.runtime.files import write_text
from cifarlens.runtime.stage import _log

LINE = {"stage": "train", "started": "2026-01-02T03:04:05Z", "seconds": 1325.4, "cores": 2}
LINE |= {"platform": "Linux", "device": "NVIDIA H200", "torch": "2.15", "python": "3.11"}


def test_the_page_shows_the_last_run_of_each_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    later = {**LINE, "seconds": 10.0, "started": "2026-01-03T00:00:00Z"}
    first = {**LINE, "stage": "stats", "started": "2026-01-02T00:00:00Z"}
    lines = [json.dumps(line) for line in (LINE, first, later)]
    half = ['{"stage": "train", "sec', '{"stage": "tra{"stage": "stats"}', "\x00"]
    write_text(paths.RUN_LOG, "\n".join([*lines, *half, ""]))
    _log("evaluate", 12.34)
    runs = latest_runs(paths.RUN_LOG)
    assert [run["stage"] for run in runs] == ["stats", "train", "evaluate"]
    write_run_log(paths.RUN_PAGE, paths.RUN_LOG)
    page = paths.RUN_PAGE.read_text(encoding="utf-8")
    assert "NVIDIA H200, 2&nbsp;CPU&nbsp;cores" in page
    assert ">12.3 s<" in page
    assert '<a href="../reports/index.html">' in page


def test_a_missing_log_or_folder_does_not_stop_the_stage(tmp_path: Path) -> None:
    write_run_log(tmp_path / "runs.html", tmp_path / "none.jsonl")
    assert "<tbody>\n    </tbody>" in (tmp_path / "runs.html").read_text(encoding="utf-8")
    (tmp_path / "logs").write_text("a file in place of the folder")
    write_run_log(tmp_path / "logs/runs.html", tmp_path / "logs/runs.jsonl")
