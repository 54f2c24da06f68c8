"""The programs for a GPU run their small case on the CPU; the measured values are not checked."""

import json
import sys

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import torch.utils.deterministic as deterministic
from one_of_several import ROOT, small_setup

from benchmarks import __main__ as program
from benchmarks.gpu import drive, steps, tables
from cifarlens.dataset.arrays import save_dataset
from cifarlens.runtime import paths
from cifarlens.runtime.files import write_json
from cifarlens.training.module import Classifier
from cifarlens.training.one_cycle.fit import fit
from cifarlens.training.one_cycle.schedule import Recipe

ON_FIT_START = Classifier.on_fit_start
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
    accuracies = [runs[f"seed {seed}"]["test"]["accuracy"] for seed in (0, 1)]
    expected = f"{np.mean(accuracies):.2%} ± {np.std(accuracies, ddof=1):.2%}"
    assert f"2 seeds: {expected}\n" in printed


class Facts(pl.Callback):
    """Records what the variants replace."""

    def on_train_start(self, trainer, pl_module):
        assert not [key for key in pl_module.state_dict() if "replay" in key]
        self.facts = {
            "free": torch.backends.cudnn.benchmark,
            "compile": pl_module.replay is not None,
            "callables": pl_module.network.static,
            "no graphs": type(pl_module).on_fit_start is not ON_FIT_START,
        }


@pytest.mark.parametrize(
    ("name", "replaced"),
    [
        ("exact", set()),
        ("eager", {"no graphs"}),
        ("callables", {"callables"}),
        ("free", {"free"}),
        ("compile", {"compile", "no graphs"}),
    ],
)
def test_a_variant_replaces_what_it_names(few_digits, tmp_path, name, replaced):
    watcher = Facts()
    with drive.variant(name, gpu=False):
        setup, runs = small_setup(few_digits), {"checkpoints": tmp_path, "logs": tmp_path / "logs"}
        setup.network.static = False
        fit(setup, Recipe(1, 0.5, 0.01, 0.001), **runs, extra_callbacks=[watcher])
    assert {fact for fact, holds in watcher.facts.items() if holds} == replaced


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
def test_a_step_fills_no_fresh_memory(monkeypatch, variant, fills):
    monkeypatch.setattr(deterministic, "fill_uninitialized_memory", not fills)
    steps.measure(variant, False, 1)
    assert deterministic.fill_uninitialized_memory == fills


def test_compiled_steps_have_the_same_weights(monkeypatch):
    compiled, compile_ = [], torch.compile
    monkeypatch.setattr(torch, "compile", lambda *a, **k: compiled.append(a) or compile_(*a, **k))
    weights = {steps.measure(name, False, 2)[0]["weights"] for name in ("exact", "compile")}
    assert (len(weights), len(compiled)) == (1, 1)
