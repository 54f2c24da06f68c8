import pytest
from space_making import ODD_NAMES, OPACITY, make_space

from cifarlens.display.heatmap import COLOURS
from cifarlens.space.app.contents import load_contents
from cifarlens.space.app.page.layout import build
from cifarlens.space.app.page.theme import heat_rule


@pytest.mark.parametrize(
    "options",
    [
        *({}, {"mistakes": 1}, {"perfect": True}, {"architecture": "resnet18"}),
        *({"classes": 2}, {"classes": ODD_NAMES}, {"classes": 200}),
    ],
    ids=["default", "one mistake", "no mistakes", "resnet18", "2 classes", "odd names", "200"],
)
def test_the_page_can_be_built(tmp_path, options):
    blocks = build(load_contents(make_space(tmp_path, **options)))
    names = {call.api_name for call in blocks.fns.values() if call.api_visibility == "public"}
    assert names == {"classify", "gradcam", "misclassified"}


def test_without_mistakes_the_tab_says_so_and_has_no_controls(tmp_path):
    blocks = build(load_contents(make_space(tmp_path, perfect=True))).blocks.values()
    (tab,) = (block for block in blocks if block.elem_id == "mistakes")
    assert "The network classified every test image correctly" in tab.value
    assert "Show misclassified images" not in {getattr(block, "label", "") for block in blocks}


def test_heat_maps_have_the_colours_of_the_report():
    rule = heat_rule(0.6)
    for red, green, blue in COLOURS:
        assert rule.count(f"rgb({red} {green} {blue} / ") == 2
    assert "linear-gradient(90deg, rgb(98 20 110 / 0%), " in rule
    assert "--heat-opacity: 0.6;" in rule


def test_every_opacity_slider_starts_at_the_value_of_the_card(contents):
    sliders = [
        block
        for block in build(contents).blocks.values()
        if "opacity" in (getattr(block, "label", None) or "").lower()
    ]
    assert [slider.value for slider in sliders] == [100 * OPACITY] * 4  # three tabs and the API
