"""The programs for a GPU run their small case on the CPU; the measured values are not checked."""

import json
import sys

import pytest
import torch
import torch.utils.deterministic as deterministic
from one_of_several import ROOT, small_setup

from benchmarks import __main__ as program
from benchmarks.gpu import drive, steps, tables
from benchmarks.gpu.common import digest
from cifarlens.dataset.arrays import save_dataset
from cifarlens.runtime import paths
from cifarlens.runtime.files import write_json
from cifarlens.training.one_cycle.fit import fit
from cifarlens.training.one_cycle.schedule import Recipe

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
    monkeypatch.setattr(tables, "VARIANTS", {"exact": "deterministic"})
    trainings = {
        "first": ("drive", "exact"),
        "sketch": ("fast", "--compile"),
        "seeds": ("drive", "exact", "--seeds", "0,1"),
    }
    monkeypatch.setattr(tables, "TRAININGS", trainings)
    monkeypatch.setenv("PATH", "")  # neither git nor DVC
    result = dict(tables.gpu_tables("cpu", project))
    printed = capsys.readouterr().out
    assert result["smoke"][0]["same bits"]
    (step,) = result["steps"]
    assert step["kernels_ms"]["conv"] > 0
    layers = [row["layer"] for row in result["layers"]]
    assert (len(layers), layers[-1]) == (8, "all convolutions of a step")
    runs = {row["run"]: row for row in result["runs"]}
    assert list(runs) == ["first", "sketch", "seed 0", "seed 1"]
    # Everything computes what the stage computes, except another seed.
    weights = {name: row["weights"] for name, row in runs.items()}
    other = weights.pop("seed 1")
    assert set(weights.values()) == {weights["first"]} != {other}
    assert runs["sketch"]["train_loss"] == runs["first"]["train"]["train_loss"]
    assert "2 seeds: " in printed


@pytest.mark.parametrize("name", ["eager", "callables", "free", "compile"])
def test_a_variant_of_the_stage_trains_to_the_same_bytes_on_a_cpu(few_digits, tmp_path, name):
    weights = []
    for variant in ("exact", name):
        setup, folder = small_setup(few_digits), tmp_path / variant
        with drive.variant(variant, gpu=False):
            fit(setup, Recipe(2, 1, 0.01, 0.001), checkpoints=folder / "run", logs=folder / "logs")
        weights.append(digest(setup.network))
    assert weights[0] == weights[1]


def test_it_says_what_is_missing(project, monkeypatch, capsys):
    (project / paths.LR_FIND_METRICS).unlink()
    for name in ("print_smoke", "print_steps", "print_layers"):
        monkeypatch.setattr(tables, name, lambda _: [])
    assert dict(tables.gpu_tables("cpu", project)).keys() == {"device", "smoke", "layers"}
    expected = "skipped; metrics/lr_find.json is missing. Run `dvc repro lr_find` first.\n"
    assert capsys.readouterr().out.endswith(f"trainings: {expected}")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "gpu", "--json", str(project / "gpu.json")])
    program.main()
    assert "gpu: skipped; PyTorch" in capsys.readouterr().out
    assert json.loads((project / "gpu.json").read_text())["gpu"] == {}
    monkeypatch.setattr(torch.version, "cuda", None)
    assert list(tables.gpu_tables()) == []
    assert capsys.readouterr().out.endswith("is built without CUDA\n")


def test_a_program_that_fails_leaves_out_its_rows(tmp_path, capsys):
    assert tables.measure("drive", "exact", folder=tmp_path) == []
    assert (
        "drive exact: left out; python -m benchmarks.gpu.drive failed: " in capsys.readouterr().out
    )


@pytest.mark.parametrize(("variant", "fills"), [("exact", False), ("exact-fill", True)])
def test_a_step_fills_no_fresh_memory(variant, fills):
    steps.measure(variant, False, 1)
    assert deterministic.fill_uninitialized_memory == fills
    deterministic.fill_uninitialized_memory = False


def test_variants_that_compute_the_same_have_the_same_weights():
    variants = ("exact", "graph", "callables", "compile")
    assert len({steps.measure(name, False, 2)[0]["weights"] for name in variants}) == 1
