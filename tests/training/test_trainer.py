import pytest
import torch

from cifarlens.runtime.errors import UserError
from cifarlens.training.trainer import resolve_precision


@pytest.fixture
def cpu(monkeypatch):
    """Gives the CPU abilities: `cpu(avx512_bf16=True)`."""
    return lambda **able: monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"avx2": True}, "32-true"),
        ({"avx512_bf16": False, "amx_bf16": False}, "32-true"),
        ({"avx512_bf16": True}, "bf16-mixed"),
        ({"amx_bf16": True}, "bf16-mixed"),
    ],
)
def test_auto_takes_bf16_where_the_cpu_multiplies_it(cpu, able, expected):
    cpu(**able)
    assert resolve_precision("auto", "cpu") == expected
    assert resolve_precision(32, "cpu") == "32-true"


def test_bf16_that_would_be_emulated_is_refused(cpu):
    cpu(avx2=True)
    with pytest.raises(UserError, match=r"trainer.precision is 'bf16-mixed', but must be auto"):
        resolve_precision("bf16-mixed", "cpu")


def test_this_machine_says_what_it_can():
    assert {"avx512_bf16", "sve"} & torch.cpu.get_capabilities().keys()
    assert resolve_precision("auto", "mps") == "32-true"
