"""Starts the processes of a training on several devices, a process each, and waits for them.

The engine is torch's own launcher, the one behind `torchrun`; Lightning takes up what it starts. It
stands beside the processes, not among them, so it ends at once on a signal, and ends all others
when one has failed, wherever they wait for each other. Lightning's own launchers make the first
process the parent of the rest: that one hangs with them, and is killed without a word.
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
from ..runtime.errors import UserError, shown
from ..runtime.signals import SIGNALS, Stopped

LOOPBACK = "127.0.0.1"
JOIN_WITHIN = 900  # seconds that machines wait for each other
PAGE = "docs/several-machines.md shows how"


def launch(params: Trainer, command: Sequence[str]) -> bool:
    """Runs a command in every process that `params` asks for on this machine.

    Args:
        params: devices and num_nodes. Several machines find each other by MASTER_ADDR, MASTER_PORT
            and NODE_RANK in the environment, as with `torchrun`.
        command: arguments for Python.

    Returns:
        Whether there were processes to start: not for one alone, nor if this is one of them.

    Raises:
        UserError: the devices or the environment do not fit, or a process failed; the sentence is
            that of the first that failed.
        Stopped: a signal came. As in all cases, no process is left.
    """
    if launched():
        _check_launcher(params)
        return False
    if params.processes == 1:
        return False
    check_devices(params.accelerator, params.local_processes)
    place = _place(params.num_nodes)
    for name in ("elastic", "launcher"):  # what they report is told in one sentence
        logger = logging.getLogger(f"torch.distributed.{name}")
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")  # lost connections, likewise
    # A signal that was ignored stays so.
    heeded = [name.name for name in SIGNALS if signal.getsignal(name) is not signal.SIG_IGN]
    with tempfile.TemporaryDirectory() as folder:
        config = LaunchConfig(
            min_nodes=params.num_nodes,
            max_nodes=params.num_nodes,
            nproc_per_node=params.local_processes,
            run_id=RUN_ID,
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=folder),
            signals_to_handle=",".join(heeded),
            **place,
        )
        _run(config, command, Path(folder))
    return True


def _run(config: LaunchConfig, command: Sequence[str], folder: Path) -> None:
    handlers = {signum: signal.getsignal(signum) for signum in SIGNALS}  # the engine sets its own
    try:
        elastic_launch(config, sys.executable)(*command)
    except SignalException as error:
        raise Stopped(error.sigval) from None
    except ChildFailedError as error:
        raise _explain(list(error.failures.items()), folder) from None
    except (DistError, RendezvousError) as error:
        raise UserError(
            f"The machines of the training did not find each other at {config.rdzv_endpoint}"
            f" ({shown(str(error))}): check MASTER_ADDR, MASTER_PORT and NODE_RANK on each; {PAGE}."
        ) from None
    finally:
        for signum, handler in handlers.items():
            signal.signal(signum, handler)


def _explain(failures: list[tuple[int, ProcessFailure]], folder: Path) -> BaseException:
    """The sentence of what failed first; all else, the launcher's SIGTERM too, follows from it.

    Args:
        failures: by rank.
        folder: holds what the processes told of their failures, a file each.
    """
    told = [json.loads(path.read_text()) for path in folder.rglob("error.json")]
    told.sort(key=lambda reason: float(reason["timestamp"]))
    asked = (-signal.SIGTERM, 128 + signal.SIGTERM, 128 + signal.SIGINT)
    # Struck down, failed, or asked to end, in this order; each by its time, in whole seconds.
    rank, first = min(
        failures,
        key=lambda item: (item[1].exitcode in asked, item[1].exitcode > 0, item[1].timestamp),
    )
    killed = first.exitcode < 0 and first.exitcode not in asked
    if told and not (killed and first.timestamp <= told[0]["timestamp"]):
        return UserError(str(told[0]["message"]))
    if 0 < first.exitcode < 128:
        return SystemExit(1)  # a defect of ours, whose traceback that process has printed
    signum = signal.Signals(abs(first.exitcode) % 128)
    why = ", perhaps for want of memory (then lower batch_size or trainer.workers)"
    return UserError(
        f"Process {rank} of the training was ended by {signum.name}"
        f"{why if signum == signal.SIGKILL else ''}: run again; it goes on after its last whole"
        " epoch."
    )


def _place(num_nodes: int) -> dict[str, Any]:
    """Where this machine's processes meet the others; on one machine, at any free port."""
    if num_nodes == 1:
        if sys.platform == "linux":  # not by the host's name, which may lead nowhere
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        return {"rdzv_backend": "c10d", "rdzv_endpoint": f"{LOOPBACK}:0", "local_addr": LOOPBACK}
    address = os.environ.get("MASTER_ADDR", "")
    if not address:
        raise UserError(
            f"params.yaml: trainer.num_nodes is {num_nodes}, but MASTER_ADDR does not name the"
            f" first machine: set it, MASTER_PORT and NODE_RANK on every machine; {PAGE}."
        )
    port = _number("MASTER_PORT", 1, 65_535)
    rank = _number("NODE_RANK" if "NODE_RANK" in os.environ else "GROUP_RANK", 0, num_nodes - 1)
    return {
        "rdzv_backend": "static",
        "rdzv_endpoint": f"{address}:{port}",
        "rdzv_configs": {"rank": rank, "timeout": JOIN_WITHIN},
    }


def _number(name: str, low: int, high: int) -> int:
    text = os.environ.get(name, "")
    if text.isascii() and text.isdigit() and low <= int(text) <= high:
        return int(text)
    name = "NODE_RANK" if name == "GROUP_RANK" else name
    raise UserError(
        f"{name} is {shown(repr(text))} in the environment, but must be a whole number from {low}"
        f" to {high}: set it and run again; {PAGE}."
    )


def _check_launcher(params: Trainer) -> None:
    """Raises UserError if whoever started this process started another number of them."""
    there, here = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if (there, here) != (params.processes, params.local_processes):
        raise UserError(
            f"params.yaml: trainer.num_nodes times trainer.devices is {params.num_nodes} times"
            f" {params.local_processes}, but the launcher started {there} processes, {here} of them"
            " here: make them agree and run again."
        )
