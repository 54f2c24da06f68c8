"""The table of sources: it fits the parameters, and each source brings only its own libraries."""

import subprocess
import sys
from typing import get_args

import pytest

from cifarlens.params import Data
from cifarlens.sources import SOURCES


def test_every_source_that_params_allow_exists():
    assert set(get_args(Data.model_fields["source"].annotation)) == set(SOURCES)


def test_digits_need_no_network_library():
    code = (
        "import sys; from cifarlens.sources import SOURCES\n"
        "data = SOURCES['digits']()\n"
        "print(len(data.train_images), 'requests' in sys.modules, 'torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["1437", "False", "False"]


@pytest.mark.parametrize(("value", "notes"), [("/somewhere", 1), (" ", 0), (None, 0)])
def test_digits_say_that_a_source_of_cifar10_is_not_used(value, notes, monkeypatch, capsys):
    monkeypatch.delenv("CIFAR10_SOURCE", raising=False)
    if value:
        monkeypatch.setenv("CIFAR10_SOURCE", value)
    SOURCES["digits"]()
    shown = capsys.readouterr().err
    assert shown.count("\n") == shown.count("CIFAR10_SOURCE is set, but not used") == notes
