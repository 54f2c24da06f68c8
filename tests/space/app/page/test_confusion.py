import re

import pytest

from cifarlens.space.app.page.confusion import MAX_PAIRS, confused_pairs, confusion_table

COUNTS = [[7, 0, 1], [2, 1234, 0], [0, 0, 0]]
CLASSES = ["cat", "dog", "<i>"]


def test_the_matrix_has_every_count_and_shades_it_by_the_share_of_its_row():
    html = confusion_table(CLASSES, COUNTS)
    heads = re.findall(r'<th scope="col" title="(.*?)"><span>\1</span>', html)
    assert (
        heads
        == re.findall(r'<th scope="row" title="(.*?)">\1</th>', html)
        == ["cat", "dog", "&lt;i&gt;"]
    )
    cells = re.findall(r'<td class="(\w+)" style="--share: ([\d.]+)">([\d,]*)</td>', html)
    assert [kind for kind, *_ in cells] == ["hit", "miss", "miss", "miss"] * 2 + ["hit"]
    assert [text for *_, text in cells] == ["7", "", "1", "2", "1,234", "", "", "", "0"]
    shares = [7 / 8, 0, 1 / 8, 2 / 1236, 1234 / 1236, 0, 0, 0, 0]
    assert [float(share) for _, share, _ in cells] == pytest.approx(shares, abs=1e-4)
    assert "<button" not in html


def test_buttons_name_the_mistakes_of_a_matrix_and_of_many_classes():
    few = confusion_table(CLASSES, COUNTS, buttons=True)
    many = [[0] * 30 for _ in range(30)]
    for label in range(29):
        many[label][label], many[label][29] = 9, label + 1
    names = [f"class {label}" for label in range(30)]
    pairs = confusion_table(names, many, buttons=True)
    pattern = r'data-true="(\d+)" data-predicted="(\d+)" aria-label="(.*?)"'
    assert re.findall(pattern, few) == [
        ("0", "2", "1 image of cat predicted as &lt;i&gt;"),
        ("1", "0", "2 images of dog predicted as cat"),
    ]
    found = re.findall(pattern, pairs)
    assert len(found) == MAX_PAIRS
    assert found[0] == ("28", "29", "29 images of class 28 predicted as class 29")
    assert confused_pairs(many, 2) == [(28, 29, 29), (27, 29, 28)]
