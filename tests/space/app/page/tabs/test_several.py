import re

from space_reading import heat_maps, names

from cifarlens.space.app.choices import MAX_FILES
from cifarlens.space.app.page.html import data_uri
from cifarlens.space.app.page.tabs.several import answer


def test_several_pictures_each_get_a_card(contents, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_text("not a picture")
    files = [(path, path.name) for path in contents.examples[:3]]
    html = answer(contents, [*files, (bad, "<script>.jpg")], 2, True, 3, "layer2")
    cards = html.split('<div class="card">')
    assert len(cards) == 5
    for before, card, (path, name) in zip(cards, cards[1:], files, strict=False):
        image = contents.open(path)
        assert re.findall(r"--input: url\((.*?)\)", before)[-1] == data_uri(image)
        assert name in card
        assert len(names(card)) == 2
        assert len(heat_maps(card)) == 3
    assert "could not be read as a picture" in cards[4]
    assert "<script>" not in html
    assert "&lt;script&gt;.jpg" in html


def test_too_many_pictures_are_refused(contents):
    files = [(contents.examples[0], "a.png")] * (MAX_FILES + 1)
    html = answer(contents, files, 3, True, 3, "prep")
    assert f"21 pictures are too many; choose at most {MAX_FILES}." in html
