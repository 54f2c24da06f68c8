"""Any params.yaml that a user could write gives a run plan or an error message, not a traceback."""

import math
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from params_making import (
    KEYS,
    STRANGE,
    TEXT,
    at_bounds,
    changed,
    damaged,
    encode,
    fragments,
    render,
)
from properties import examples

from cifarlens.dataset.statistics import channel_statistics
from cifarlens.params import LrFind, load_params
from cifarlens.runtime.device import resolve_accelerator
from cifarlens.runtime.errors import UserError
from cifarlens.training.lr_find.range_test import rising_schedule
from cifarlens.training.lr_find.suggestion import suggest
from cifarlens.training.one_cycle.schedule import Recipe, choose_recipe, one_cycle
from cifarlens.training.setup import Settings, set_up
from cifarlens.training.trainer import resolve_precision

SUGGESTION = {"lr_max": 0.01, "lr_min": 0.0001}
MAX_WIDTH = 8  # a wider network is built on torch's meta device
MAX_MESSAGE = 500  # characters
PLAN = "plan"

pytestmark = [  # warnings about valid but unusual plans
    pytest.mark.filterwarnings("ignore:To get the last learning rate"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
]


def plan(path: Path, dataset) -> None:
    """Does everything in a run that needs no training."""
    params = load_params(path)
    names = ("seed", "batch_size", "augment", "model", "optimizer", "loss", "trainer")
    values = {name: getattr(params, name) for name in names}
    settings = Settings(**values, val_size=params.data.val_size)
    mean, std = channel_statistics(dataset.train_images)
    small = settings.model.width <= MAX_WIDTH
    with nullcontext() if small else torch.device("meta"):
        setup = set_up(dataset, {"mean": mean, "std": std}, settings)
    assert params.gradcam.layer in ("auto", *setup.network.layers)
    names = ("epochs", "peak_epoch", "lr_max", "lr_min")
    recipe = choose_recipe(SUGGESTION, **{name: getattr(params, name) for name in names})
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
    if small:
        batch = module.on_after_batch_transfer((images, labels), 0)
        assert module.training_step(batch, 0).shape == ()


def check_cycle(recipe: Recipe, steps_per_epoch: int) -> None:
    """Checks that the highest rate is lr_max and that the first and the last are lr_min."""
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
    """Checks that the rates rise from start to stop and give a suggestion or an error message."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=params.start)
    end = params.start * rising_schedule(optimizer, params).gamma ** (params.steps - 1)
    assert end == pytest.approx(params.stop)
    lrs = np.geomspace(params.start, params.stop, params.steps)
    place = np.linspace(-9, 4, params.steps)  # the minimum is in the upper half of any range
    falling = 2.3 / (1 + np.exp(place)) + 0.3
    with pytest.raises(UserError) as failure:
        suggest(lrs.tolist(), falling.tolist(), params.factor)
    assert is_message(str(failure.value))
    valley = 2.3 / (1 + np.exp(6 - 2 * np.abs(place))) + 0.3
    suggestion = suggest(lrs.tolist(), valley.tolist(), params.factor)
    assert params.start < suggestion.lr_valley_start < suggestion.lr_valley_end < params.stop
    assert 0 < suggestion.lr_min <= suggestion.lr_max <= suggestion.lr_valley_end
    in_range = suggestion.lr_min >= params.start * (1 - 1e-9)
    assert in_range or suggestion.lr_min == suggestion.lr_max


def is_message(text: str) -> bool:
    return text.isprintable() and len(text) <= MAX_MESSAGE


@pytest.fixture(scope="module")
def result(tmp_path_factory, few_digits):
    """Returns `PLAN` or the error message for the content of a params.yaml."""
    path = tmp_path_factory.mktemp("params") / "params.yaml"

    def result(content: bytes | str) -> str:
        path.write_bytes(content if isinstance(content, bytes) else encode(content))
        try:
            plan(path, few_digits)
        except UserError as error:
            message = str(error).replace(str(path), "params.yaml")
            assert message.startswith("params.yaml: ")
            assert is_message(message)
            return message
        return PLAN

    return result


def test_a_small_run_is_a_plan(result):
    assert result(render({})) == PLAN
    assert "batch_size is 512; it must be at most 200" in result(TEXT)


@examples(100)
@given(content=st.binary(max_size=200) | st.text(max_size=200) | fragments)
def test_any_text(result, content):
    assert result(content) != PLAN


@examples(100)
@given(content=damaged())
def test_the_committed_file_damaged(result, content):
    result(content)


@examples(100)
@given(changes=changed)
@example(changes={"model": "&a {name: *a}"})
@example(changes={"seed": STRANGE[-1]})
@example(changes={"seed": STRANGE[-2]})
@example(changes={"lr_find.start": "0.9999999999", "lr_find.stop": "1"})
@example(changes={"lr_max": "5e-324", "lr_min": "5e-324"})
def test_changed_values_and_keys(result, changes):
    result(render(changes))


def test_values_around_the_bounds(result):
    results = []

    @examples(150)
    @given(changes=at_bounds)
    def check(changes):
        results.append(result(render(changes)))

    check()
    assert results.count(PLAN) > len(results) / 10


@pytest.mark.parametrize("turn", range(2))
def test_each_strange_value_somewhere(result, turn):
    for place, value in enumerate(STRANGE):
        result(render({KEYS[(place * 7 + turn) % len(KEYS)]: value}))
