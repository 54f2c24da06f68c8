import json
import signal

import pytest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from cifarlens.runtime.errors import UserError
from cifarlens.training.launch import _first_failure

REPORT = "The disk is full."
KILLED = "Training process 1 was killed"
KILL, TERM, SEGV = -signal.SIGKILL, -signal.SIGTERM, -signal.SIGSEGV
STOPPED = 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("exits", "reported", "message"),
    [
        ({0: (STOPPED, 10), 1: (KILL, 10)}, None, f"{KILLED} (SIGKILL), possibly because mem"),
        ({0: (2, 10), 1: (KILL, 10)}, 10.4, f"{KILLED} (SIGKILL), possibly because mem"),
        ({0: (2, 10), 1: (KILL, 41)}, 10.4, REPORT),  # killed, as it ignored SIGTERM
        ({0: (2, 10), 1: (TERM, 10)}, 10.4, REPORT),
        ({0: (STOPPED, 10), 1: (2, 10)}, 10.4, REPORT),
        ({0: (STOPPED, 11), 1: (STOPPED, 10)}, None, f"{KILLED} (SIGTERM). Run again"),
        ({0: (STOPPED, 10), 1: (SEGV, 10)}, None, f"{KILLED} (SIGSEGV). Run again"),
    ],
)
def test_the_message_is_that_of_the_first_failure(tmp_path, exits, reported, message):
    """`exits` maps ranks to exit code and time; `reported` is the time of a process's report."""
    failures = []
    for rank, (code, time) in exits.items():
        failure = ProcessFailure(rank, 1, int(code), "none")
        failure.timestamp = time
        failures.append((rank, failure))
    if reported is not None:
        content = {"message": REPORT, "timestamp": reported}
        (tmp_path / "error.json").write_text(json.dumps(content))
    error = _first_failure(failures, tmp_path)
    assert isinstance(error, UserError)
    assert str(error).startswith(message)


def test_a_bug_adds_no_message_to_its_traceback(tmp_path):
    failures = [(0, ProcessFailure(0, 1, 1, "none")), (1, ProcessFailure(1, 1, STOPPED, "none"))]
    error = _first_failure(failures, tmp_path)
    assert isinstance(error, SystemExit)
    assert error.code == 1
