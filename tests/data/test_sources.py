"""The table of sources: it fits the parameters, and each source brings only its own libraries."""

import subprocess
import sys
from typing import get_args

from cifarlens.data.sources import SOURCES
from cifarlens.params import Data


def test_every_source_that_params_allow_exists():
    assert set(get_args(Data.model_fields["source"].annotation)) == set(SOURCES)


def test_digits_need_no_network_library():
    code = (
        "import sys; from cifarlens.data.sources import SOURCES\n"
        "data = SOURCES['digits']()\n"
        "print(len(data.train_images), 'requests' in sys.modules, 'torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["1437", "False", "False"]
