import os

import pytest
import torch

from cifarlens.runtime.device import (
    check_devices,
    choose_device,
    count_workers,
    resolve_accelerator,
)
from cifarlens.runtime.errors import UserError


@pytest.fixture
def machine(monkeypatch):
    """Pretends that this machine has a CUDA GPU or Apple's GPU."""

    def change(gpu: bool, mps: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return change


@pytest.mark.parametrize(
    ("gpu", "mps", "auto", "allowed"),
    [
        (False, False, "cpu", "auto or cpu"),
        (True, False, "gpu", "auto or cpu or gpu"),
        (False, True, "cpu", "auto or cpu or mps"),  # a run on mps cannot be repeated exactly
    ],
)
def test_accelerators_of_this_machine(machine, gpu, mps, auto, allowed):
    machine(gpu, mps)
    devices = {"cpu": "cpu", "gpu": "cuda", "mps": "mps"}
    assert resolve_accelerator("auto") == auto
    assert choose_device("auto") == devices[auto]
    for name, available in (("cpu", True), ("gpu", gpu), ("mps", mps)):
        if available:
            assert (resolve_accelerator(name), choose_device(name)) == (name, devices[name])
            continue
        for choose in (resolve_accelerator, choose_device):
            with pytest.raises(UserError) as failure:
                choose(name)
            assert str(failure.value) == (
                f"params.yaml: trainer.accelerator is '{name}'; it must be {allowed} on this"
                " machine. Change it and run again."
            )


def test_more_devices_than_this_machine_has(machine, monkeypatch):
    check_devices("cpu", 64)
    machine(gpu=True, mps=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_devices("auto", 2)
    message = "trainer.devices is 3; it must be at most 2, the number of gpu devices on this"
    with pytest.raises(UserError, match=message):
        check_devices("gpu", 3)


def test_workers(machine, monkeypatch):
    assert count_workers(0, "cpu", 1) == 0
    assert count_workers(64, "cpu", 1) == 64
    assert count_workers("auto", "cpu", 4) == 2
    machine(gpu=True, mps=False)
    for cores, devices, expected in ((8, 1, 7), (8, 4, 1), (64, 2, 16), (2, 4, 1), (1, 1, 1)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, c=cores: range(c), raising=False)
        assert count_workers("auto", "gpu", devices) == expected
    monkeypatch.delattr(os, "sched_getaffinity")
    for cores, expected in ((8, 7), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert count_workers("auto", "gpu", 1) == expected
