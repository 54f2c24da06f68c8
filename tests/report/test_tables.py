from pathlib import Path

import pytest

from cifarlens.report.tables import read_columns, read_full_columns
from cifarlens.runtime.errors import UserError


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "epoch,val,other\n1,,x\n2,,y\n")
    assert read_columns(path, "epoch", optional=("val",)) == {"epoch": [1, 2], "val": [None, None]}
    path = write(tmp_path / "b.csv", "epoch,val\n1,0.4\n2,5e-1\n")
    assert read_columns(path, "epoch", optional=("val",)) == {"epoch": [1, 2], "val": [0.4, 0.5]}


def test_full_columns_have_no_gaps(tmp_path: Path) -> None:
    assert read_full_columns(write(tmp_path / "a.csv", "lr\n0.1\n"), "lr") == {"lr": [0.1]}
    with pytest.raises(UserError, match=r"b\.csv is damaged"):
        read_full_columns(write(tmp_path / "b.csv", "lr,loss\n0.1,\n"), "lr", "loss")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "epoch,lr,val,more\n",
        "epoch,lr,val\n1,0.1,\n",
        "epoch,lr,val,more\none,0.1,,\n",
        "epoch,lr,val,more\n1,0,,\n",
        "epoch,lr,val,more\n1,-0.1,,\n",
        "epoch,lr,val,more\n1,nan,,\n",
        "epoch,lr,val,more\n1,inf,,\n",
        "epoch,lr,val,more\n1,1e200,,\n",
        "epoch,lr,val,more\n1,,,\n",
        "epoch,lr,val,more\n1\n",
        "epoch,lr,val,more\n1,0.1,0.5,\n",
        "epoch,lr,val,more\n1,0.1,0.5,0.5\n2,0.1,,\n",
        'epoch,lr,val,more\n1,0.1,"' + 200_000 * "9" + '",\n',
        "epoch,lr,val,more\n1,0.1,\0,\n",
        "epoch,lr,val,more\n1,0.1,\udcff,\n",
    ],
)
def test_damage_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=r"c\.csv is damaged"):
        read_columns(path, "epoch", "lr", optional=("val", "more"))
