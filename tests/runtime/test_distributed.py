import json

import pytest

from cifarlens.runtime import distributed
from cifarlens.runtime.distributed import RUN_ID

NAMES = ("TORCHELASTIC_RUN_ID", "RANK", "NODE_RANK", "TORCHELASTIC_ERROR_FILE")


@pytest.fixture
def environment(monkeypatch):
    """Sets the launcher's environment variables and removes the others."""

    def change(**variables):
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return change


@pytest.mark.parametrize(
    ("variables", "launched", "supervised", "rank", "locks"),
    [
        ({}, False, False, 0, True),
        ({"RANK": "3"}, False, False, 0, True),  # set by another program
        ({"NODE_RANK": "0"}, False, False, 0, True),
        ({"NODE_RANK": "1"}, False, False, 0, False),
        ({"TORCHELASTIC_RUN_ID": RUN_ID, "RANK": "0"}, True, True, 0, False),
        ({"TORCHELASTIC_RUN_ID": "none", "RANK": "0"}, True, False, 0, True),
        ({"TORCHELASTIC_RUN_ID": "none", "RANK": "3"}, True, False, 3, False),
    ],
)
def test_the_place_among_the_processes(environment, variables, launched, supervised, rank, locks):
    environment(**variables)
    assert distributed.launched() == launched
    assert distributed.supervised() == supervised
    assert distributed.rank() == rank
    assert distributed.holds_stage_lock() == locks


def test_a_failure_is_reported_to_the_launcher_if_there_is_one(environment, tmp_path):
    environment(TORCHELASTIC_ERROR_FILE=str(tmp_path / "error.json"))
    assert distributed.report_failure("The disk is full.")
    report = json.loads((tmp_path / "error.json").read_text())
    assert report["message"] == "The disk is full."
    assert report["timestamp"] > 1e9
    environment()
    assert not distributed.report_failure("The disk is full.")
    environment(TORCHELASTIC_ERROR_FILE=str(tmp_path / "error.json/below-a-file"))
    assert not distributed.report_failure("The disk is full.")
