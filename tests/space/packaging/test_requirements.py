from importlib.metadata import requires

from packaging.requirements import Requirement
from space_making import ROOT

from cifarlens.space.packaging.requirements import read_pins


def test_the_pins_fit_the_extras_that_hugging_face_adds_to_gradio():
    """Its build installs `gradio[oauth,mcp]` together with requirements.txt."""
    pins: dict[str, list[str]] = {}
    for line in read_pins(ROOT / "requirements.lock"):
        name, _, version = line.partition(" ;")[0].partition("==")
        pins.setdefault(name, []).append(version)
    needed = [Requirement(text) for text in requires("gradio") or ()]
    checked = [
        (requirement, version)
        for requirement in needed
        for version in pins.get(requirement.name, ())
        if requirement.marker is None
        or any(requirement.marker.evaluate({"extra": extra}) for extra in ("oauth", "mcp"))
    ]
    assert any("mcp" in str(requirement.marker) for requirement, _ in checked)
    assert not [(str(r), version) for r, version in checked if not r.specifier.contains(version)]
