"""Writes the text of the About tab, which is also the body of the Space's README."""

from ..contents import Contents
from . import facts, maps, use
from .section import Section

SECTIONS = {
    "use": use.controls,
    "maps": maps.reading,
    "network": facts.network,
    "training": facts.training,
    "accuracy": facts.accuracy,
    "papers": maps.papers,
    "limits": use.limits,
    "api": use.api,
    "licence": facts.licence,
}
TEXTS = ("use", "maps", "limits", "api")  # the rest are facts
FACTS = tuple(name for name in SECTIONS if name not in TEXTS)


def title(contents: Contents) -> str:
    """Returns the demo's name."""
    return f"{subject(contents)} classifier, explained"


def subject(contents: Contents) -> str:
    """Returns the name of the dataset; one without a web page has no name of its own."""
    dataset = contents.card.dataset
    return dataset["name"] if dataset["link"] else "Image"


def lead(contents: Contents) -> str:
    """Returns two sentences on what the demo does."""
    return (
        f"A neural network assigns a picture to one of {len(contents.classes)} classes."
        " Heat maps show where the network found evidence for its answer."
    )


def about(contents: Contents) -> str:
    """Returns all sections as Markdown."""
    return "\n\n".join(section.markdown() for section in sections(contents).values())


def sections(contents: Contents) -> dict[str, Section]:
    """Returns the sections by the names in `TEXTS` and `FACTS`."""
    return {name: write(contents) for name, write in SECTIONS.items()}
