"""Builds the confusion matrix as HTML: a table, or the most confused pairs of many classes.

`about.css` shades the cells by the CSS variable `--share`, the share of the true class.
"""

from collections.abc import Sequence

from .html import escape

LARGE = 12  # classes; a larger matrix has smaller cells
SHORT = 2  # characters; column heads up to this length are not turned
MAX_CLASSES = 20  # in a matrix or a list; more columns cannot be read
MAX_PAIRS = 20  # in the table that replaces the matrix
Counts = Sequence[Sequence[int]]  # number of images by true class (row) and predicted class


def confusion_table(classes: Sequence[str], counts: Counts, buttons: bool = False) -> str:
    """Returns the confusion matrix, or a table of the most confused pairs of many classes.

    Args:
        classes: class names in the order of the labels.
        counts: number of images by true class (row) and predicted class (column).
        buttons: whether the counts of mistakes are buttons, with their labels (from 0) in
            `data-true` and `data-predicted`.
    """
    if len(classes) > MAX_CLASSES:
        return _pairs(classes, counts, buttons)
    heads = "".join(
        f'<th scope="col" title="{name}"><span>{name}</span></th>' for name in map(escape, classes)
    )
    rows = []
    for true, row in enumerate(counts):
        cells = [_cell(classes, counts, (true, label), buttons) for label in range(len(row))]
        name = escape(classes[true])
        rows.append(f'<tr><th scope="row" title="{name}">{name}</th>{"".join(cells)}</tr>')
    kind = "large" if len(classes) > LARGE else "short" if max(map(len, classes)) <= SHORT else ""
    return _scrolling(
        f'<table class="confusion {kind}"><caption>Number of test images. Rows: true class.'
        f" Columns: predicted class.</caption><thead><tr><td></td>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def confused_pairs(counts: Counts, limit: int) -> list[tuple[int, int, int]]:
    """Returns true label, predicted label and image count of the most frequently confused pairs."""
    pairs = [
        (true, predicted, count)
        for true, row in enumerate(counts)
        for predicted, count in enumerate(row)
        if count and true != predicted
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:limit]


def _pairs(classes: Sequence[str], counts: Counts, buttons: bool) -> str:
    rows = [
        f'<tr><th scope="row">{escape(classes[true])}</th><td>{escape(classes[predicted])}</td>'
        f"<td>{_number(classes, counts, (true, predicted), buttons)}</td></tr>"
        for true, predicted, _ in confused_pairs(counts, MAX_PAIRS)
    ]
    return _scrolling(
        '<table class="confused"><caption>The most frequent confusions</caption><thead><tr>'
        '<th scope="col">true class</th><th scope="col">predicted class</th>'
        '<th scope="col">test images</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _scrolling(table: str) -> str:
    """Returns a table in a box of its own, which the keyboard can scroll where it is too wide."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Confusions">{table}</div>'


def _cell(classes: Sequence[str], counts: Counts, place: tuple[int, int], buttons: bool) -> str:
    true, predicted = place
    count, total = counts[true][predicted], sum(counts[true])
    if true == predicted:
        kind, text = "hit", f"{count:,}"
    else:
        kind, text = "miss", _number(classes, counts, place, buttons) if count else ""
    return f'<td class="{kind}" style="--share: {count / max(total, 1):.4f}">{text}</td>'


def _number(classes: Sequence[str], counts: Counts, place: tuple[int, int], buttons: bool) -> str:
    true, predicted = place
    count = counts[true][predicted]
    if not buttons:
        return f"{count:,}"
    images = f"{count:,} image{'s' if count > 1 else ''}"
    words = f"{images} of {classes[true]} predicted as {classes[predicted]}"
    return (
        f'<button type="button" data-true="{true}" data-predicted="{predicted}"'
        f' aria-label="{escape(words)}" title="{escape(words)}">{count:,}</button>'
    )
