"""Measures the speed of the pipeline: `python -m benchmarks [PART ...] [--json PATH]`.

Compares this project with a plain program for the same task and with what the hardware allows.
Alternates between them and prints medians over the repeats. Use an idle machine, because other
programs distort the results. The parts accelerator and gpu measure the GPU, all others the CPU.
Without PART, everything except scaling and gpu runs.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from cifarlens.runtime.errors import UserError
from cifarlens.runtime.memory import keep_freed_memory

from .accelerator import accelerator_rows
from .gpu.tables import gpu_tables
from .images import augmentation_row
from .pipeline import evaluation_row, memory_rows, nothing_to_do_row, stage_rows, start_rows
from .scaling import print_scaling
from .table import EXPLANATION, HEADER, Row, describe_machine, load_average, output_file
from .training import step_rows

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "augmentation": augmentation_row,
    "training": step_rows,
    "memory": memory_rows,
    "evaluate": evaluation_row,
    "stages": stage_rows,
    "start": start_rows,
    "repro": nothing_to_do_row,
    "accelerator": accelerator_rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [*PARTS, "scaling", "gpu"]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(names)}")
    parser.add_argument(
        "--json", type=output_file, help="also write the measurements of every repeat to this file"
    )
    options = parser.parse_args()
    if unknown := set(options.parts) - set(names):
        parser.error(f"{sorted(unknown)[0]} is not a part; choose from {', '.join(names)}")
    keep_freed_memory()  # as a stage does
    result: dict[str, Any] = {"machine": describe_machine()}
    print(", ".join(f"{key} {value}" for key, value in result["machine"].items()))
    try:
        measure(options.parts or list(PARTS), result)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    finally:  # also write what was measured before an error or Ctrl-C
        if options.json:
            options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
            print(f"Measurements of every repeat: {options.json}")


def measure(parts: list[str], result: dict[str, Any]) -> None:
    """Prints every row as soon as it is measured, and adds it to `result` for the JSON file."""
    names = [name for name in PARTS if name in parts]
    result["rows"] = []
    if names:
        print(f"{EXPLANATION}\n{HEADER}")
    for name in names:
        for row in PARTS[name]():
            print(row.line(), flush=True)
            result["rows"].append(row.record())
    if "scaling" in parts:
        result["scaling"] = print_scaling()
    if "gpu" in parts:
        result["gpu"] = {}
        for table, rows in gpu_tables():
            result["gpu"][table] = rows
    result["load at the end"] = load_average()
    print(f"load {load_average()} at the end")


if __name__ == "__main__":
    main()
