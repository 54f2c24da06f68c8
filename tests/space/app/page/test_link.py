"""Links in the page's address; tests/browser/space restores them in a browser."""

import pytest
from starlette.datastructures import QueryParams

from cifarlens.space.app.page.layout import build


@pytest.fixture(scope="module")
def restore(contents):
    """Returns by label what the page's load event sets, given a query."""
    blocks = build(contents)
    (load,) = (fn for fn in blocks.fns.values() if fn.name == "restore")

    class Request:
        def __init__(self, query: str) -> None:
            self.query_params = QueryParams(query)

    def call(query: str) -> dict[str, object]:
        updates = load.fn(Request(query))
        return {
            getattr(key, "label", None) or type(key).__name__: value
            for key, value in updates.items()
        }

    return call


def test_a_link_restores_values_and_the_picture(restore, contents):
    values = restore(
        "tab=mistakes&picture=mistake-2&top=10&show=0&classes=4&classes=0&layer=prep&method=Occlusion"
        "&mistakes-true=7&opacity=0&scale=1&__theme=dark"
    )
    assert values.pop("Tabs").selected == "mistakes"
    assert values.pop("Your picture") == str(contents.folder / contents.mistakes[2].file)
    assert values == {
        **{"Number of top classes": 10, "Show Grad-CAM images": False, "Method": "Occlusion"},
        **{"Classes to explain": ["4", "0"], "Layers": ["prep"], "Heat-map opacity (%)": 0},
        **{"True class": "7", "One scale for all classes": True, "source": "mistake-2"},
    }
    assert restore("layer=")["Layers"] == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("top=11", "Number of top classes"),
        ("top=1_0", "Number of top classes"),
        ("show=true", "Show Grad-CAM images"),
        ("layer=layer9", "Layers"),
        ("classes=1&classes=cat", "Classes to explain"),
        ("classes=1&classes=1", "Classes to explain"),
        ("mistakes-true=", "True class"),
        ("picture=../app.py", "picture"),
        ("tab=Mistakes", "tab"),
    ],
)
def test_values_that_the_demo_does_not_know_are_named(restore, contents, query, name):
    with pytest.warns(UserWarning, match=f"does not know: {name}"):
        values = restore(query)
    picture = str(contents.examples[0])
    refused = query.partition("=")[0]  # the page's script removes it from the address
    assert values == {"Your picture": picture, "source": "example-0", "refused": refused}


def test_without_a_link_the_first_example_is_shown(restore, contents):
    assert restore("") == {"Your picture": str(contents.examples[0]), "source": "example-0"}
