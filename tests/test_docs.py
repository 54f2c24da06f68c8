"""README and docs are true: commands, files and links exist, and figures equal metrics/."""

import importlib.util
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev

import pytest
import yaml
from dvc.cli.parser import get_main_parser

from cifarlens.classifier.networks import custom_resnet
from cifarlens.params import parse_params
from cifarlens.runtime.files import read_csv, read_json

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
PRESENT = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which names old commands too
UNTRACKED = ("demo/", "logs/", "checkpoints/", "data/", "dvc_plots/")  # a user's runs write them
FOLDERS = r"(?:src|stages|tests|docs|benchmarks|metrics|reports|models|space|\.github)/"
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
OUTPUTS = [
    entry if isinstance(entry, str) else next(iter(entry))
    for stage in STAGES.values()
    for kind in ("outs", "metrics", "plots")
    for entry in stage.get(kind, [])
]


def text_of(page: Path) -> str:
    """The page without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def commands(page: Path) -> Iterator[list[str]]:
    """The words of every command after `$ ` in a block, and of inline code that is a command."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    blocks = [re.sub(r"\\\n(?:> )?\s*", " ", block) for block in blocks]
    lines = [line for block in blocks for line in re.findall(r"^\$ (.*)", block, re.MULTILINE)]
    lines += re.findall(r"`((?:make|dvc|git|pytest|python -m) [^`]+)`", text_of(page))
    for line in lines:
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"\w+=.*", words[0]):  # of the environment
            words = words[1:]
        while "&&" in words:
            at = words.index("&&")
            yield words[:at]
            words = words[at + 1 :]
        if words:
            yield words


def headings(page: Path) -> set[str]:
    """The anchors that GitHub makes."""
    titles = re.findall(r"^#+ (.*)", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def check_dvc(words: list[str]) -> None:
    if "-" not in " ".join(words[2:]):  # a mention, perhaps without its arguments
        with pytest.raises(SystemExit, match="0"):
            get_main_parser().parse_args([*words[:2], "--help"])
        return
    arguments = get_main_parser().parse_args(words)  # raises DvcParserError
    for change in getattr(arguments, "set_param", None) or []:
        key, _, value = change.partition("=")
        if key in ("KEY", "data.source") or key.startswith(("model.", "+model.")):
            continue  # a placeholder; docs/contributing.md adds a source and a network
        for choice in value.split(","):
            params = yaml.safe_load((ROOT / "params.yaml").read_text())
            *section, name = key.split(".")
            (params[section[0]] if section else params)[name] = yaml.safe_load(choice)
            parse_params(params, change)  # raises UserError


def check_command(words: list[str]) -> None:
    match words:
        case ["make", *rest]:
            names = {word for word in rest if "=" not in word}
            assert names <= TARGETS, f"make {names - TARGETS}"
        case ["dvc", *rest] if "…" not in rest:
            check_dvc(rest)
        case ["python", "-m", module, *_]:
            assert importlib.util.find_spec(module), module
        case ["cd" | "source" | "export", *_]:
            pass
        case [program, *_]:
            installed = Path(sys.executable).with_name(program)
            assert installed.exists() or shutil.which(program), program


@pytest.mark.parametrize("page", PRESENT, ids=lambda page: page.name)
def test_every_command_exists(page: Path) -> None:
    for words in commands(page):
        check_command(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if target.startswith(("http", "../../actions/")):
            continue
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), target
        if anchor:
            assert anchor in headings(path), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_named_exists(page: Path) -> None:
    for name in re.findall(rf"`({FOLDERS}[\w./-]*)`", text_of(page)):
        written = any(Path(name).is_relative_to(output) for output in OUTPUTS)
        held = any(Path(output).is_relative_to(name) for output in OUTPUTS)
        assert (ROOT / name).exists() or written or held or name.startswith(UNTRACKED), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_fits_a_window(page: Path) -> None:
    for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        assert max(map(len, block.splitlines()), default=0) < 90


def test_readme_is_short() -> None:
    text = PAGES[0].read_text()
    assert len(text.splitlines()) <= 160
    assert len(text.split()) <= 1000


def test_figures_of_the_readme_are_those_of_the_run() -> None:
    metrics = read_json(ROOT / "metrics/evaluate.json")
    parameters = sum(p.numel() for p in custom_resnet(10).parameters())
    (row,) = re.findall(r"^\| \*\*cifarlens\*\*.*$", PAGES[0].read_text(), re.MULTILINE)
    shares = [float(run["accuracy"]) for run in read_csv(ROOT / "metrics/runs.csv")]
    assert f"mean of {len(shares)} runs" in row
    assert f"**{mean(shares):.2%}**" in row
    assert f"{parameters / 1e6:.1f} M parameters" in row
    epochs = len(read_csv(ROOT / "reports/plots/train.csv"))
    assert f"{epochs} epochs" in PAGES[0].read_text()
    published = (ROOT / "docs/course-projects.md").read_text() + f"{metrics['accuracy']:.2%}"
    for figure in re.findall(r"\d+\.\d+%", text_of(PAGES[0])):
        assert figure == f"{mean(shares):.2%}" or figure in published, figure


def test_the_table_of_runs_is_that_of_the_metrics() -> None:
    runs = read_csv(ROOT / "metrics/runs.csv")
    shares = [100 * float(run["accuracy"]) for run in runs]
    text = (ROOT / "docs/recipe.md").read_text()
    section = text[text.index("## The runs") :]
    rows = re.findall(r"^\| (\d+) \| ([\d.]+)% \| ([^|]+) \|", section, re.MULTILINE)
    assert rows == [
        (run["seed"], f"{share:.2f}", run["hardware"])
        for run, share in zip(runs, shares, strict=True)
    ]
    assert f"{mean(shares):.2f} ± {stdev(shares):.2f}%" in section
