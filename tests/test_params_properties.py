"""Any params.yaml a user could write gives a run plan or one sentence, never a traceback."""

import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from closure import ROOT
from hypothesis import example, given
from hypothesis import strategies as st
from params_making import (
    KEYS,
    STRANGE,
    TEXT,
    at_bounds,
    changed,
    damaged,
    fragments,
    render,
    written,
)
from properties import examples

from cifarlens.dataset.statistics import channel_statistics
from cifarlens.params import LrFind, load_params
from cifarlens.runtime.device import resolve_accelerator
from cifarlens.runtime.errors import UserError
from cifarlens.training.lr_find.range_test import rising
from cifarlens.training.lr_find.suggestion import suggest
from cifarlens.training.one_cycle.schedule import Recipe, choose_recipe, one_cycle
from cifarlens.training.setup import Settings, set_up
from cifarlens.training.trainer import resolve_precision

FOUND = {"lr_max": 0.01, "lr_min": 0.0001}  # by lr_find
BUILT = 8  # the widest network that is really made; a wider one only in shape
LONGEST = 500  # characters of a sentence
PLAN = "plan"

pytestmark = [  # of plans that are legal and odd
    pytest.mark.filterwarnings("ignore:To get the last learning rate"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
]


def plan(path: Path, dataset) -> None:
    """Makes all of a run that needs no training."""
    params = load_params(path)
    settings = Settings(
        seed=params.seed,
        batch_size=params.batch_size,
        val_size=params.data.val_size,
        augment=params.augment,
        model=params.model,
        optimizer=params.optimizer,
        loss=params.loss,
        trainer=params.trainer,
    )
    mean, std = channel_statistics(dataset.train_images)
    real = settings.model.width <= BUILT
    with nullcontext() if real else torch.device("meta"):
        setup = set_up(dataset, {"mean": mean, "std": std}, settings)
    assert params.gradcam.layer in ("auto", *setup.network.layers)
    recipe = choose_recipe(
        FOUND,
        epochs=params.epochs,
        peak_epoch=params.peak_epoch,
        lr_max=params.lr_max,
        lr_min=params.lr_min,
    )
    check_cycle(recipe, setup.images.steps_per_epoch)
    check_range_test(params.lr_find)
    precision = resolve_precision(
        settings.trainer.precision, resolve_accelerator(settings.trainer.accelerator)
    )
    assert precision in ("32-true", "bf16-mixed")

    keys = [(0, 0), (recipe.epochs - 1, len(setup.images.train_images) - 1)]
    images, labels = setup.images.train_images.__getitems__(keys)
    assert (images.dtype, images.shape, len(labels)) == (torch.uint8, (2, 32, 32, 3), 2)
    setup.images.train_dataloader()
    module = setup.module(recipe.lr_min, lambda optimizer: one_cycle(optimizer, recipe, 9))
    module.configure_optimizers()
    if real:
        batch = module.on_after_batch_transfer((images, labels), 0)
        assert module.training_step(batch, 0).shape == ()


def check_cycle(recipe: Recipe, steps_per_epoch: int) -> None:
    """Every rate is one; the highest is lr_max, the first and the last are lr_min."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=recipe.lr_min)
    schedule = one_cycle(optimizer, recipe, steps_per_epoch)
    last = recipe.epochs * steps_per_epoch - 1
    peak = min(max(round(recipe.peak_epoch * steps_per_epoch), 2), last) - 1
    steps = sorted({*range(min(last, 50)), *range(max(peak - 2, 0), min(peak + 3, last)), last})
    rates = []
    for schedule.last_epoch in steps:
        rates += schedule.get_lr()
    noise = 1e-14 * recipe.lr_max
    assert all(math.isfinite(rate) and rate > 0 for rate in rates)
    assert max(rates) == pytest.approx(recipe.lr_max)
    assert steps[int(np.argmax(rates))] == peak or recipe.lr_min > 0.99 * recipe.lr_max
    assert [rates[0], rates[-1]] == pytest.approx([recipe.lr_min] * 2, abs=noise)


def check_range_test(params: LrFind) -> None:
    """The rates rise from start to stop; a curve over them gives two rates or a sentence."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=params.start)
    end = params.start * rising(optimizer, params).gamma ** (params.steps - 1)
    assert end == pytest.approx(params.stop)
    lrs = np.geomspace(params.start, params.stop, params.steps)
    place = np.linspace(-9, 4, params.steps)  # least in the upper half of any range
    falls = 2.3 / (1 + np.exp(place)) + 0.3
    found = outcome(lambda: suggest(lrs.tolist(), falls.tolist(), params.factor))
    assert one_sentence(found)
    valley = 2.3 / (1 + np.exp(6 - 2 * np.abs(place))) + 0.3
    found = suggest(lrs.tolist(), valley.tolist(), params.factor)
    assert params.start < found.lr_valley_start < found.lr_valley_end < params.stop
    assert 0 < found.lr_min <= found.lr_max <= found.lr_valley_end
    assert found.lr_min >= params.start * (1 - 1e-9) or found.lr_min == found.lr_max


def outcome(work: Callable[[], Any]) -> Any:
    """What it gives, or the words of its UserError."""
    try:
        return work()
    except UserError as error:
        return str(error)


def one_sentence(text: str) -> bool:
    return text.isprintable() and len(text) <= LONGEST


@pytest.fixture(scope="module")
def tried(tmp_path_factory, few_digits):
    """What becomes of the bytes of a params.yaml: `PLAN`, or the sentence."""
    path = tmp_path_factory.mktemp("params") / "params.yaml"
    prefixes = (f"{path}: ", "params.yaml: ")  # of the file itself, and of what does not fit it

    def tried(content: bytes | str) -> str:
        path.write_bytes(content if isinstance(content, bytes) else written(content))
        found = outcome(lambda: plan(path, few_digits))
        if found is None:
            return PLAN
        assert found.startswith(prefixes)
        assert one_sentence(found.replace(str(path), "params.yaml"))
        return found

    return tried


def test_the_small_run_is_a_plan(tried):
    assert tried(render({})) == PLAN
    assert re.search("batch_size is 512, but must be at most 200", tried(TEXT))


@examples(150)
@given(content=st.binary(max_size=200) | st.text(max_size=200) | fragments)
def test_any_text(tried, content):
    assert tried(content) != PLAN


@examples(150)
@given(content=damaged())
def test_the_committed_file_damaged(tried, content):
    tried(content)


@examples(150)
@given(changes=changed)
@example(changes={"model": "&a {name: *a}"})
@example(changes={"seed": STRANGE[-1]})
@example(changes={"seed": STRANGE[-2]})
@example(changes={"lr_find.start": "0.9999999999", "lr_find.stop": "1"})
@example(changes={"lr_max": "5e-324", "lr_min": "5e-324"})
def test_values_and_keys_replaced(tried, changes):
    tried(render(changes))


def test_values_around_the_bounds(tried):
    made = []

    @examples(250)
    @given(changes=at_bounds)
    def check(changes):
        made.append(tried(render(changes)))

    check()
    assert made.count(PLAN) > len(made) / 10  # and the rest sentences


@pytest.mark.parametrize("turn", range(2))
def test_each_strange_value_somewhere(tried, turn):
    for place, value in enumerate(STRANGE):
        tried(render({KEYS[(place * 7 + turn) % len(KEYS)]: value}))


PROCESSES = {
    "a plan": (render({}), 0),
    "huge": (render({"seed": "0x" + "f" * 5000}), 2),
    "no integer": (render({"seed": "!!int ''"}), 2),
    "merges": (render({"seed": STRANGE[-2]}), 2),
    "old YAML": ("%YAML 1.1\n---\n" + render({"lr_max": "1e1", "augment.flip": "on"}), 0),
    "surrogate": (render({'"\\ud800"': "1"}), 2),
}


@pytest.mark.parametrize("name", PROCESSES)
def test_the_first_stage(tmp_path, name):
    text, code = PROCESSES[name]
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "stages", tmp_path / "stages")
    done = subprocess.run(
        [sys.executable, "-m", "stages.download"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if code:
        assert done.stderr.startswith("error: params.yaml: ")
        assert done.stderr.count("\n") == 1
    assert (tmp_path / "data/dataset").exists() == (code == 0)
