"""The table of sources: complete, light to import, and each brings only its own libraries."""

import subprocess
import sys
from dataclasses import fields

import pytest

from cifarlens.sources import SOURCES

HEAVY = ("requests", "sklearn", "PIL", "tqdm", "torch")


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_says_what_the_report_and_the_space_need(name):
    source = SOURCES[name]
    words = [getattr(source, field.name) for field in fields(source) if field.type is str]
    assert len(words) == 4
    assert all(words)
    assert source.link.startswith("https://")
    assert source.goal is None or 0 < source.goal < 1


@pytest.mark.parametrize(
    ("code", "brought"),
    [
        ("import cifarlens.sources", []),
        ("from cifarlens.sources import SOURCES; SOURCES['digits'].load()", ["sklearn", "PIL"]),
    ],
)
def test_libraries(code, brought):
    """params.py imports all sources, in every stage."""
    code += f"\nimport sys; print(*(name for name in {HEAVY} if name in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == brought
