import os
import subprocess
import sys

import pytest
import torch

from cifarlens.runtime.device import (
    check_devices,
    choose_device,
    count_workers,
    resolve_accelerator,
)
from cifarlens.runtime.errors import UserError

PRESENT = {"gpu": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
DEVICES = {"cpu": "cpu", "gpu": "cuda", "mps": "mps"}


def test_cpu_is_always_there() -> None:
    assert resolve_accelerator("cpu") == choose_device("cpu") == "cpu"


def test_auto_takes_a_gpu_if_there_is_one_for_training_and_prediction_alike() -> None:
    best = "gpu" if PRESENT["gpu"] else "cpu"  # Apple's cannot repeat a run exactly
    assert resolve_accelerator("auto") == best
    assert choose_device("auto") == DEVICES[best]


@pytest.mark.parametrize("resolve", [resolve_accelerator, choose_device])
@pytest.mark.parametrize("name", PRESENT)
def test_a_missing_accelerator_is_the_users_mistake(name: str, resolve) -> None:
    if PRESENT[name]:
        assert resolve(name) in (name, DEVICES[name])
    else:
        words = f"params.yaml: trainer.accelerator is '{name}', but must be auto or cpu"
        with pytest.raises(UserError, match=words):
            resolve(name)


@pytest.mark.parametrize(
    ("here", "allowed"),
    [((True, False), "auto or cpu or gpu"), ((False, True), "auto or cpu or mps")],
)
def test_what_is_there_is_named(monkeypatch, here, allowed) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: here[0])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: here[1])
    missing = "mps" if here[0] else "gpu"
    with pytest.raises(UserError, match=f"is '{missing}', but must be {allowed} on this machine"):
        resolve_accelerator(missing)
    assert resolve_accelerator("auto") == ("gpu" if here[0] else "cpu")


def test_more_devices_than_there_are(monkeypatch) -> None:
    check_devices("cpu", 64)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_devices("auto", 2)
    words = "trainer.devices is 3, but must be at most 2, the devices of kind gpu on this machine"
    with pytest.raises(UserError, match=words):
        check_devices("gpu", 3)


def test_workers(monkeypatch) -> None:
    assert count_workers(0, "cpu", 1) == 0
    assert count_workers(64, "cpu", 1) == 64
    assert count_workers("auto", "cpu", 4) == 2
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for cores, devices, expected in ((8, 1, 7), (8, 4, 1), (64, 2, 16), (2, 4, 1), (1, 1, 1)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, c=cores: range(c), raising=False)
        assert count_workers("auto", "gpu", devices) == expected
    monkeypatch.delattr(os, "sched_getaffinity")
    for cores, expected in ((8, 7), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert count_workers("auto", "gpu", 1) == expected


def test_it_brings_no_lightning() -> None:
    code = "import sys, cifarlens.runtime.device; sys.exit('pytorch_lightning' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
