"""Runs property tests on the same examples every time, unless the user asks for more.

`EXAMPLES=20000 pytest tests/test_params_properties.py` tries 20,000 random examples.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")  # keep the checkout clean
EXAMPLES = os.environ.get("EXAMPLES")


def examples(count: int) -> Callable[[Any], Any]:
    """Runs a property test on `count` examples."""
    return settings(
        max_examples=int(EXAMPLES or count),
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
