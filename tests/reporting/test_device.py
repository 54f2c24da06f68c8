import pytest
import torch

from cifarlens.errors import UserError
from cifarlens.reporting.device import choose_device


def test_cpu_is_always_there() -> None:
    assert choose_device("cpu") == "cpu"


def test_auto_takes_a_gpu_if_there_is_one() -> None:
    assert choose_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize(
    ("name", "present"),
    [("gpu", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())],
)
def test_a_missing_accelerator_is_the_users_mistake(name: str, present: bool) -> None:
    if present:
        assert choose_device(name) == {"gpu": "cuda", "mps": "mps"}[name]
    else:
        with pytest.raises(UserError, match=f"trainer.accelerator is {name}.*auto or cpu"):
            choose_device(name)
