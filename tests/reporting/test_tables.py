from pathlib import Path

import pytest

from cifarlens.errors import UserError
from cifarlens.reporting.tables import read_columns, read_full_columns


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_columns_with_gaps(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "epoch,val\n1,\n2,0.5\n")
    assert read_columns(path) == {"epoch": [1, 2], "val": [None, 0.5]}


def test_full_columns_have_no_gaps(tmp_path: Path) -> None:
    assert read_full_columns(write(tmp_path / "a.csv", "lr\n0.1\n")) == {"lr": [0.1]}
    with pytest.raises(UserError, match=r"b\.csv is damaged"):
        read_full_columns(write(tmp_path / "b.csv", "lr,loss\n0.1,\n"))


@pytest.mark.parametrize("text", ["", "epoch,lr\n", "epoch\none\n"])
def test_damage_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"c\.csv is damaged"):
        read_columns(write(tmp_path / "c.csv", text))
