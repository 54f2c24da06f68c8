"""One script a stage: load the inputs, compute, write the outputs."""

import signal
import sys
from pathlib import Path

# The checkout's own code comes before any that is installed: an experiment in a temporary folder
# runs its own.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

# While a stage is still importing, Ctrl-C ends it without a traceback; run_stage takes over then.
if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
