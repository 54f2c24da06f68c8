import numpy as np
import pytest

from cifarlens.evaluation.cases import all_cases, even_correct, surest_mistakes, varied_mistakes


def test_cases_hold_probabilities_of_both_classes() -> None:
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25]], np.float32))
    first, second = all_cases(logits, np.array([1, 1]))
    assert (first.index, first.true, first.predicted, first.correct) == (0, 1, 0, False)
    assert first.confidence == pytest.approx(0.7)
    assert first.true_probability == pytest.approx(0.2)
    assert second.correct


def test_surest_mistakes_first_and_ties_in_test_order() -> None:
    logits = np.array([[1, 0], [3, 0], [0, 9], [3, 0], [2, 0]], np.float32)
    cases = all_cases(logits, np.array([1, 1, 1, 1, 1]))
    assert [case.index for case in surest_mistakes(cases, 10)] == [1, 3, 4, 0]
    assert [case.index for case in surest_mistakes(cases, 2)] == [1, 3]


def test_every_pair_of_classes_comes_in_before_a_second_of_one() -> None:
    logits = np.array([[9, 0, 0], [8, 0, 0], [7, 0, 0], [0, 0, 2], [0, 1, 0]], np.float32)
    cases = all_cases(logits, np.array([1, 1, 1, 1, 0]))
    assert [case.index for case in varied_mistakes(cases, 3)] == [0, 3, 4]
    assert [case.index for case in varied_mistakes(cases, 4)] == [0, 1, 3, 4]
    assert varied_mistakes(cases, 9) == surest_mistakes(cases, 9)


def test_no_mistakes_is_fine() -> None:
    cases = all_cases(np.eye(3, dtype=np.float32), np.arange(3))
    assert surest_mistakes(cases, 10) == varied_mistakes(cases, 10) == []


def test_correct_ones_come_evenly_from_all_classes() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 2])
    cases = all_cases(np.eye(3, dtype=np.float32)[labels], labels)
    chosen = even_correct(cases, 5)
    assert [(case.true, case.index) for case in chosen] == [(0, 0), (0, 1), (1, 4), (1, 5), (2, 6)]
    assert len(even_correct(cases, 100)) == 7


def test_correct_ones_leave_out_mistakes() -> None:
    cases = all_cases(np.eye(2, dtype=np.float32), np.array([0, 0]))
    assert [case.index for case in even_correct(cases, 5)] == [0]
