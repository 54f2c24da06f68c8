"""Chooses the test images that the report and the Space show."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from operator import itemgetter

import numpy as np

from ..classifier.predict import softmax


@dataclass(frozen=True)
class Case:
    """Holds the prediction for one test image.

    Attributes:
        index: index of the test image.
        true: true label.
        predicted: label of the largest logit.
        confidence: probability of the predicted label, 0 to 1.
        true_probability: probability of the true label, 0 to 1.
    """

    index: int
    true: int
    predicted: int
    confidence: float
    true_probability: float

    @property
    def correct(self) -> bool:
        """Returns whether the prediction is the true label."""
        return self.true == self.predicted


def all_cases(logits: np.ndarray, labels: np.ndarray) -> list[Case]:
    """Returns a case for each row of logits, float32 N×classes, and its label, int64 N."""
    probabilities = softmax(logits)
    predicted = logits.argmax(axis=1)
    rows = np.arange(len(labels))
    columns = rows, labels, predicted, probabilities[rows, predicted], probabilities[rows, labels]
    return [Case(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def most_confident_mistakes(cases: Sequence[Case], limit: int) -> list[Case]:
    """Returns at most `limit` misclassified cases, most confident first, ties in test order."""
    mistakes = [case for case in cases if not case.correct]
    return sorted(mistakes, key=lambda case: (-case.confidence, case.index))[:limit]


def varied_mistakes(cases: Sequence[Case], limit: int) -> list[Case]:
    """Returns at most `limit` misclassified cases, some of every true class if they fit.

    They come in rounds: each pair of true and predicted class once before any pair comes twice, and
    so on. A round has the most confident cases first. If the last round does not fit, the true
    classes take turns in it.
    """
    pairs: Counter[tuple[int, int]] = Counter()
    turns: Counter[tuple[int, int]] = Counter()
    ranked = []
    for case in most_confident_mistakes(cases, len(cases)):
        earlier = pairs[case.true, case.predicted]
        ranked.append((earlier, turns[case.true, earlier], case))
        pairs[case.true, case.predicted] += 1
        turns[case.true, earlier] += 1
    chosen = sorted(ranked, key=itemgetter(0, 1))[:limit]  # stable, as is the next line
    chosen.sort(key=lambda row: (row[0], -row[2].confidence))
    return [case for *_, case in chosen]


def suspected_labels(cases: Sequence[Case]) -> list[Case]:
    """Returns the cases whose label may be wrong, most suspect first.

    A label is suspect if the predicted class is another one, and gets at least the mean probability
    that the cases with that label get for it. The order follows the difference between the
    probabilities of the predicted and the true label. Source: confident learning, Northcutt et al.
    2021 (arXiv:1911.00068).
    """
    labels = np.array([case.true for case in cases])
    own = np.array([case.true_probability for case in cases])
    threshold = {label: own[labels == label].mean() for label in set(labels.tolist())}
    suspects = [
        case
        for case in cases
        if not case.correct and case.confidence >= threshold.get(case.predicted, np.inf)
    ]
    return sorted(suspects, key=lambda case: case.true_probability - case.confidence)


def balanced_correct_cases(cases: Sequence[Case], limit: int) -> list[Case]:
    """Returns at most `limit` correct cases, evenly from all classes, sorted by class.

    Within a class they are the first in test order. If there are more classes than `limit`, the
    classes are evenly spaced over the list.
    """
    correct = sorted((case for case in cases if case.correct), key=lambda case: case.true)
    classes = [list(group) for _, group in groupby(correct, key=lambda case: case.true)]
    if len(classes) > limit:
        classes = [classes[row * len(classes) // limit] for row in range(limit)]
    dealt = [case for turn in zip_longest(*classes) for case in turn if case]
    return sorted(dealt[:limit], key=lambda case: (case.true, case.index))


def typical_mistakes(cases: Sequence[Case], limit: int) -> list[Case]:
    """Returns at most `limit` misclassified cases that differ from each other.

    Each pair of true and predicted class comes once before any comes twice, the most frequent pairs
    first. A pair begins with its case of median confidence; its most confident case comes last.
    """
    pairs: dict[tuple[int, int], list[Case]] = {}
    for case in sorted(cases, key=lambda case: (-case.confidence, case.index)):
        if not case.correct:
            pairs.setdefault((case.true, case.predicted), []).append(case)
    frequent = sorted(pairs.items(), key=lambda item: (-len(item[1]), item[0]))
    turns = (pair[len(pair) // 2 :] + pair[: len(pair) // 2][::-1] for _, pair in frequent)
    return [case for turn in zip_longest(*turns) for case in turn if case][:limit]
