"""One thin script a stage: load parameters, call the library, write the outputs."""

import gc
import signal
import sys

# While a stage is still importing, Ctrl-C ends it without a traceback; run_stage takes over then.
if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

# Imports leave next to no garbage, and looking for it takes a sixth of their time. run_stage turns
# it on again.
if sys.argv[0] == "-m":
    gc.disable()
