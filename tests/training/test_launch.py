import json
import signal

import pytest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from cifarlens.runtime.errors import UserError
from cifarlens.training.launch import _explain

TOLD = "The disk is full."
ENDED = "Process 1 of the training was ended by"
KILL, TERM = -signal.SIGKILL, -signal.SIGTERM
OBEYED = 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("exits", "told", "sentence"),
    [
        (
            {0: (OBEYED, 10), 1: (KILL, 10)},
            None,
            f"{ENDED} SIGKILL, perhaps for want",
        ),
        ({0: (2, 10), 1: (KILL, 10)}, 10.4, f"{ENDED} SIGKILL, perhaps for want"),
        ({0: (2, 10), 1: (KILL, 41)}, 10.4, TOLD),  # it did not obey, and was killed for it
        ({0: (2, 10), 1: (TERM, 10)}, 10.4, TOLD),
        ({0: (OBEYED, 10), 1: (2, 10)}, 10.4, TOLD),
        (
            {0: (OBEYED, 11), 1: (OBEYED, 10)},
            None,
            f"{ENDED} SIGTERM: run again",
        ),
        (
            {0: (OBEYED, 10), 1: (-signal.SIGSEGV, 10)},
            None,
            f"{ENDED} SIGSEGV: run again",
        ),
    ],
)
def test_the_sentence_is_that_of_what_failed_first(tmp_path, exits, told, sentence):
    """Exit codes by rank, when the launcher saw them, and when a sentence was told."""
    failures = []
    for rank, (code, seen) in exits.items():
        failure = ProcessFailure(rank, 1, int(code), "none")
        failure.timestamp = seen
        failures.append((rank, failure))
    if told is not None:
        (tmp_path / "rank").mkdir()
        content = {"message": TOLD, "timestamp": told}
        (tmp_path / "rank/error.json").write_text(json.dumps(content))
    found = _explain(failures, tmp_path)
    assert isinstance(found, UserError)
    assert str(found).startswith(sentence)


def test_a_defect_has_shown_its_traceback(tmp_path):
    failures = [(0, ProcessFailure(0, 1, 1, "none")), (1, ProcessFailure(1, 1, OBEYED, "none"))]
    found = _explain(failures, tmp_path)
    assert isinstance(found, SystemExit)
    assert found.code == 1
