import pytest

from cifarlens.params import Augment
from cifarlens.training.augmentation_steps import augmentation_steps

AUGMENT = Augment(padding=4, flip=True, cutout=8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"padding": 0}, ["half of the images mirrored", "a square of 8×8 pixels cut out"]),
        ({"flip": False}, ["padded by 4 reflected pixels", "a square of 8×8 pixels cut out"]),
        ({"cutout": 0}, ["padded by 4 reflected pixels", "half of the images mirrored"]),
        ({"padding": 0, "flip": False, "cutout": 0}, []),
    ],
)
def test_steps_in_words(change: dict[str, int], words: list[str]) -> None:
    steps = augmentation_steps(AUGMENT.model_copy(update=change), "cut out")
    assert len(steps) == len(words)
    assert all(step.startswith(start) for step, start in zip(steps, words, strict=True))
