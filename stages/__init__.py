"""Contains one script per stage: load the inputs, compute, write the outputs."""

import contextlib
import os
import signal
import sys
from pathlib import Path

# Import the code of this checkout, not an installed one: an experiment in a temporary folder must
# run its own code.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

# During imports, Ctrl-C ends the stage without a traceback; later run_stage handles it.
if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

# Figures depend on no setting of the user. matplotlib reads them when it is first imported: a
# backend (notebooks set one), and a matplotlibrc in the current folder or one that these name.
os.environ.update(MPLBACKEND="agg", MATPLOTLIBRC=os.devnull)
with contextlib.chdir(Path(__file__).parent):
    import matplotlib  # noqa: F401  # reads its settings now

from cifarlens.runtime.memory import keep_freed_memory

keep_freed_memory()
