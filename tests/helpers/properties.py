"""How the property tests run: the same examples every time, unless more are asked for.

`EXAMPLES=20000 pytest tests/test_params_properties.py` tries so many others.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")  # nothing beside the sources
ASKED = os.environ.get("EXAMPLES")


def examples(count: int) -> Callable[[Any], Any]:
    """Runs a property on `count` examples."""
    return settings(
        max_examples=int(ASKED or count),
        derandomize=not ASKED,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
