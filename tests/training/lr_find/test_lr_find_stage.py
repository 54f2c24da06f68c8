import json
from pathlib import Path

import numpy as np
import pytest

from cifarlens.dataset.arrays import save_dataset
from cifarlens.runtime import paths
from cifarlens.runtime.files import write_json
from cifarlens.training.lr_find.range_test import range_test
from stages import lr_find

PARAMS = Path("params.yaml").resolve()


@pytest.fixture
def project(few_digits, tmp_path, monkeypatch):
    """What stats leaves."""
    monkeypatch.chdir(tmp_path)
    save_dataset(paths.DATASET, few_digits)
    write_json(paths.STATS_METRICS, {"mean": [0.3, 0.3, 0.3], "std": [0.3, 0.3, 0.3]})


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("repeats", [1, 3])
def test_the_curve_is_the_mean_of_the_repeats(repeats, monkeypatch):
    text = PARAMS.read_text()
    changes = {
        "batch_size: 512": "batch_size: 64",
        "width: 64": "width: 4",
        "workers: auto": "workers: 0",
        "accelerator: auto": "accelerator: cpu",
        "precision: auto": "precision: 32",
        "repeats: 2": f"repeats: {repeats}",
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    Path("params.yaml").write_text(text)
    seeds, curves = [], []

    def noted(setup, params):
        seeds.append(setup.settings.seed)
        curves.append(range_test(setup, params))
        return curves[-1]

    monkeypatch.setattr(lr_find, "range_test", noted)
    lr_find.main()

    assert len(set(seeds)) == repeats
    assert len({curve.losses for curve in curves}) == repeats
    assert json.loads(paths.LR_FIND_METRICS.read_text())["repeats"] == repeats
    rows = np.loadtxt(paths.LR_CURVE, delimiter=",", skiprows=1)
    shortest = min(len(curve.lrs) for curve in curves)
    mean = np.mean([curve.losses[:shortest] for curve in curves], axis=0)
    np.testing.assert_allclose(rows[:shortest, 1], mean, rtol=1e-5)
