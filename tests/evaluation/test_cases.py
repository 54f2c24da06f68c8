from collections import Counter

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from cifarlens.dataset.arrays import Dataset
from cifarlens.evaluation.cases import (
    Case,
    all_cases,
    balanced_correct_cases,
    most_confident_mistakes,
    suspected_labels,
    typical_mistakes,
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
    assert [case.index for case in varied_mistakes(cases, 4)] == [0, 3, 4, 1]
    assert [case.index for case in varied_mistakes(cases, 9)] == [0, 3, 4, 1, 2]


@pytest.mark.parametrize(("classes", "images"), [(2, 99), (10, 400), (10, 9999), (200, 999)])
def test_as_many_classes_and_pairs_as_fit_take_turns(classes: int, images: int) -> None:
    random = np.random.default_rng(classes)
    labels = random.integers(classes, size=images) ** 2 // classes  # some are far more frequent
    cases = all_cases(random.normal(size=(images, classes)).astype(np.float32), labels)
    mistakes = [case for case in cases if not case.correct]
    available = Counter((case.true, case.predicted) for case in mistakes)
    for limit in (1, 7, 50, 200):
        chosen = varied_mistakes(cases, limit)
        seen: Counter[tuple[int, int]] = Counter()
        order = []  # the round of each case, and its confidence
        for case in chosen:
            order.append((seen[case.true, case.predicted], -case.confidence))
            seen[case.true, case.predicted] += 1
        assert order == sorted(order)
        assert len({case.index for case in chosen}) == len(chosen) == min(limit, len(mistakes))
        shown = {case.true for case in chosen}
        assert len(shown) == min(limit, len({true for true, _ in available}))
        pairs = Counter((case.true, case.predicted) for case in chosen)
        assert len(pairs) == min(limit, len(available))
        left = [pairs[pair] for pair, count in available.items() if pairs[pair] < count]
        assert not left or max(pairs.values()) <= min(left) + 1


def test_a_label_is_suspect_if_another_class_gets_its_usual_probability() -> None:
    """Class 1 gets 0.7 on average where it is the label; no image is labelled 2."""
    own = [Case(0, 1, 1, 0.9, 0.9), Case(1, 1, 1, 0.5, 0.5), Case(2, 0, 0, 0.9, 0.9)]
    others = [
        Case(3, 0, 1, 0.7, 0.25),
        Case(4, 0, 1, 0.69, 0.1),
        Case(5, 0, 1, 0.8, 0.1),
        Case(6, 0, 2, 0.99, 0.01),
    ]
    assert [case.index for case in suspected_labels([*own, *others])] == [5, 3]
    assert suspected_labels([own[0], own[2]]) == []


def test_the_suspect_digits_are_those_whose_labels_were_flipped(digits: Dataset) -> None:
    """A classifier of neighbours finds most of 18 flipped labels among 360 and no other."""
    train, test = (x[..., 0].reshape(len(x), -1) for x in (digits.train_images, digits.test_images))
    model = KNeighborsClassifier(20).fit(train / 255, digits.train_labels)
    logits = np.log(model.predict_proba(test / 255) + 1e-9)
    flipped = np.flatnonzero(logits.argmax(axis=1) == digits.test_labels)[::20]
    labels = digits.test_labels.copy()
    labels[flipped] = (labels[flipped] + 1 + np.arange(len(flipped)) % 9) % 10
    suspects = {case.index for case in suspected_labels(all_cases(logits, labels))}
    assert len(suspects) > 0.8 * len(flipped)
    assert suspects <= set(flipped.tolist())


def test_correct_cases_come_evenly_from_all_classes_without_mistakes() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predictions = np.array([0, 0, 0, 0, 1, 1, 2, 0])
    cases = all_cases(np.eye(3, dtype=np.float32)[predictions], labels)
    chosen = balanced_correct_cases(cases, 5)
    assert [(case.true, case.index) for case in chosen] == [(0, 0), (0, 1), (1, 4), (1, 5), (2, 6)]
    assert len(balanced_correct_cases(cases, 100)) == 7
    many = all_cases(np.eye(200, dtype=np.float32), np.arange(200))
    assert [case.true for case in balanced_correct_cases(many, 4)] == [0, 50, 100, 150]


def test_typical_mistakes_begin_with_the_median_of_each_pair_the_most_frequent_first() -> None:
    answers = [(1, 0, 9), (1, 0, 8), (1, 0, 7), (2, 0, 6), (2, 0, 5), (0, 2, 4), (0, 0, 3)]
    logits = np.zeros((7, 3), np.float32)
    for row, (_, predicted, value) in enumerate(answers):
        logits[row, predicted] = value
    cases = all_cases(logits, np.array([true for true, *_ in answers]))
    assert [case.index for case in typical_mistakes(cases, 10)] == [1, 4, 5, 2, 3, 0]
    assert [case.index for case in typical_mistakes(cases, 3)] == [1, 4, 5]
    assert typical_mistakes(cases[6:], 3) == []


def test_typical_mistakes_are_not_the_first_of_the_gallery() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(10, size=2000)
    cases = all_cases(random.normal(size=(2000, 10)).astype(np.float32), labels)
    first = {case.index for case in varied_mistakes(cases, 24)}
    chosen = typical_mistakes(cases, 20)
    assert not first & {case.index for case in chosen}
    assert len({(case.true, case.predicted) for case in chosen}) == 20
