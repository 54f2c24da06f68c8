import argparse

import pytest

from benchmarks.table import make_row, measure_in_turn, output_file


def test_measurements_alternate():
    order = []

    def measure(name):
        return lambda: order.append(name) or float(len(order))

    assert measure_in_turn(2, measure("a"), measure("b")) == [[1, 3], [2, 4]]
    assert order == ["a", "b", "a", "b"]


def test_a_rate_is_better_when_higher():
    row = make_row("x", "images/s", [3, 1, 2], plain=[1], limit=[4], relative_to="limit", goal=0.5)
    assert (row.ours, row.plain, row.limit) == (2, 1, 4)
    assert row.repeats == {"ours": [3, 1, 2], "plain": [1], "limit": [4]}
    assert (row.ratio(row.plain), row.ratio(row.limit)) == (2, 0.5)
    assert row.met
    assert row.goal == "≥ 0.5 × limit"
    assert row.line().endswith("ok")
    assert row.record()["of_plain"] == 2


def test_a_time_is_better_when_lower():
    row = make_row("x", "s", [2.0], plain=[1.0], relative_to="plain", goal=0.9)
    assert (row.ratio(row.plain), row.met) == (0.5, False)
    assert row.line().endswith("MISSED")


@pytest.mark.parametrize(
    ("unit", "goal", "words", "met"),
    [
        ("s", 5, "≤ 5 s", True),
        ("s", 4, "≤ 4 s", False),
        ("images/s", 4, "≥ 4 images/s", True),
        ("images/s", 20_000, "≥ 20,000 images/s", False),
    ],
)
def test_a_goal_in_the_unit_of_the_row(unit, goal, words, met):
    row = make_row("x", unit, [4.5], goal=goal)
    assert (row.goal, row.met, row.ratio(row.limit)) == (words, met, None)
    assert f"{'-':>10}" in row.line()


def test_figures_are_written_to_a_file_in_an_existing_folder(tmp_path):
    assert output_file(str(tmp_path / "a.json")) == tmp_path / "a.json"
    for wrong in (tmp_path, tmp_path / "none" / "a.json"):
        with pytest.raises(
            argparse.ArgumentTypeError, match="must be a file in an existing folder"
        ):
            output_file(str(wrong))
