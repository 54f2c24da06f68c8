"""The table of sources is complete, and light to import."""

import subprocess
import sys

from closure import ROOT

from cifarlens.sources import SOURCES


def test_every_source_has_an_entry_for_dvc_and_is_named_in_params_yaml():
    entries = {path.name for path in (ROOT / "data/source").iterdir()}
    assert entries == {*SOURCES, "README.md"}
    lines = (ROOT / "params.yaml").read_text().splitlines()
    (comment,) = (line.partition("#")[2] for line in lines if line.startswith("  source:"))
    for name in SOURCES:
        assert name in comment.replace(",", "").split()


def test_sources_import_their_libraries_only_when_they_load():
    """Every stage imports all sources, through params.py."""
    code = "import sys, cifarlens.sources; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"requests", "sklearn", "PIL", "tqdm", "torch"} & set(result.stdout.split())
