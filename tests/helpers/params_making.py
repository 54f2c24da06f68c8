"""Generates any params.yaml that a user could write, as strategies of hypothesis."""

import json
import math
from collections.abc import Iterator
from typing import Any

import yaml
from closure import ROOT
from hypothesis import strategies as st

from cifarlens.classifier.networks import NETWORKS
from cifarlens.params import Params

TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")
SMALL = {"data.source": "digits", "batch_size": "64", "model.width": "2", "trainer.workers": "0"}
SCHEMA = Params.model_json_schema()


def leaves() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yields the dotted name, the JSON schema and the default (as JSON) of each parameter."""
    for section, default in yaml.safe_load(TEXT).items():
        schema = SCHEMA["properties"][section]
        if isinstance(default, dict):
            schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
            for key, value in default.items():
                yield f"{section}.{key}", schema["properties"][key], json.dumps(value)
        else:
            yield section, schema, json.dumps(default)


FIELDS = {name: schema for name, schema, _ in leaves()}
DEFAULTS = {name: default for name, _, default in leaves()}
KEYS = [*FIELDS, *(name for name in Params.model_fields if name not in FIELDS)]  # with sections


def encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def render(changes: dict[str, str | None]) -> str:
    """Returns params.yaml with keys or sections replaced, added or, for None, removed."""
    values: dict[str, str | None] = DEFAULTS | SMALL | changes
    lines: list[str] = []
    sections: set[str] = set()
    for key in sorted(values, key=lambda key: (key.partition(".")[0], key.count("."))):
        section, _, name = key.partition(".")
        value = values[key]
        if (name and section in changes) or value is None:
            continue
        if name and section not in sections:
            sections.add(section)
            lines.append(f"{section}:")
        lines.append(f"  {name}: {value}" if name else f"{section}: {value}")
    return "\n".join(lines) + "\n"


# Each takes another path through the YAML parser or the schema.
STRANGE = [
    *("", "yes", "true", "0", "-0.0", "1.0", "0o17", "0x1F", "1:30", "1_000", "1e400", "5e-324"),
    *(".inf", ".nan", "9" * 5000, "9" * 400, "2024-02-30", "2024-02-28", "=", "<<", "*", "%", "@x"),
    *("2024-01-01T00:00:00+99:99", "'1", '"\\ud800"', '"a\\nb"', '"\\x1b[2J"', "a: b", "x" * 5000),
    *("!!int ''", "!!float _", "!!bool x", "!!binary '@'", "!!binary aGk=", "!x 1", "!!str {}"),
    *("!!python/object/apply:os.getcwd []", "!!set {a, b}", "!!set {[a], {b: c}}", "!!omap [a: 1]"),
    *("!!pairs [a: 1]", "!!timestamp x", "&a [*a]", "&a {b: *a}", "*a", "{<<: [{a: 1}, 2]}"),
    *("{? [a, b] : 1}", "{1: 2}", "[", "]", "[" * 2000, "{a: " * 2000, "|", "- 1", "1\n---\na: 2"),
    *("\t1", "#", "\x85", "1\n<<: &m {seed: 1}\nepochs: 1"),
    "&a0 {x: 1}\nb:\n" + "".join(f"  - &a{i + 1} {{<<: [{f'*a{i}, ' * 9}]}}\n" for i in range(30)),
    "&a0 [x]\nb:\n" + "".join(f"  - &a{i + 1} [*a{i}, *a{i}]\n" for i in range(60)) + "? *a60",
]
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
nested = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)
fragments = st.sampled_from(STRANGE) | nested.map(json.dumps) | st.text(max_size=30)
names = st.sampled_from(["epoch", "lrmax", "model.wdith", "x.y", "1", "~", "model.1"]) | st.text(
    st.characters(exclude_characters="."), min_size=1, max_size=20
)
changed = st.dictionaries(
    st.sampled_from(KEYS) | names, fragments | st.none(), min_size=1, max_size=3
)


def bounds(schema: dict[str, Any]) -> list[Any]:
    """Returns the numbers that limit a field, and its allowed words."""
    names = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "const")
    limits = [schema[name] for name in names if name in schema] + schema.get("enum", [])
    for branch in schema.get("anyOf", []):
        limits += bounds(branch)
    return limits


def near(key: str) -> list[str]:
    """Returns the values at and next to the bounds of a field."""
    if key == "model.name":
        return list(NETWORKS)
    if FIELDS[key].get("type") == "boolean":
        return ["true", "false"]
    limits = [*bounds(FIELDS[key]), json.loads(DEFAULTS[key])]
    words = {limit for limit in limits if isinstance(limit, str)}
    numbers = [limit for limit in limits if not isinstance(limit, str)]
    close = {x + step for x in numbers for step in (-1, 0, 1, 0.5)}
    close |= {math.nextafter(x, way) for x in numbers for way in (-math.inf, math.inf)}
    return sorted(words | set(map(repr, close)))


at_bounds = st.lists(st.sampled_from(list(FIELDS)), min_size=1, max_size=3, unique=True).flatmap(
    lambda keys: st.fixed_dictionaries({key: st.sampled_from(near(key)) for key in keys})
)


@st.composite
def damaged(draw) -> bytes:
    """Generates the committed file with up to three pieces overwritten, inserted or removed."""
    content = TEXT.encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        end = start + draw(st.integers(0, 20))
        piece = draw(st.binary(max_size=8) | fragments.map(encode))
        content = content[:start] + piece + content[end:]
    return content
