import pytest
from space_making import make_space

from cifarlens.space.contents import load_contents
from cifarlens.space.layout import build


@pytest.mark.parametrize(
    "options",
    [{}, {"mistakes": 1}, {"perfect": True}, {"classes": 2}, {"architecture": "resnet18"}],
    ids=["usual", "one mistake", "no mistakes", "two classes", "resnet18"],
)
def test_the_page_can_be_built(tmp_path, options):
    blocks = build(load_contents(make_space(tmp_path, **options)))
    names = {call.api_name for call in blocks.fns.values() if call.api_visibility == "public"}
    assert names == {"classify", "gradcam", "misclassified"}
