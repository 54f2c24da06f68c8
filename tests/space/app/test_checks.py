import math

import pytest

from cifarlens.space.app.checks import InputError, choice, percent, switch, whole


@pytest.mark.parametrize("value", [*range(1, 11), 3.0])
def test_whole_numbers_in_range(value):
    found = whole(value, 1, 10, "Number")
    assert found == value
    assert type(found) is int


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "Number is 0, but must be a whole number from 1 to 10."),
        (11, "Number is 11,"),
        (-1, "Number is -1,"),
        (2.5, "Number is 2.5,"),
        ("5", "Number is '5',"),
        (None, "Number is empty,"),
        (True, "Number is true,"),
        (False, "Number is false,"),
        (math.nan, "Number is not a number,"),
        (math.inf, "Number is inf,"),
        (-math.inf, "Number is -inf,"),
        ([3], "Number is a list,"),
        ({"value": 3}, "Number is a set of keys and values,"),
        (10**400, "Number is of the wrong size,"),
        ("5" * 1000, f"Number is '{'5' * 40}…',"),
        (b"5", "Number is of the wrong kind (bytes),"),
    ],
)
def test_all_else_is_refused_in_words(value, words):
    with pytest.raises(InputError) as caught:
        whole(value, 1, 10, "Number")
    assert str(caught.value).startswith(words)
    assert len(str(caught.value)) < 120


def test_a_range_of_one():
    assert whole(1, 1, 1, "Number") == 1
    with pytest.raises(InputError, match="Number is 2, but must be 1\\."):
        whole(2, 1, 1, "Number")


@pytest.mark.parametrize(("value", "share"), [(0, 0), (70, 0.7), (12.5, 0.125), (100, 1)])
def test_percent(value, share):
    assert percent(value, "Opacity") == share


@pytest.mark.parametrize("value", [-1, 100.5, math.nan, math.inf, "70", None, True, 10**400])
def test_percent_refuses(value):
    with pytest.raises(InputError, match=r"Opacity is .*, but must be a number from 0 to 100"):
        percent(value, "Opacity")


@pytest.mark.parametrize("value", ["c", "", None, 1, ["a"], "a" * 500])
def test_choice_refuses(value):
    assert choice("b", ["a", "b"], "Layer") == "b"
    with pytest.raises(InputError, match=r"Layer is .*, but must be one of: a, b\."):
        choice(value, ["a", "b"], "Layer")


@pytest.mark.parametrize("value", [1, 0, "true", None])
def test_switch_refuses(value):
    assert switch(True, "Show") is True
    with pytest.raises(InputError, match=r"Show is .*, but must be true or false"):
        switch(value, "Show")
