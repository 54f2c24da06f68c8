from pathlib import Path

import numpy as np
from params_making import render

from cifarlens.dataset.arrays import save_dataset
from cifarlens.runtime import paths
from cifarlens.runtime.files import write_json
from cifarlens.training.lr_find.range_test import range_test
from stages import lr_find


def test_the_curve_is_the_mean_of_the_repeats(few_digits, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_dataset(paths.DATASET, few_digits)
    write_json(paths.STATS, {"mean": [0.3, 0.3, 0.3], "std": [0.3, 0.3, 0.3]})
    changes = {"batch_size": "32", "model.width": "4", "lr_find.start": "1e-06"}
    changes |= {"lr_find.steps": "80", "lr_find.stop": "10", "lr_find.repeats": "2"}
    Path("params.yaml").write_text(render(changes))
    seeds, curves = [], []

    def record(setup, *options):
        seeds.append(setup.settings.seed)
        curves.append(range_test(setup, *options))
        return curves[-1]

    monkeypatch.setattr(lr_find, "range_test", record)
    lr_find.main()
    assert "Range test 2 of 2: " in capsys.readouterr().out

    assert len(set(seeds)) == len({curve.losses for curve in curves}) == 2
    rows = np.loadtxt(paths.LR_CURVE, delimiter=",", skiprows=1)
    shortest = min(len(curve.lrs) for curve in curves)
    mean = np.mean([curve.losses[:shortest] for curve in curves], axis=0)
    np.testing.assert_allclose(rows[:shortest, 1], mean, rtol=1e-5)
