"""How fast the pipeline is: `python -m benchmarks [PART ...] [--json PATH]`.

Ours, a plain program for the same task and what the hardware allows, measured in turn; medians over
repeats. Start it on an idle machine: what else runs is measured too. Of a GPU speaks the part
accelerator, all others of the CPU; parts are all but scaling if none is named.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from cifarlens.runtime.errors import UserError

from .accelerator import accelerator_rows
from .images import augmentation_row
from .pipeline import evaluation_row, memory_row, nothing_to_do_row, stage_rows, start_rows
from .scaling import print_scaling
from .table import HEADER, Row, load, machine, new_file
from .training import step_rows

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "augmentation": augmentation_row,
    "training": step_rows,
    "memory": memory_row,
    "evaluate": evaluation_row,
    "stages": stage_rows,
    "start": start_rows,
    "repro": nothing_to_do_row,
    "accelerator": accelerator_rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [*PARTS, "scaling"]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(names)}")
    parser.add_argument("--json", type=new_file, help="also write every repeat's figures there")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(names):
        parser.error(f"{sorted(unknown)[0]} is no part; name any of {', '.join(names)}")
    result: dict[str, Any] = {"machine": machine()}
    print(", ".join(f"{key} {value}" for key, value in result["machine"].items()))
    try:
        measure(options.parts or list(PARTS), result)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    finally:  # what was measured before a mistake or Ctrl-C is kept
        if options.json:
            options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
            print(f"Figures of every repeat: {options.json}")


def measure(parts: list[str], result: dict[str, Any]) -> None:
    """Prints every row as soon as it is known, and adds it to what goes into the JSON file."""
    chosen = [name for name in PARTS if name in parts]
    result["rows"] = []
    if chosen:
        print(HEADER)
    for name in chosen:
        for row in PARTS[name]():
            print(row.line(), flush=True)
            result["rows"].append(row.record())
    if "scaling" in parts:
        result["scaling"] = print_scaling()
    result["load at the end"] = load()
    print(f"load {load()} at the end")


if __name__ == "__main__":
    main()
