"""The benchmarks run, small; what they measure here means nothing."""

import json
import sys

import pytest
import torch

from benchmarks import __main__ as program
from benchmarks.accelerator import accelerator_rows, fed_row, price_rows
from benchmarks.images import augmentation_row
from benchmarks.pipeline import evaluation_row, local_archive, up_to_date
from benchmarks.processes import memory, run
from benchmarks.scaling import print_scaling
from benchmarks.training import step_rows
from cifarlens.sources.cifar10 import SOURCE


def test_rows_of_small_work():
    rows = [*augmentation_row(500, 1), *evaluation_row(500, 4, 1)]
    assert [row.unit for row in rows] == ["images/s", "images/s"]
    assert all(row.ours > 0 for row in rows)
    assert rows[0].plain > 0
    assert rows[1].limit > 0


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # two workers, on one core too
def test_rows_of_training(capsys):
    rows = list(step_rows(steps=3, batch=8, width=2, repeats=1, tiny=5))
    assert rows[0].name == "training, width 2, float32"
    assert rows[1].goal == "≥ 0.8 × limit"
    assert rows[-1].name.startswith("Lightning")
    assert all(row.plain > 0 and row.limit > 0 for row in rows[:-1])
    found = print_scaling((24, 32), (2,), 8)
    shape = [(row["width"], row["images"], len(row["steps"])) for row in found]
    assert shape == [(2, 24, 2), (2, 32, 3)]  # the first step's start is not seen
    assert found[1]["seconds"] == pytest.approx(4 * sum(found[1]["steps"]) / 3)
    assert "width 2" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # two workers, on one core too
def test_rows_of_an_accelerator(capsys):
    """On the CPU, which takes the same way but for torch.compile."""
    row = fed_row("cpu", images=24, batch=8, width=2, epochs=3, repeats=1, steps=2)
    assert row.name == "training, width 2, cpu, fed by workers"
    assert len(row.repeats["ours"]) == 2  # the first epoch does not count
    assert min(row.limit, row.ours) > 0
    (row,) = price_rows("cpu", {}, batch=8, width=2, repeats=1, steps=2)
    assert (row.name, row.goal) == ("steps, deterministic", "≥ 0.85 × plain")
    if not torch.cuda.is_available():  # else it would measure for minutes
        assert list(accelerator_rows()) == []
        assert "left out; there is none" in capsys.readouterr().out


def test_the_archive_of_this_machine(tmp_path, monkeypatch):
    archive = tmp_path / "cifar.tar.gz"
    archive.touch()
    for named, expected in ((archive, archive), (tmp_path / "none", None), (tmp_path, None)):
        monkeypatch.setenv(SOURCE, str(named))
        assert local_archive() == expected
    assert not up_to_date(tmp_path)


def test_the_program(tmp_path, monkeypatch, capsys):
    row = next(augmentation_row(500, 1))
    monkeypatch.setattr(program, "PARTS", {"augmentation": lambda: iter([row])})
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--json", str(tmp_path / "result.json")])
    program.main()
    assert row.line() in capsys.readouterr().out
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["rows"][0]["ours"] == row.ours
    assert written["rows"][0]["repeats"].keys() == {"ours", "plain", "limit"}
    assert written["machine"]["cores"] > 0


def test_what_was_measured_before_a_mistake_is_kept(tmp_path, monkeypatch, capsys):
    row = next(augmentation_row(500, 1))
    parts = {"augmentation": lambda: iter([row]), "stages": lambda: iter([run("-c", "1 / 0")])}
    monkeypatch.setattr(program, "PARTS", parts)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--json", str(tmp_path / "result.json")])
    with pytest.raises(SystemExit, match="2"):
        program.main()
    shown = capsys.readouterr()
    assert shown.err == "error: python -c 1 / 0 failed: ZeroDivisionError: division by zero\n"
    assert len(json.loads((tmp_path / "result.json").read_text())["rows"]) == 1


def test_memory_of_a_process():
    assert 10 < memory("self") <= memory("self", "VmHWM")


def test_an_unknown_part(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "speed"])
    with pytest.raises(SystemExit, match="2"):
        program.main()
    assert "speed is no part; name any of augmentation, " in capsys.readouterr().err
