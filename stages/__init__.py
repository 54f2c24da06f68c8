"""One script a stage: load the inputs, compute, write the outputs."""

import sys
from pathlib import Path

# The checkout's own code comes before any that is installed: an experiment in a temporary folder
# runs its own.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
