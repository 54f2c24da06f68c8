"""A sweep as a queue of DVC experiments: `python -m benchmarks.sweep [PLAN] [--table]`.

PLAN (benchmarks/sweeps/width16.yaml) names settings and seeds. What has been run on this commit, or
is in the queue, is not queued again. Prints accuracy and loss on held-out images, as means and
sample standard deviations over the seeds. Stopped with Ctrl-C, the queue goes on, and the same
command waits for it again: `dvc queue stop --kill` ends it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from tqdm import tqdm

from cifarlens.params import parse_params
from cifarlens.runtime.errors import UserError
from cifarlens.runtime.paths import LR_FIND_METRICS, PARAMS, TRAIN_METRICS

PLAN = Path(__file__).parent / "sweeps/width16.yaml"
KEYS = {"jobs", "base", "seeds", "settings"}
POLL = 10  # seconds
Settings = Mapping[str, Any]  # dotted keys of params.yaml and their values


@dataclass(frozen=True)
class Plan:
    """What to run: every setting, on top of `base`, with every seed, `jobs` experiments at once."""

    jobs: int
    base: Settings
    seeds: tuple[int, ...]
    settings: tuple[Settings, ...]


@dataclass(frozen=True)
class Experiment:
    """One of DVC's, on this commit.

    Attributes:
        state: success, or what the queue says of it: queued, running or failed.
        params: its params.yaml.
        trained: metrics of the train stage; empty before it has succeeded.
        lr_find: metrics of the lr_find stage, likewise.
    """

    state: str
    params: dict[str, Any]
    trained: dict[str, Any]
    lr_find: dict[str, Any]


def read_plan(path: Path) -> Plan:
    """The plan; raises UserError if it lacks a key or a setting of it is no valid params.yaml."""
    content = _yaml(path, f"{path} cannot be read: name a plan such as {PLAN.name}.")
    if not isinstance(content, dict) or set(content) != KEYS:
        raise UserError(f"{path}: must hold the keys {', '.join(sorted(KEYS))} and no others.")
    jobs, base, seeds, settings = (content[key] for key in ("jobs", "base", "seeds", "settings"))
    if type(jobs) is not int or jobs < 1:
        raise UserError(f"{path}: jobs is {jobs!r}, but must be a whole number from 1.")
    if not isinstance(seeds, list) or not seeds or len(set(map(str, seeds))) < len(seeds):
        raise UserError(f"{path}: seeds is {seeds!r}, but must be a list of different seeds.")
    if not isinstance(settings, list) or not settings:
        raise UserError(f"{path}: settings must be a list of one setting or more; {{}} is base.")
    for table in (base, *settings):
        if not isinstance(table, dict) or not all(isinstance(key, str) for key in table):
            raise UserError(f"{path}: base and each setting must be keys of {PARAMS} and values.")
    plan = Plan(jobs, base, tuple(seeds), tuple(settings))
    for setting, seed in _runs(plan):
        params = parse_params(parameters(plan, setting, seed), f"{path}, {setting}")
        if params.data.val_size == 0:
            raise UserError(
                f"{path}, {setting}: data.val_size is 0, but must be above 0: settings are compared"
                " on held-out images, never on the test images."
            )
    return plan


def parameters(plan: Plan, setting: Settings, seed: int) -> dict[str, Any]:
    """What params.yaml is in one experiment."""
    params = _yaml(PARAMS, f"There is no {PARAMS} here: run it in the project's root.")
    for key, value in _changes(plan, setting, seed).items():
        *sections, name = key.split(".")
        place = params
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise UserError(f"{key} is no parameter: {section} has no keys of its own.")
        place[name] = value
    return dict(params)


def experiments() -> Iterator[Experiment]:
    """Every experiment on this commit, finished or not."""
    for commit in json.loads(_dvc("exp", "show", "--json")):
        for experiment in commit.get("experiments") or ():
            data = experiment["revs"][0]["data"] or {}
            params = data.get("params", {}).get(str(PARAMS), {}).get("data")
            state = (experiment.get("executor") or {}).get("state") or "success"
            trained, lr_find = (
                data.get("metrics", {}).get(str(path), {}).get("data") or {}
                for path in (TRAIN_METRICS, LR_FIND_METRICS)
            )
            if params and state != "success":  # its metrics are those of before it
                yield Experiment(state, params, {}, {})
            elif params and trained and lr_find:
                yield Experiment(state, params, trained, lr_find)


def queue(plan: Plan) -> int:
    """Queues what is neither done nor in the queue; returns how many are in the queue then."""
    known = [one for one in experiments() if one.state in ("success", "queued", "running")]
    count = sum(one.state != "success" for one in known)
    params = [one.params for one in known]
    for setting, seed in _runs(plan):
        if parameters(plan, setting, seed) in params:
            continue
        changes = _changes(plan, setting, seed)
        overrides = [f"--set-param={key}={_word(value)}" for key, value in changes.items()]
        _dvc("exp", "run", "--queue", *overrides, "train")
        count += 1
    return count


def work(jobs: int, count: int) -> None:
    """Runs the queue, its experiments sharing the cores, until all are done.

    Raises:
        UserError: one failed.
    """
    threads = max(1, (os.cpu_count() or 1) // jobs)
    failed = _states().count("Failed")  # long ago
    start = partial(_dvc, "queue", "start", f"--jobs={jobs}", OMP_NUM_THREADS=str(threads))
    start()
    with tqdm(total=count, desc="sweep", unit="run", disable=None) as bar:
        while True:
            states = _states()
            bar.n = count - states.count("Queued") - states.count("Running")
            bar.refresh()
            if states.count("Failed") > failed:
                raise UserError(
                    "An experiment failed: `dvc queue status` names it, `dvc queue logs NAME` says"
                    " why; the others go on."
                )
            if not states.count("Queued") + states.count("Running"):
                return
            if "Running" not in states:  # the queue's own processes were ended
                start()
            time.sleep(POLL)


def table(plan: Plan) -> str:
    """Markdown: a line a setting, best first, mean and standard deviation over its seeds.

    With the peaks that lr_find found in these runs: what `lr_max: auto` would have taken.
    """
    done, rows = [one for one in experiments() if one.trained], []
    for setting in plan.settings:
        wanted = {seed: parameters(plan, setting, seed) for seed in plan.seeds}
        of_seed = {
            seed: one for seed, params in wanted.items() for one in done if one.params == params
        }
        if not of_seed:
            continue
        words = ", ".join(f"`{key}` {_word(value)}" for key, value in setting.items()) or "base"
        accuracy = [100 * one.trained["val_accuracy"] for one in of_seed.values()]
        loss = [one.trained["val_loss"] for one in of_seed.values()]
        auto = sorted(one.lr_find["lr_max"] for one in of_seed.values())
        between = " to ".join(dict.fromkeys(f"{rate:.2g}" for rate in (auto[0], auto[-1])))
        cells = f"{_spread(accuracy, 2)} % | {_spread(loss, 4)} | {between} | {len(of_seed)}"
        rows.append((statistics.fmean(accuracy), f"| {words} | {cells} |"))
    head = "| setting | held-out accuracy | held-out loss | `lr_max: auto` | seeds |\n"
    lines = [row for _, row in sorted(rows, reverse=True)]
    return head + "| --- | --- | --- | --- | --- |\n" + "\n".join(lines)


def _runs(plan: Plan) -> Iterator[tuple[Settings, int]]:
    return ((setting, seed) for setting in plan.settings for seed in plan.seeds)


def _changes(plan: Plan, setting: Settings, seed: int) -> dict[str, Any]:
    return {**plan.base, **setting, "seed": seed}


def _states() -> list[str]:
    """Of every task in the queue's table: Queued, Running, Success or Failed."""
    return [line.split()[-1] for line in _dvc("queue", "status").splitlines() if line.strip()]


def _spread(values: list[float], digits: int) -> str:
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{deviation}"


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _yaml(path: Path, unreadable: str) -> Any:
    try:
        return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(unreadable) from None
    except (YAMLError, UnicodeDecodeError):
        raise UserError(f"{path} is no valid YAML: mend it.") from None


def _dvc(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it did not say why"]
        raise UserError(f"dvc {arguments[0]} failed: {said[-1]}")
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("plan", nargs="?", type=Path, default=PLAN, metavar="PLAN")
    parser.add_argument("--table", action="store_true", help="of what has been run; run nothing")
    options = parser.parse_args()
    try:
        plan = read_plan(options.plan)
        count = 0 if options.table else queue(plan)
        if count:
            work(plan.jobs, count)
        print(table(plan))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\nStopped waiting; the queue goes on: `dvc queue stop --kill` ends it.")
        sys.exit(130)


if __name__ == "__main__":
    main()
