import pytest
import torch

from cifarlens.runtime.errors import UserError
from cifarlens.training.trainer import resolve_precision


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx2": True}, "32-true"),
        ({"avx512_bf16": False, "amx_bf16": False}, "32-true"),
        ({"avx512_bf16": True}, "bf16-mixed"),
        ({"amx_bf16": True}, "bf16-mixed"),
    ],
)
def test_auto_takes_bf16_where_the_cpu_supports_it(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert resolve_precision("auto", "cpu") == expected
    assert resolve_precision(32, "cpu") == "32-true"


def test_bf16_that_would_be_emulated_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    with pytest.raises(UserError, match=r"trainer.precision is 'bf16-mixed'; it must be auto"):
        resolve_precision("bf16-mixed", "cpu")


def test_torch_names_its_capabilities_as_the_code_expects():
    assert {"avx512_bf16", "sve"} & torch.cpu.get_capabilities().keys()
    assert resolve_precision("auto", "mps") == "32-true"
