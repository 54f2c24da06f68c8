import pytest

from cifarlens.runtime.errors import shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~/data é", "~/data é"),
        ("two\nlines\x1b[2J\x00\udcff", "two?lines?[2J??"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200 + "…"),
        ("", ""),
    ],
)
def test_a_quoted_value_stays_on_one_line_and_is_cut(text, expected):
    assert shown(text) == expected
