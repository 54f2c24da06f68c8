from collections import Counter

import numpy as np
import pytest

from cifarlens.evaluation.cases import (
    all_cases,
    balanced_correct_cases,
    most_confident_mistakes,
    varied_mistakes,
)


def test_cases_have_the_probabilities_of_both_classes() -> None:
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25]], np.float32))
    first, second = all_cases(logits, np.array([1, 1]))
    assert (first.index, first.true, first.predicted, first.correct) == (0, 1, 0, False)
    assert first.confidence == pytest.approx(0.7)
    assert first.true_probability == pytest.approx(0.2)
    assert second.correct


def test_the_most_confident_mistakes_come_first_and_ties_in_test_order() -> None:
    logits = np.array([[1, 0], [3, 0], [0, 9], [3, 0], [2, 0]], np.float32)
    cases = all_cases(logits, np.array([1, 1, 1, 1, 1]))
    assert [case.index for case in most_confident_mistakes(cases, 10)] == [1, 3, 4, 0]
    assert [case.index for case in most_confident_mistakes(cases, 2)] == [1, 3]
    assert most_confident_mistakes(cases[2:3], 10) == varied_mistakes(cases[2:3], 10) == []


def test_every_pair_of_classes_comes_before_the_second_mistake_of_a_pair() -> None:
    logits = np.array([[9, 0, 0], [8, 0, 0], [7, 0, 0], [0, 0, 2], [0, 1, 0]], np.float32)
    cases = all_cases(logits, np.array([1, 1, 1, 1, 0]))
    assert [case.index for case in varied_mistakes(cases, 2)] == [0, 4]  # one of each true class
    assert [case.index for case in varied_mistakes(cases, 3)] == [0, 3, 4]
    assert [case.index for case in varied_mistakes(cases, 4)] == [0, 1, 3, 4]
    assert varied_mistakes(cases, 9) == most_confident_mistakes(cases, 9)


@pytest.mark.parametrize(("classes", "images"), [(2, 99), (10, 400), (10, 9999), (200, 999)])
def test_as_many_classes_and_pairs_as_fit_take_turns(classes: int, images: int) -> None:
    random = np.random.default_rng(classes)
    labels = random.integers(classes, size=images) ** 2 // classes  # some are far more frequent
    cases = all_cases(random.normal(size=(images, classes)).astype(np.float32), labels)
    mistakes = [case for case in cases if not case.correct]
    available = Counter((case.true, case.predicted) for case in mistakes)
    for limit in (1, 7, 50, 200):
        chosen = varied_mistakes(cases, limit)
        assert chosen == most_confident_mistakes(chosen, limit)
        assert len({case.index for case in chosen}) == len(chosen) == min(limit, len(mistakes))
        shown = {case.true for case in chosen}
        assert len(shown) == min(limit, len({true for true, _ in available}))
        pairs = Counter((case.true, case.predicted) for case in chosen)
        assert len(pairs) == min(limit, len(available))
        left = [pairs[pair] for pair, count in available.items() if pairs[pair] < count]
        assert not left or max(pairs.values()) <= min(left) + 1


def test_correct_cases_come_evenly_from_all_classes_without_mistakes() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predictions = np.array([0, 0, 0, 0, 1, 1, 2, 0])
    cases = all_cases(np.eye(3, dtype=np.float32)[predictions], labels)
    chosen = balanced_correct_cases(cases, 5)
    assert [(case.true, case.index) for case in chosen] == [(0, 0), (0, 1), (1, 4), (1, 5), (2, 6)]
    assert len(balanced_correct_cases(cases, 100)) == 7
