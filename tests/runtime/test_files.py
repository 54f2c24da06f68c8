import numpy as np
import pytest

from cifarlens.runtime import files


def test_json_keeps_the_order_of_keys(tmp_path):
    path = tmp_path / "deep/a.json"
    files.write_json(path, {"b": 0.1, "a": [1, "é"]})
    assert path.read_text() == '{\n  "b": 0.1,\n  "a": [\n    1,\n    "é"\n  ]\n}\n'
    assert files.read_json(path) == {"b": 0.1, "a": [1, "é"]}


def test_csv(tmp_path):
    path = tmp_path / "a.csv"
    files.write_csv(path, ["epoch", "val_loss"], [(1, None), (2, 5e-05)])
    assert path.read_bytes() == b"epoch,val_loss\n1,nan\n2,5e-05\n"
    assert files.read_csv(path)[1] == {"epoch": "2", "val_loss": "5e-05"}


def write_half(path):
    with files.replacing(path) as temporary:
        temporary.write_text("half")
        raise ValueError("an error while writing")


@pytest.mark.parametrize(
    ("write", "message"),
    [(write_half, "writing"), (lambda path: files.write_json(path, {"a": np.nan}), "JSON")],
)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, write, message):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match=message):
        write(path)
    assert files.read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]
