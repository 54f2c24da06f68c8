"""Starts the training processes of one machine, one per device, and waits for them.

Uses torch's launcher, which is also behind `torchrun`; Lightning adopts the processes. The launcher
does not train itself, so it stops at once on a signal, and stops all processes when one fails, even
while they wait for each other. In Lightning's own launchers the first training process is the
parent of the others: it hangs with them, and is killed without a message.
"""

import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch.distributed import DistError
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.elastic.rendezvous import RendezvousError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from ..params import Trainer
from ..runtime.device import check_devices
from ..runtime.distributed import RUN_ID, launched
from ..runtime.errors import UserError, truncate_for_message
from ..runtime.signals import SIGNALS, Stopped

LOOPBACK = "127.0.0.1"
JOIN_TIMEOUT = 900  # seconds that machines wait for each other
DOCS_HINT = "see docs/several-machines.md"


def launch(params: Trainer, command: Sequence[str]) -> bool:
    """Runs a command in every process that `params` asks for on this machine.

    Args:
        params: devices and num_nodes. Several machines find each other by the environment variables
            MASTER_ADDR, MASTER_PORT and NODE_RANK, as with `torchrun`.
        command: arguments for Python.

    Returns:
        True if it started processes; False if one is enough or this is one of them.

    Raises:
        UserError: the devices or the environment do not fit, or a process failed; the message is
            that of the first process that failed.
        Stopped: a signal arrived. No process is left running in any case.
    """
    if launched():
        _check_launcher(params)
        return False
    if params.processes == 1:
        return False
    check_devices(params.accelerator, params.local_processes)
    rendezvous = _rendezvous(params.num_nodes)
    for name in ("elastic", "launcher"):  # our own error message replaces their reports
        logger = logging.getLogger(f"torch.distributed.{name}")
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")  # hides its reports of lost connections
    # A signal that is ignored stays ignored.
    handled = [name.name for name in SIGNALS if signal.getsignal(name) is not signal.SIG_IGN]
    with tempfile.TemporaryDirectory() as folder:
        config = LaunchConfig(
            min_nodes=params.num_nodes,
            max_nodes=params.num_nodes,
            nproc_per_node=params.local_processes,
            run_id=RUN_ID,
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=folder),
            signals_to_handle=",".join(handled),
            **rendezvous,
        )
        _run(config, command, Path(folder))
    return True


def _run(config: LaunchConfig, command: Sequence[str], folder: Path) -> None:
    handlers = {signum: signal.getsignal(signum) for signum in SIGNALS}  # the launcher sets its own
    try:
        elastic_launch(config, sys.executable)(*command)
    except SignalException as error:
        raise Stopped(error.sigval) from None
    except ChildFailedError as error:
        raise _first_failure(list(error.failures.items()), folder) from None
    except (DistError, RendezvousError) as error:
        raise UserError(
            f"The machines could not connect to each other at {config.rdzv_endpoint}"
            f" ({truncate_for_message(str(error))}). Check MASTER_ADDR, MASTER_PORT and NODE_RANK"
            f" on every machine; {DOCS_HINT}."
        ) from None
    finally:
        for signum, handler in handlers.items():
            signal.signal(signum, handler)


def _first_failure(failures: list[tuple[int, ProcessFailure]], folder: Path) -> BaseException:
    """Returns the error of the process that failed first; it causes the other failures.

    Args:
        failures: rank and failure of each process, those that the launcher stopped included.
        folder: holds a file per process that reported why it failed.
    """
    reports = [json.loads(path.read_text()) for path in folder.rglob("error.json")]
    reports.sort(key=lambda report: float(report["timestamp"]))
    stop_codes = (-signal.SIGTERM, 128 + signal.SIGTERM, 128 + signal.SIGINT)
    # Killed processes sort first, then failed, then stopped ones; timestamps are whole seconds.
    rank, first = min(
        failures,
        key=lambda item: (item[1].exitcode in stop_codes, item[1].exitcode > 0, item[1].timestamp),
    )
    killed = first.exitcode < 0 and first.exitcode not in stop_codes
    if reports and not (killed and first.timestamp <= reports[0]["timestamp"]):
        return UserError(str(reports[0]["message"]))
    if 0 < first.exitcode < 128:
        return SystemExit(1)  # a bug, whose traceback that process has printed
    signum = signal.Signals(abs(first.exitcode) % 128)
    reason, remedy = "", ""
    if signum == signal.SIGKILL:
        reason = ", possibly because memory ran out"
        remedy = " If that happens again, lower trainer.workers, or batch_size: a new run starts."
    return UserError(
        f"Training process {rank} was killed ({signum.name}){reason}. Run again; training resumes"
        f" after its last complete epoch.{remedy}"
    )


def _rendezvous(num_nodes: int) -> dict[str, Any]:
    """Returns where the processes meet; on one machine, at any free port."""
    if num_nodes == 1:
        if sys.platform == "linux":  # the host's name may not resolve
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        return {"rdzv_backend": "c10d", "rdzv_endpoint": f"{LOOPBACK}:0", "local_addr": LOOPBACK}
    address = os.environ.get("MASTER_ADDR", "")
    if not address:
        raise UserError(
            f"params.yaml: trainer.num_nodes is {num_nodes}, but MASTER_ADDR is not set; it must"
            " name the first machine. Set it, MASTER_PORT and NODE_RANK on every machine;"
            f" {DOCS_HINT}."
        )
    port = _read_number("MASTER_PORT", 1, 65_535)
    variable = "NODE_RANK" if "NODE_RANK" in os.environ else "GROUP_RANK"
    rank = _read_number(variable, 0, num_nodes - 1)
    return {
        "rdzv_backend": "static",
        "rdzv_endpoint": f"{address}:{port}",
        "rdzv_configs": {"rank": rank, "timeout": JOIN_TIMEOUT},
    }


def _read_number(name: str, low: int, high: int) -> int:
    text = os.environ.get(name, "")
    if text.isascii() and text.isdigit() and low <= int(text) <= high:
        return int(text)
    name = "NODE_RANK" if name == "GROUP_RANK" else name
    raise UserError(
        f"{name} is {truncate_for_message(repr(text))} in the environment; it must be a whole"
        f" number from {low} to {high}. Set it and run again; {DOCS_HINT}."
    )


def _check_launcher(params: Trainer) -> None:
    """Raises UserError if the launcher did not start as many processes as `params` asks for."""
    total, local = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if (total, local) != (params.processes, params.local_processes):
        raise UserError(
            f"params.yaml: trainer.num_nodes is {params.num_nodes} and trainer.devices is"
            f" {params.local_processes}, but the launcher started {total} processes, {local} of"
            f" them on this machine; trainer.num_nodes × trainer.devices must be {total}, with"
            f" {local} devices on this machine. Change params.yaml or the launcher's arguments and"
            " run again."
        )
