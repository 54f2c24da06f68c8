from pathlib import Path

from cifarlens.params import Augment, Loss, load_params
from cifarlens.training.recipe import augmentation_steps, describe_recipe

ROOT = Path(__file__).parents[2]
ADAM = load_params(ROOT / "params.yaml").optimizer
TRAIN = {"kept_epoch": 17, "lr_max": 0.0043321, "lr_min": 4.3e-06}


def rows(**changes: object) -> dict[str, str]:
    given = {
        "epochs": 24,
        "ema_decay": 0.99,
        "peak_epoch": "auto",
        "batch_size": 512,
        "optimizer": ADAM,
        "loss": Loss(label_smoothing=0.1),
        "augment": Augment(padding=4, flip=True, cutout=8),
        "train": TRAIN,
    }
    return describe_recipe(**{**given, **changes})


def test_the_rows_are_in_order():
    recipe = rows()
    assert recipe["Optimizer"].startswith("AdamW, weight decay 0.3, beta1 0.9, beta2 0.99")
    assert list(recipe.items()) == [
        ("Epochs", "24"),
        ("Batch size", "512 images"),
        ("Optimizer", recipe["Optimizer"]),  # names every option of the section
        ("Label smoothing", "0.1"),
        (
            "Learning rate",
            "one cycle: from 4.3e-06 up to 0.00433 at the end of epoch 5, then back down",
        ),
        ("Weights", "from epoch 17, exponential moving average with a decay of 0.99 per step"),
        (
            "Augmentation",
            "random crop after padding by 4 reflected pixels on each side;"
            " horizontal flip of half of the images;"
            " CutOut: one 8×8 square filled with the mean colour",
        ),
    ]


def test_other_settings():
    coupled = ADAM.model_copy(update={"decoupled": False})
    assert rows(optimizer=coupled)["Optimizer"].startswith("Adam, ")
    assert rows(augment=Augment(padding=0, flip=False, cutout=0))["Augmentation"] == "none"
    assert "at the end of epoch 2.5," in rows(peak_epoch=2.5)["Learning rate"]
    last = {"lr_max": 0.004, "lr_min": 4.3e-06}  # no kept_epoch: the last one
    assert rows(train=last, ema_decay=0.0)["Weights"] == "from epoch 24"
    (step,) = augmentation_steps(Augment(padding=1, flip=False, cutout=0))
    assert step.endswith("padding by 1 reflected pixel on each side")
