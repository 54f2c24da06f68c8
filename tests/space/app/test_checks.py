import math

import pytest

from cifarlens.space.app.checks import (
    MAX_LISTED,
    InputError,
    check_choice,
    check_percent,
    check_switch,
    check_whole_number,
)


def test_valid_values_are_returned():
    for value in (1, 10, 3.0):
        number = check_whole_number(value, 1, 10, "Number")
        assert number == value
        assert type(number) is int
    assert check_whole_number(1, 1, 1, "Number") == 1
    for percent, share in ((0, 0), (70, 0.7), (12.5, 0.125), (100, 1)):
        assert check_percent(percent, "Opacity") == share
    assert check_choice("b", ["a", "b"], "Layer") == "b"
    assert check_switch(True, "Show") is True


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "Number is 0; it must be a whole number from 1 to 10."),
        (11, "Number is 11;"),
        (-1, "Number is -1;"),
        (2.5, "Number is 2.5;"),
        ("5", "Number is '5';"),
        (None, "Number is empty;"),
        (True, "Number is true;"),
        (math.nan, "Number is not a number;"),
        (math.inf, "Number is inf;"),
        ([3], "Number is a list;"),
        ({"value": 3}, "Number is a dictionary;"),
        (10**400, "Number is far out of range;"),
        ("5" * 1000, f"Number is '{'5' * 40}…';"),
        (b"5", "Number is of the wrong type (bytes);"),
    ],
)
def test_other_values_are_named_in_a_short_message(value, expected):
    with pytest.raises(InputError) as caught:
        check_whole_number(value, 1, 10, "Number")
    assert str(caught.value).startswith(expected)
    assert len(str(caught.value)) < 120
    with pytest.raises(InputError, match=r"; it must be 1\."):
        check_whole_number(value, 1, 1, "Number")


def choose(value, name):
    return check_choice(value, ["a", "b"], name)


REFUSED = {
    check_percent: ("a number from 0 to 100", [-1, 100.5, math.nan, "70", None, True, 10**400]),
    choose: ("one of: a, b", ["c", None, 1, ["a"], "a" * 500]),
    check_switch: ("true or false", [1, "true", None]),
}


@pytest.mark.parametrize("check", REFUSED)
def test_other_kinds_of_values_are_refused(check):
    allowed, values = REFUSED[check]
    for value in values:
        with pytest.raises(InputError, match=rf"Name is .*; it must be {allowed}\."):
            check(value, "Name")


def test_a_message_lists_some_of_many_allowed_values():
    names = [f"class {number}" for number in range(200)]
    with pytest.raises(InputError, match=rf"0, .* {MAX_LISTED - 1} and {200 - MAX_LISTED} more\.$"):
        check_choice("cat", names, "Class")
