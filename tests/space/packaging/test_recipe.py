import math

import pytest

from cifarlens.params import Augment, Optimizer
from cifarlens.runtime.errors import UserError
from cifarlens.space.packaging.recipe import recipe

ADAM = Optimizer(weight_decay=0.3, decoupled=True, beta1=0.9, beta2=0.99, label_smoothing=0.1)
TRAINED = {
    "epochs": 24,
    "kept_epoch": 17,
    "ema_decay": 0.99,
    "lr_max": 0.0043321,
    "lr_min": 4.3e-06,
    "parameters": 6_573_130,
}


def rows(**changes: object) -> dict[str, str]:
    given = {
        "epochs": 24,
        "peak_epoch": 5.0,
        "batch_size": 512,
        "optimizer": ADAM,
        "augment": Augment(padding=4, flip=True, cutout=8),
        "trained": TRAINED,
    }
    return dict(recipe(**{**given, **changes}))


def test_the_whole_recipe_in_order():
    assert rows() == {
        "Epochs": "24",
        "Batch size": "512 images",
        "Optimizer": "AdamW, weight decay 0.3, betas 0.9 and 0.99",
        "Label smoothing": "0.1",
        "Highest learning rate (lr_max)": "0.00433",
        "First and last learning rate (lr_min)": "4.3e-06",
        "Highest rate at the end of epoch": "5",
        "Weights": "of epoch 17, averaged with a decay of 0.99 a step",
        "Augmentation": "padded by 4 reflected pixels on each side, then cropped back at random;"
        " half of the images mirrored; a square of 8×8 pixels cut out",
        "Parameters": "6,573,130",
    }


def test_other_settings():
    coupled = ADAM.model_copy(update={"decoupled": False})
    assert rows(optimizer=coupled)["Optimizer"].startswith("Adam, ")
    none = Augment(padding=0, flip=False, cutout=0)
    assert rows(augment=none)["Augmentation"] == "none"
    assert rows(peak_epoch=2.5)["Highest rate at the end of epoch"] == "2.5"


@pytest.mark.parametrize("value", ["0.1", None, True, math.nan, [1]])
def test_damaged_metrics_are_named(value):
    with pytest.raises(UserError, match=r"metrics/train\.json has lr_max as .*, not a number"):
        rows(trained={**TRAINED, "lr_max": value})


def test_another_runs_metrics_are_refused():
    with pytest.raises(UserError, match=r"asks for 8 epochs, but metrics/train\.json tells of 24"):
        rows(epochs=8)
