import base64
from pathlib import Path

from report_making import HISTORY

from cifarlens.report.run import Run
from cifarlens.report.sections.training import TABLES, training_section


def test_the_text_has_the_lines_that_train_prints(run: Run) -> None:
    lines = training_section(run)["log"].splitlines()
    assert len(lines) == len(HISTORY["epoch"])
    expected = "Epoch 1 of 3: val accuracy 35.00%, loss 1.900, train accuracy 30.00%, loss 2.100"
    assert lines[0] == expected


def test_the_tables_of_the_page_are_the_files(run: Run) -> None:
    for path, (name, _, uri) in zip(TABLES, training_section(run)["tables"], strict=True):
        assert name == path.name
        assert base64.b64decode(uri.partition(",")[2]) == Path(path).read_bytes()
