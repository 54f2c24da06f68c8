"""Any params.yaml that a user could write gives parameters or an error message, not a traceback."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from params_making import STRANGE, TEXT, at_bounds, changed, damaged, encode, fragments, render
from properties import examples

from cifarlens.params import LrFind, Params, load_params
from cifarlens.runtime.errors import UserError
from cifarlens.training.lr_find.suggestion import suggest
from cifarlens.training.one_cycle.schedule import choose_recipe, one_cycle, rate_curve
from cifarlens.training.setup import Settings, set_up

SUGGESTION = {"lr_max": 0.01, "lr_min": 0.0001}
MAX_WIDTH = 8  # a wider network is built on torch's meta device
MAX_MESSAGE = 500  # characters

pytestmark = [  # warnings about valid but unusual plans
    pytest.mark.filterwarnings("ignore:To get the last learning rate"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
]


def load(path: Path, content: bytes | str) -> Params | None:
    """Returns the parameters in a file with this content, or None after an error message."""
    path.write_bytes(content if isinstance(content, bytes) else encode(content))
    try:
        return load_params(path)
    except UserError as error:
        check_message(str(error).replace(str(path), "params.yaml"))
        return None


def check_message(message: str) -> None:
    assert message.startswith("params.yaml: ")
    assert message.isprintable()
    assert len(message) <= MAX_MESSAGE


def set_up_run(params: Params, dataset) -> None:
    """Does what a run does before its first step; a small network also takes this step."""
    names = ("seed", "batch_size", "augment", "model", "optimizer", "loss", "trainer")
    values = {name: getattr(params, name) for name in names}
    settings = Settings(**values, val_size=params.data.val_size)
    small = settings.model.width <= MAX_WIDTH
    with nullcontext() if small else torch.device("meta"):
        setup = set_up(dataset, {"mean": [0.3] * 3, "std": [0.3] * 3}, settings)
    names = ("epochs", "peak_epoch", "lr_max", "lr_min")
    recipe = choose_recipe(SUGGESTION, **{name: getattr(params, name) for name in names})
    assert all(0 < rate <= 10 for _, rate in rate_curve(recipe, setup.images.steps_per_epoch))
    check_suggestion(params.lr_find)

    images = setup.images.train_images
    batch = images.load(recipe.epochs - 1, [0, len(images) - 1])
    setup.images.train_dataloader()
    module = setup.module(recipe.lr_min, lambda optimizer: one_cycle(optimizer, recipe, 9))
    module.configure_optimizers()
    if small:
        module.training_step(module.on_after_batch_transfer(batch.tensors(), 0), 0)


def check_suggestion(params: LrFind) -> None:
    """Checks that any allowed range is long enough to suggest learning rates in it."""
    lrs = np.geomspace(params.start, params.stop, params.steps)
    place = np.linspace(-9, 4, params.steps)  # the minimum is in the upper half of any range
    valley = 2.3 / (1 + np.exp(6 - 2 * np.abs(place))) + 0.3
    suggestion = suggest(lrs.tolist(), valley.tolist(), params.factor)
    assert params.start < suggestion.lr_valley_start < suggestion.lr_valley_end < params.stop
    assert 0 < suggestion.lr_min <= suggestion.lr_max <= suggestion.lr_valley_end


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("params") / "params.yaml"


@examples(200)
@given(content=damaged() | st.binary(max_size=200) | st.text(max_size=200) | fragments)
def test_any_text(path, content):
    load(path, content)


@examples(150)
@given(changes=changed)
@example(changes={"lr_find.start": "0.9999999999", "lr_find.stop": "1"})
def test_changed_values_and_keys(path, changes):
    load(path, render(changes))


@pytest.mark.parametrize("key", ["lr_max", "model"])  # a value and a section
def test_each_strange_value(path, key):
    for value in STRANGE:
        load(path, render({key: value}))


def test_values_at_the_bounds_are_refused_or_set_up_a_run(path, few_digits):
    valid = []

    @examples(150)
    @given(changes=at_bounds)
    def check(changes):
        params = load(path, render(changes))
        valid.append(params is not None)
        if params:
            try:
                set_up_run(params, few_digits)
            except UserError as error:  # the dataset is too small for them
                check_message(str(error))

    check()
    assert valid.count(True) > len(valid) / 10


def test_a_batch_larger_than_the_dataset_is_refused(path, few_digits):
    with pytest.raises(UserError, match="batch_size is 512; it must be at most 200"):
        set_up_run(load(path, TEXT), few_digits)
