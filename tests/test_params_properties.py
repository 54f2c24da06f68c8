"""Any params.yaml a user could write gives a run plan or one sentence, never a traceback."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from properties import examples

from cifarlens.classifier.networks import NETWORKS
from cifarlens.dataset.statistics import channel_statistics
from cifarlens.params import LrFind, Params, load_params
from cifarlens.runtime.device import resolve_accelerator
from cifarlens.runtime.errors import UserError
from cifarlens.training.lr_find.range_test import rising
from cifarlens.training.lr_find.suggestion import suggest
from cifarlens.training.one_cycle.schedule import Recipe, choose_recipe, one_cycle
from cifarlens.training.setup import Settings, assemble
from cifarlens.training.trainer import resolve_precision

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
ASKED = sorted({name for stage in STAGES for name in stage.get("params", [])})  # by any stage
FOUND = {"lr_max": 0.01, "lr_min": 0.0001}  # by lr_find
BUILT = 8  # the widest network that is really made; a wider one only in shape
LONGEST = 500  # characters of a sentence
PLAN = "plan"

pytestmark = [  # of plans that are legal and odd
    pytest.mark.filterwarnings("ignore:To get the last learning rate"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
]


def plan(path: Path, dataset) -> None:
    """Makes all of a run that needs no training."""
    given = dict(zip(ASKED, load_params(*ASKED, path=path), strict=True))
    lr_find, gradcam = given["lr_find"], given["gradcam"]
    wanted = [given[name] for name in ("epochs", "peak_epoch", "lr_max", "lr_min")]
    shared = ("seed", "batch_size", "data.val_size", "augment", "model", "optimizer", "trainer")
    settings = Settings(*(given[name] for name in shared))
    mean, std = channel_statistics(dataset.train_images)
    real = settings.model.width <= BUILT
    with nullcontext() if real else torch.device("meta"):
        parts = assemble(dataset, {"mean": mean, "std": std}, settings)
    assert gradcam.layer in ("auto", *parts.network.layers)
    recipe = choose_recipe(FOUND, *wanted)
    check_cycle(recipe, parts.images.steps_per_epoch)
    check_range_test(lr_find)
    precision = resolve_precision(
        settings.trainer.precision, resolve_accelerator(settings.trainer.accelerator)
    )
    assert precision in ("32-true", "bf16-mixed")

    keys = [(0, 0), (recipe.epochs - 1, len(parts.images.train_images) - 1)]
    images, labels = parts.images.train_images.__getitems__(keys)
    assert (images.dtype, images.shape, len(labels)) == (torch.uint8, (2, 32, 32, 3), 2)
    parts.images.train_dataloader()
    module = parts.module(recipe.lr_min, lambda optimizer: one_cycle(optimizer, recipe, 9))
    module.configure_optimizers()
    if real:
        batch = module.on_after_batch_transfer((images, labels), 0)
        assert module.training_step(batch, 0).shape == ()


def check_cycle(recipe: Recipe, steps_per_epoch: int) -> None:
    """Every rate is one; the highest is lr_max, the first and the last are lr_min."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=recipe.lr_min)
    schedule = one_cycle(optimizer, recipe, steps_per_epoch)
    last = recipe.epochs * steps_per_epoch - 1
    peak = min(max(round(recipe.peak_epoch * steps_per_epoch), 2), last) - 1
    steps = sorted({*range(min(last, 50)), *range(max(peak - 2, 0), min(peak + 3, last)), last})
    rates = []
    for schedule.last_epoch in steps:
        rates += schedule.get_lr()
    noise = 1e-14 * recipe.lr_max
    assert all(math.isfinite(rate) and rate > 0 for rate in rates)
    assert max(rates) == pytest.approx(recipe.lr_max)
    assert steps[int(np.argmax(rates))] == peak or recipe.lr_min > 0.99 * recipe.lr_max
    assert [rates[0], rates[-1]] == pytest.approx([recipe.lr_min] * 2, abs=noise)


def check_range_test(params: LrFind) -> None:
    """The rates rise from start to stop; a curve over them gives two rates or a sentence."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=params.start)
    end = params.start * rising(optimizer, params).gamma ** (params.steps - 1)
    assert end == pytest.approx(params.stop)
    lrs = np.geomspace(params.start, params.stop, params.steps)
    place = np.linspace(-9, 4, params.steps)  # least in the upper half of any range
    falls = 2.3 / (1 + np.exp(place)) + 0.3
    found = outcome(lambda: suggest(lrs.tolist(), falls.tolist(), params.factor))
    assert one_sentence(found)
    valley = 2.3 / (1 + np.exp(6 - 2 * np.abs(place))) + 0.3
    found = suggest(lrs.tolist(), valley.tolist(), params.factor)
    assert params.start < found.lr_valley_start < found.lr_valley_end < params.stop
    assert 0 < found.lr_min <= found.lr_max <= found.lr_valley_end
    assert found.lr_min >= params.start * (1 - 1e-9) or found.lr_min == found.lr_max


def outcome(work: Callable[[], Any]) -> Any:
    """What it gives, or the words of its UserError."""
    try:
        return work()
    except UserError as error:
        return str(error)


def one_sentence(text: str) -> bool:
    return text.isprintable() and len(text) <= LONGEST


@pytest.fixture(scope="module")
def tried(tmp_path_factory, few_digits):
    """What becomes of the bytes of a params.yaml: `PLAN`, or the sentence."""
    path = tmp_path_factory.mktemp("params") / "params.yaml"
    prefixes = (f"{path}: ", "params.yaml: ")  # of the file itself, and of what does not fit it

    def tried(content: bytes | str) -> str:
        path.write_bytes(content if isinstance(content, bytes) else written(content))
        found = outcome(lambda: plan(path, few_digits))
        if found is None:
            return PLAN
        assert found.startswith(prefixes)
        assert one_sentence(found.replace(str(path), "params.yaml"))
        return found

    return tried


def written(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


SMALL = {"data.source": "digits", "batch_size": "64", "model.width": "2", "trainer.workers": "0"}


def leaves() -> Iterator[tuple[str, Any]]:
    for name, field in Params.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        if inner:
            yield from ((f"{name}.{key}", field) for key, field in inner.items())
        else:
            yield name, field


FIELDS = dict(leaves())
KEYS = [*FIELDS, *(name for name in Params.model_fields if name not in FIELDS)]  # and sections
COMMITTED = yaml.safe_load(TEXT)


def committed(key: str) -> str:
    value = COMMITTED
    for part in key.split("."):
        value = value[part]
    return json.dumps(value)


def render(changes: dict[str, str | None]) -> str:
    """params.yaml with the values of some keys or sections replaced, added or (None) left out."""
    values: dict[str, str | None] = {key: committed(key) for key in FIELDS} | SMALL | changes
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


STRANGE = [
    *("", "~", "null", "yes", "on", "No", "true", "0", "-0.0", "1", "1.0", "007", "0o17", "0x1F"),
    *("0b101", "1:30", "1_000", "1e400", "-1e400", "5e-324", ".inf", "-.inf", ".nan", "1e-05"),
    *("9" * 5000, "0x" + "f" * 5000, "9" * 400, "١٢", "2024-02-30", "2024-02-28", "=", "<<", "*"),
    *("2024-01-01T00:00:00+99:99", "'1", '"\\ud800"', '"a\\nb"', '"\\x1b[2J"', "a: b", "%", "@x"),
    *("!!int ''", "!!int x", "!!float _", "!!bool x", "!!binary '@'", "!!binary aGk=", "!x 1"),
    *("!!python/object/apply:os.getcwd []", "!!set {a, b}", "!!set {[a], {b: c}}", "!!map x"),
    *("!!omap [a: 1]", "!!pairs [a: 1]", "!!timestamp x", "!!null x", "!!str {}", "!!value x"),
    *("&a [*a]", "&a {b: *a}", "*a", "{<<: 1}", "{<<: [{a: 1}, 2]}", "{? [a, b] : 1}", "{1: 2}"),
    *("[", "]", "{", "}", "[" * 2000, "{a: " * 2000, "|", ">-", "- 1", "1\n---\na: 2", "1\n...\n"),
    *("auto", "'auto'", "AUTO", "x" * 5000, "\t1", "1\t", "#", "1 # x", "'#'", "\x85", "\u2028"),
    "1\n<<: &m {seed: 1}\nepochs: 1",
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


def bounds(kind: Any, metadata: Any = ()) -> list[Any]:
    """The numbers that limit a field, and the words it takes."""
    found = [
        getattr(limit, side)
        for limit in metadata
        for side in ("ge", "gt", "le", "lt")
        if isinstance(getattr(limit, side, None), int | float)
    ]
    for part in get_args(kind):
        found += [part] if isinstance(part, str) else bounds(part)
    for limit in getattr(kind, "__metadata__", ()):  # of an Annotated one
        found += bounds(None, getattr(limit, "metadata", [limit]))
    return found


def near(key: str) -> "st.SearchStrategy[str]":
    """Values around a field's bounds, and between them."""
    field = FIELDS[key]
    limits = [*bounds(field.annotation, field.metadata), json.loads(committed(key))]
    numbers = [limit for limit in limits if not isinstance(limit, str | bool)]
    words = [limit for limit in limits if isinstance(limit, str)]
    if field.annotation is bool:
        words = ["true", "false"]
    if key == "model.name":
        words = list(NETWORKS)
    close = {x + step for x in numbers for step in (-1, 0, 1, 0.5, 1e-9)}
    close |= {math.nextafter(x, way) for x in numbers for way in (-math.inf, math.inf)}
    texts = st.sampled_from(sorted({*map(str, words), *map(repr, close)}))
    if len(numbers) > 1:
        low, high = min(numbers), max(numbers)
        texts |= (
            st.integers(low, high).map(repr)
            if isinstance(low, int) and isinstance(high, int)
            else st.floats(low, high).map(repr)
        )
    return texts


at_bounds = st.lists(st.sampled_from(list(FIELDS)), min_size=1, max_size=3, unique=True).flatmap(
    lambda keys: st.fixed_dictionaries({key: near(key) for key in keys})
)


@st.composite
def damaged(draw) -> bytes:
    """The committed file with up to three stretches of bytes overwritten, inserted or cut out."""
    content = TEXT.encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        end = start + draw(st.integers(0, 20))
        piece = draw(st.binary(max_size=8) | fragments.map(written))
        content = content[:start] + piece + content[end:]
    return content


def test_the_small_run_is_a_plan(tried):
    assert tried(render({})) == PLAN
    assert re.search("batch_size is 512, but must be at most 200", tried(TEXT))


@examples(150)
@given(content=st.binary(max_size=200) | st.text(max_size=200) | fragments)
def test_any_text(tried, content):
    assert tried(content) != PLAN


@examples(150)
@given(content=damaged())
def test_the_committed_file_damaged(tried, content):
    tried(content)


@examples(150)
@given(changes=changed)
@example(changes={"model": "&a {name: *a}"})
@example(changes={"seed": STRANGE[-1]})
@example(changes={"seed": STRANGE[-2]})
@example(changes={"lr_find.start": "0.9999999999", "lr_find.stop": "1"})
@example(changes={"lr_max": "5e-324", "lr_min": "5e-324"})
def test_values_and_keys_replaced(tried, changes):
    tried(render(changes))


def test_values_around_the_bounds(tried):
    made = []

    @examples(250)
    @given(changes=at_bounds)
    def check(changes):
        made.append(tried(render(changes)))

    check()
    assert made.count(PLAN) > len(made) / 10  # and the rest sentences


@pytest.mark.parametrize("turn", range(2))
def test_each_strange_value_somewhere(tried, turn):
    for place, value in enumerate(STRANGE):
        tried(render({KEYS[(place * 7 + turn) % len(KEYS)]: value}))


PROCESSES = {
    "a plan": (render({}), 0),
    "huge": (render({"seed": "0x" + "f" * 5000}), 2),
    "no integer": (render({"seed": "!!int ''"}), 2),
    "merges": (render({"seed": STRANGE[-2]}), 2),
    "old YAML": ("%YAML 1.1\n---\n" + render({"lr_max": "1e1", "augment.flip": "on"}), 0),
    "surrogate": (render({'"\\ud800"': "1"}), 2),
}


@pytest.mark.parametrize("name", PROCESSES)
def test_the_first_stage(tmp_path, name):
    text, code = PROCESSES[name]
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "stages", tmp_path / "stages")
    done = subprocess.run(
        [sys.executable, "-m", "stages.download"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if code:
        assert done.stderr.startswith("error: params.yaml: ")
        assert done.stderr.count("\n") == 1
    assert (tmp_path / "data/dataset").exists() == (code == 0)
