import json

import pytest

from cifarlens.runtime import distributed as processes
from cifarlens.runtime.distributed import RUN_ID

ALONE = {"TORCHELASTIC_RUN_ID": None, "RANK": None, "NODE_RANK": None}


@pytest.fixture
def environment(monkeypatch):
    def change(**variables):
        for name, value in {**ALONE, **variables}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    return change


@pytest.mark.parametrize(
    ("variables", "launched", "supervised", "rank", "locks"),
    [
        ({}, False, False, 0, True),
        ({"RANK": "3"}, False, False, 0, True),  # of somebody else
        ({"NODE_RANK": "0"}, False, False, 0, True),
        ({"NODE_RANK": "1"}, False, False, 0, False),
        ({"TORCHELASTIC_RUN_ID": RUN_ID, "RANK": "0"}, True, True, 0, False),
        ({"TORCHELASTIC_RUN_ID": "none", "RANK": "0"}, True, False, 0, True),
        ({"TORCHELASTIC_RUN_ID": "none", "RANK": "3"}, True, False, 3, False),
    ],
)
def test_which_process_this_is(environment, variables, launched, supervised, rank, locks):
    environment(**variables)
    assert processes.launched() == launched
    assert processes.supervised() == supervised
    assert processes.rank() == rank
    assert processes.holds_stage_lock() == locks


def test_a_reason_is_told_where_the_launcher_looks(environment, tmp_path):
    environment(TORCHELASTIC_ERROR_FILE=str(tmp_path / "error.json"))
    assert processes.report_failure("The disk is full.")
    told = json.loads((tmp_path / "error.json").read_text())
    assert told["message"] == "The disk is full."
    assert told["timestamp"] > 1e9


def test_nobody_to_tell(environment, tmp_path):
    environment(TORCHELASTIC_ERROR_FILE=None)
    assert not processes.report_failure("The disk is full.")
    (tmp_path / "file").touch()
    environment(TORCHELASTIC_ERROR_FILE=str(tmp_path / "file/error.json"))
    assert not processes.report_failure("The disk is full.")


def test_a_process_alone_ends_as_python_does(environment):
    environment()
    with pytest.raises(ValueError, match="any"), processes.ending_at_once():
        raise ValueError("any")
