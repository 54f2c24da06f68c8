"""Runs a sweep as a queue of DVC experiments: `python -m benchmarks.sweep [PLAN] [--table]`.

PLAN (by default benchmarks/sweeps/width16.yaml) lists settings and seeds. Experiments that have run
on this commit, or are queued, are not queued again. The sweep prints accuracy and loss on held-out
images as means and sample standard deviations over the seeds. After Ctrl-C the queue continues, and
the same command waits for it again. `dvc queue stop --kill` stops the queue.
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
POLL_INTERVAL = 10  # seconds
Settings = Mapping[str, Any]  # maps dotted keys of params.yaml to values


@dataclass(frozen=True)
class Plan:
    """Lists what to run: each setting on top of `base` with each seed, `jobs` at once."""

    jobs: int
    base: Settings
    seeds: tuple[int, ...]
    settings: tuple[Settings, ...]


@dataclass(frozen=True)
class Experiment:
    """Describes a DVC experiment on this commit.

    Attributes:
        state: success, or the state in the queue: queued, running or failed.
        params: content of params.yaml.
        train: metrics of the train stage; empty unless the experiment has succeeded.
        lr_find: metrics of the lr_find stage; empty unless the experiment has succeeded.
    """

    state: str
    params: dict[str, Any]
    train: dict[str, Any]
    lr_find: dict[str, Any]


def read_plan(path: Path) -> Plan:
    """Reads a plan; raises UserError if the plan or one of its settings is invalid."""
    content = _read_yaml(path, f"{path} cannot be read; name a plan such as {PLAN.name}.")
    keys = set(content) if isinstance(content, dict) else set()
    if keys != KEYS:
        missing = ", ".join(sorted(KEYS - keys)) or "none"
        unknown = ", ".join(sorted(map(str, keys - KEYS))) or "none"
        raise UserError(
            f"{path} must have exactly the keys {', '.join(sorted(KEYS))}; missing: {missing};"
            f" unknown: {unknown}."
        )
    jobs, base, seeds, settings = (content[key] for key in ("jobs", "base", "seeds", "settings"))
    if type(jobs) is not int or jobs < 1:
        raise UserError(f"{path}: jobs is {jobs!r}; it must be a whole number of at least 1.")
    if not isinstance(seeds, list) or not seeds or len(set(map(str, seeds))) < len(seeds):
        raise UserError(f"{path}: seeds is {seeds!r}; it must be a list of different seeds.")
    if not isinstance(settings, list) or not settings:
        raise UserError(
            f"{path}: settings must be a list of at least one setting; an empty setting, {{}}, runs"
            " base unchanged."
        )
    for table in (base, *settings):
        if not isinstance(table, dict) or not all(isinstance(key, str) for key in table):
            raise UserError(f"{path}: base and each setting must map keys of {PARAMS} to values.")
    plan = Plan(jobs, base, tuple(seeds), tuple(settings))
    for setting, seed in _runs(plan):
        params = parse_params(make_params(plan, setting, seed), f"{path}, {setting}")
        if params.data.val_size == 0:
            raise UserError(
                f"{path}, {setting}: data.val_size is 0; it must be above 0. Settings are compared"
                " on held-out images, never on the test images."
            )
    return plan


def make_params(plan: Plan, setting: Settings, seed: int) -> dict[str, Any]:
    """Returns the content of params.yaml for one experiment."""
    params = _read_yaml(PARAMS, f"{PARAMS} is missing here; run from the project's root.")
    for key, value in _changes(plan, setting, seed).items():
        *sections, name = key.split(".")
        target = params
        for section in sections:
            target = target.setdefault(section, {})
            if not isinstance(target, dict):
                raise UserError(f"{key} is not a parameter: {section} does not have subkeys.")
        target[name] = value
    return dict(params)


def read_experiments() -> Iterator[Experiment]:
    """Yields every experiment on this commit, finished or not."""
    for commit in json.loads(_run_dvc("exp", "show", "--json")):
        for experiment in commit.get("experiments") or ():
            data = experiment["revs"][0]["data"] or {}
            params = data.get("params", {}).get(str(PARAMS), {}).get("data")
            state = (experiment.get("executor") or {}).get("state") or "success"
            train, lr_find = (
                data.get("metrics", {}).get(str(path), {}).get("data") or {}
                for path in (TRAIN_METRICS, LR_FIND_METRICS)
            )
            if params and state != "success":  # its metrics come from an earlier run
                yield Experiment(state, params, {}, {})
            elif params and train and lr_find:
                yield Experiment(state, params, train, lr_find)


def queue_experiments(plan: Plan) -> int:
    """Queues what has not run and is not in the queue; returns the length of the queue."""
    states = ("success", "queued", "running")
    experiments = [each for each in read_experiments() if each.state in states]
    count = sum(each.state != "success" for each in experiments)
    params = [each.params for each in experiments]
    for setting, seed in _runs(plan):
        if make_params(plan, setting, seed) in params:
            continue
        changes = _changes(plan, setting, seed)
        overrides = [f"--set-param={key}={_format_value(value)}" for key, value in changes.items()]
        _run_dvc("exp", "run", "--queue", *overrides, "train")
        count += 1
    return count


def run_queue(jobs: int, count: int) -> None:
    """Runs the queue until every experiment has ended; the experiments share the cores.

    Raises:
        UserError: an experiment failed.
    """
    threads = max(1, (os.cpu_count() or 1) // jobs)
    failed = _task_states().count("Failed")  # from earlier sweeps
    start = partial(_run_dvc, "queue", "start", f"--jobs={jobs}", OMP_NUM_THREADS=str(threads))
    start()
    with tqdm(total=count, desc="sweep", unit="run", disable=None) as bar:
        while True:
            states = _task_states()
            bar.n = count - states.count("Queued") - states.count("Running")
            bar.refresh()
            if states.count("Failed") > failed:
                raise UserError(
                    "An experiment failed. `dvc queue status` names it and `dvc queue logs NAME`"
                    " shows why. The other experiments continue."
                )
            if not states.count("Queued") + states.count("Running"):
                return
            if "Running" not in states:  # the queue was stopped
                start()
            time.sleep(POLL_INTERVAL)


def format_table(plan: Plan) -> str:
    """Formats the results in Markdown, a row for each setting, the best first.

    A row shows means and standard deviations over the seeds, and the learning rates that
    `lr_max: auto` would use according to lr_find.
    """
    experiments, rows = [each for each in read_experiments() if each.train], []
    for setting in plan.settings:
        params = {seed: make_params(plan, setting, seed) for seed in plan.seeds}
        by_seed = {
            seed: each for seed in params for each in experiments if each.params == params[seed]
        }
        if not by_seed:
            continue
        changes = [f"`{key}` {_format_value(value)}" for key, value in setting.items()]
        accuracy = [100 * each.train["val_accuracy"] for each in by_seed.values()]
        loss = [each.train["val_loss"] for each in by_seed.values()]
        auto = sorted(each.lr_find["lr_max"] for each in by_seed.values())
        limits = " to ".join(dict.fromkeys(f"{rate:.2g}" for rate in (auto[0], auto[-1])))
        cells = f"{_mean_and_deviation(accuracy, 2)} % | {_mean_and_deviation(loss, 4)} | {limits}"
        row = f"| {', '.join(changes) or 'base'} | {cells} | {len(by_seed)} |"
        rows.append((statistics.fmean(accuracy), row))
    head = "| setting | held-out accuracy | held-out loss | `lr_max: auto` | seeds |\n"
    lines = [row for _, row in sorted(rows, reverse=True)]
    return head + "| --- | --- | --- | --- | --- |\n" + "\n".join(lines)


def _runs(plan: Plan) -> Iterator[tuple[Settings, int]]:
    return ((setting, seed) for setting in plan.settings for seed in plan.seeds)


def _changes(plan: Plan, setting: Settings, seed: int) -> dict[str, Any]:
    return {**plan.base, **setting, "seed": seed}


def _task_states() -> list[str]:
    """Returns the state of every task in the queue: Queued, Running, Success or Failed."""
    return [line.split()[-1] for line in _run_dvc("queue", "status").splitlines() if line.strip()]


def _mean_and_deviation(values: list[float], digits: int) -> str:
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{deviation}"


def _format_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_yaml(path: Path, unreadable: str) -> Any:
    try:
        return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(unreadable) from None
    except (YAMLError, UnicodeDecodeError):
        raise UserError(f"{path}: invalid YAML; fix it.") from None


def _run_dvc(*arguments: str, **environment: str) -> str:
    process = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        output = process.stderr or process.stdout
        lines = output.strip().splitlines() or ["it printed no error"]
        raise UserError(f"dvc {arguments[0]} failed: {lines[-1]}")
    return process.stdout


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    plan_help = f"YAML file with settings and seeds (default: {PLAN.name})"
    parser.add_argument("plan", nargs="?", type=Path, default=PLAN, metavar="PLAN", help=plan_help)
    parser.add_argument("--table", action="store_true", help="print the table and run nothing")
    options = parser.parse_args()
    try:
        plan = read_plan(options.plan)
        count = 0 if options.table else queue_experiments(plan)
        if count:
            run_queue(plan.jobs, count)
        print(format_table(plan))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\nStopped waiting. The queue continues; `dvc queue stop --kill` stops it.")
        sys.exit(130)


if __name__ == "__main__":
    main()
