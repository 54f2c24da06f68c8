"""Which test images the report looks at: the surest mistakes, correct answers of every class."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

import numpy as np

from ..classifier.predict import softmax


@dataclass(frozen=True)
class Case:
    """One prediction.

    Attributes:
        index: of the test image.
        true: its label.
        predicted: the label of the largest logit.
        confidence: probability of the predicted label, 0 to 1.
        true_probability: of the true label.
    """

    index: int
    true: int
    predicted: int
    confidence: float
    true_probability: float

    @property
    def correct(self) -> bool:
        return self.true == self.predicted


def all_cases(logits: np.ndarray, labels: np.ndarray) -> list[Case]:
    """A case for each row of logits, float32 N×classes, and label, int64 N."""
    probabilities = softmax(logits)
    predicted = logits.argmax(axis=1)
    rows = np.arange(len(labels))
    columns = rows, labels, predicted, probabilities[rows, predicted], probabilities[rows, labels]
    return [Case(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def surest_mistakes(cases: Sequence[Case], most: int) -> list[Case]:
    """The misclassified, most confident first, ties in test order; all of them if fewer."""
    mistakes = [case for case in cases if not case.correct]
    return sorted(mistakes, key=lambda case: -case.confidence)[:most]


def varied_mistakes(cases: Sequence[Case], most: int) -> list[Case]:
    """As `surest_mistakes`, but the surest of each pair of classes comes in before any second."""
    ranked = surest_mistakes(cases, len(cases))
    surest = {(case.true, case.predicted): case.index for case in reversed(ranked)}
    varied = sorted(ranked, key=lambda case: case.index != surest[case.true, case.predicted])
    return sorted(varied[:most], key=lambda case: (-case.confidence, case.index))


def even_correct(cases: Sequence[Case], most: int) -> list[Case]:
    """Correct ones in turn from every class, each class in test order, sorted by class."""
    correct = sorted((case for case in cases if case.correct), key=lambda case: case.true)
    classes = [list(same) for _, same in groupby(correct, key=lambda case: case.true)]
    dealt = [case for turn in zip_longest(*classes) for case in turn if case]
    return sorted(dealt[:most], key=lambda case: (case.true, case.index))
