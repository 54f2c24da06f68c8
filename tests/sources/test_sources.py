"""The table of sources is light to import."""

import subprocess
import sys

from closure import ROOT

from cifarlens.sources import SOURCES


def test_sources_import_their_libraries_only_when_they_load():
    """Every stage imports all sources, through params.py."""
    code = "import sys, cifarlens.sources; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"requests", "sklearn", "PIL", "tqdm", "torch"} & set(result.stdout.split())


def test_dvc_has_an_entry_to_watch_for_each_source():
    entries = {path.name for path in (ROOT / "data/source").iterdir()}
    assert set(SOURCES) <= entries
