"""The programs for a GPU run their small case on the CPU; the measured values are not checked."""

import json
import sys

import pytest
import torch
import torch.utils.deterministic as deterministic
from one_of_several import ROOT

from benchmarks import __main__ as program
from benchmarks.gpu import steps, tables
from cifarlens.dataset.arrays import save_dataset
from cifarlens.runtime import paths
from cifarlens.runtime.files import write_json

SMALL = {"epochs": 2, "peak_epoch": 1, "batch_size": 64, "width": 4, "lr_max": 0.005}


@pytest.fixture
def project(tmp_path, few_digits):
    """The files that a small training needs."""
    lines = (ROOT / paths.PARAMS).read_text().splitlines()
    for key, value in SMALL.items():
        (index,) = (i for i, line in enumerate(lines) if line.strip().startswith(f"{key}:"))
        lines[index] = f"{lines[index].partition(':')[0]}: {value}"
    (tmp_path / paths.PARAMS).write_text("\n".join(lines))
    save_dataset(tmp_path / paths.DATASET, few_digits)
    write_json(tmp_path / paths.LR_FIND_METRICS, {"lr_max": 0.01, "lr_min": 0.0001})
    return tmp_path


@pytest.mark.slow
def test_all_tables(project, monkeypatch, capsys):
    monkeypatch.setattr(tables, "VARIANTS", {"exact": "as train", "compile-graph": "compiled"})
    monkeypatch.setitem(tables.TRAININGS, "other seeds", ("exact", "--seeds", "1"))
    monkeypatch.setenv("PATH", "")  # neither git nor DVC
    result = tables.print_gpu("cpu", project)
    printed = capsys.readouterr().out
    assert result["smoke"]["same bits"]
    assert [row["variant"] for row in result["steps"]] == ["exact", "compile-graph"]
    assert result["steps"][0]["weights"] == result["steps"][1]["weights"]
    assert result["steps"][0]["kernels_ms"]["conv"] > 0
    assert result["layers"][-1] == {
        "layer": "all convolutions of a step",
        "exact ms": 0,
        "free ms": 0,
    }
    assert [row["run"] for row in result["runs"]] == [*list(tables.TRAININGS)[:3], "seed 1"]
    first, again, eager, other = (row["weights"] for row in result["runs"])
    assert first == again == eager != other
    assert result["same_bytes_twice"]
    # The sketch computes what the stage computes.
    assert result["fast"][0]["weights"] == first
    assert result["fast"][0]["train_loss"] == result["runs"][0]["train"]["train_loss"]
    assert printed.count("same bytes: yes") == 3
    assert "2 seeds: " in printed


def test_it_says_what_is_missing(project, monkeypatch, capsys):
    (project / paths.LR_FIND_METRICS).unlink()
    for name in ("print_smoke", "print_steps", "print_layers"):
        monkeypatch.setattr(tables, name, lambda _: [])
    tables.print_gpu("cpu", project)
    expected = (
        "trainings: skipped; metrics/lr_find.json is missing. Run `dvc repro lr_find` first.\n"
    )
    assert capsys.readouterr().out.endswith(expected)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "gpu", "--json", str(project / "gpu.json")])
    program.main()
    assert "gpu: skipped; PyTorch" in capsys.readouterr().out
    assert json.loads((project / "gpu.json").read_text())["gpu"] == {}
    monkeypatch.setattr(torch.version, "cuda", None)
    assert tables.print_gpu() == {}
    assert capsys.readouterr().out.endswith("is built without CUDA\n")


@pytest.mark.parametrize(("variant", "fills"), [("exact", False), ("exact-fill", True)])
def test_a_step_fills_no_fresh_memory(variant, fills):
    steps.measure(variant, False, 1)
    assert deterministic.fill_uninitialized_memory == fills
    deterministic.fill_uninitialized_memory = False


def test_variants_that_compute_the_same_have_the_same_weights():
    weights = {v: steps.measure(v, False, 2)[0]["weights"] for v in ("exact", "graph", "callables")}
    assert len(set(weights.values())) == 1
