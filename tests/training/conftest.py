from functools import partial

import pytest
from one_of_several import small_setup

from cifarlens.training.one_cycle.fit import fit
from cifarlens.training.one_cycle.schedule import Recipe


@pytest.fixture
def setup(few_digits):
    """Makes the setup of a tiny training: `setup(seed=1, workers=2, dropout=0.1, ...)`."""
    return partial(small_setup, few_digits)


@pytest.fixture
def train(tmp_path):
    """Trains a setup and returns the history: `train(setup(), "name", epochs=3, ...)`.

    The checkpoint of a run is in `tmp_path/name`.
    """

    def run(setup, name="run", extra_callbacks=(), **changes):
        recipe = Recipe(epochs=4, peak_epoch=1, lr_max=0.01, lr_min=0.0001)._replace(**changes)
        folders = {"checkpoints": tmp_path / name, "logs": tmp_path / "logs" / name}
        return fit(setup, recipe, **folders, extra_callbacks=extra_callbacks)

    return run
