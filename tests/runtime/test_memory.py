"""A stage keeps the memory that it frees."""

import platform
import subprocess
import sys

import pytest

# Frees and allocates 64 MB again and again; prints the new pages of ten rounds.
ROUNDS = """
import resource
import numpy as np

def rounds(count):
    for _ in range(count):
        np.ones(2**26, np.uint8)

rounds(2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
rounds(10)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def new_pages(start: str) -> int:
    command = [sys.executable, "-c", start + ROUNDS]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_a_stage_gets_freed_memory_back_without_new_pages():
    assert new_pages("import stages\n") < 100 < new_pages("")
