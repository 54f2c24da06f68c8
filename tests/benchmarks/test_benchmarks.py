"""The benchmarks run on small work; the measured values are not checked."""

import json
import sys
from functools import partial

import pytest
import torch

from benchmarks import __main__ as program
from benchmarks import accelerator, training
from benchmarks.gpu import steps
from benchmarks.images import augmentation_row
from benchmarks.pipeline import evaluation_row, is_up_to_date, local_archive
from benchmarks.processes import memory, run
from benchmarks.scaling import print_scaling
from benchmarks.table import describe_machine
from cifarlens.sources.cifar10 import CIFAR10


def test_rows_of_small_work():
    rows = [*augmentation_row(500, 1), *evaluation_row(500, 4, 1)]
    assert [row.unit for row in rows] == ["images/s", "images/s"]
    assert all(row.ours > 0 for row in rows)
    assert rows[0].plain > 0
    assert rows[1].limit > 0


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # two workers, on one core too
def test_rows_of_training(capsys, monkeypatch):
    monkeypatch.setattr(training, "overhead_row", partial(training.overhead_row, repeats=1))
    monkeypatch.setattr(training, "EARLIER", "HEAD")  # a shallow clone has no other commit
    rows = list(training.step_rows(steps=3, batch=8, width=2, repeats=1, tiny=5))
    assert rows[0].name == "training, width 2, float32"
    assert rows[1].goal == "≥ 0.8 × limit"
    assert rows[2].name == "float32, plain: ours at HEAD"
    assert rows[-1].name.startswith("Lightning")
    assert all(row.plain > 0 for row in rows[:-1])
    assert rows[0].limit > 0
    scaling = print_scaling((24, 32), (2,), 8)
    shape = [(row["width"], row["images"], len(row["steps"])) for row in scaling]
    assert shape == [(2, 24, 2), (2, 32, 3)]  # the start of the first step is unknown
    assert scaling[1]["seconds"] == pytest.approx(4 * sum(scaling[1]["steps"]) / 3)
    assert "width 2" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # two workers, on one core too
def test_rows_of_an_accelerator(capsys, monkeypatch):
    """Runs on the CPU and in this process."""

    def rate(_, variant):
        return steps.measure(variant, False, 2)[0]["images_s"]

    monkeypatch.setattr(accelerator, "step_rate", rate)
    row = accelerator.fed_row("cpu", images=24, batch=8, width=2, epochs=2, repeats=1)
    assert row.name == "training, width 2, cpu, with augmentation workers"
    assert len(row.repeats["ours"]) == 1  # the first epoch does not count
    assert min(row.limit, row.ours) > 0
    (row,) = accelerator.price_rows("cpu", {}, repeats=1)
    assert (row.name, row.goal) == ("steps, deterministic", "≥ 0.85 × plain")
    if not torch.cuda.is_available():  # a GPU would be measured for minutes
        assert list(accelerator.accelerator_rows()) == []
        assert "skipped; this machine has no GPU" in capsys.readouterr().out


def test_the_local_archive_is_used_if_it_exists(tmp_path, monkeypatch):
    archive = tmp_path / "cifar.tar.gz"
    archive.touch()
    for path, expected in ((archive, archive), (tmp_path / "none", None), (tmp_path, None)):
        monkeypatch.setenv(CIFAR10.variable, str(path))
        assert local_archive() == expected
    assert not is_up_to_date(tmp_path)


def run_program(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    program.main()


def test_rows_measured_before_an_error_are_printed_and_written(tmp_path, monkeypatch, capsys):
    row = next(augmentation_row(500, 1))
    parts = {"augmentation": lambda: iter([row]), "stages": lambda: iter([run("-c", "1 / 0")])}
    monkeypatch.setattr(program, "PARTS", parts)
    with pytest.raises(SystemExit, match="2"):
        run_program(monkeypatch, "--json", str(tmp_path / "result.json"))
    printed = capsys.readouterr()
    assert row.line() in printed.out
    assert printed.err == "error: python -c 1 / 0 failed: ZeroDivisionError: division by zero\n"
    result = json.loads((tmp_path / "result.json").read_text())
    (written,) = result["rows"]
    assert written["ours"] == row.ours
    assert written["repeats"].keys() == {"ours", "plain", "limit"}
    keys = {"processor", "cores", "torch", "commit", "date", "load"}
    assert keys <= result["machine"].keys()


def test_a_machine_without_git(monkeypatch, capsys):
    assert describe_machine()["commit"] != "unknown"
    monkeypatch.setenv("PATH", "")
    assert describe_machine()["commit"] == "unknown"
    with training.earlier_code() as tree:
        assert tree is None
    assert "skipped; git has no such commit here" in capsys.readouterr().out


def test_memory_of_a_process():
    assert 10 < memory("self") <= memory("self", "VmHWM")


def test_an_unknown_part_is_refused(monkeypatch, capsys):
    with pytest.raises(SystemExit, match="2"):
        run_program(monkeypatch, "speed")
    assert "speed is not a part; choose from augmentation, " in capsys.readouterr().err
