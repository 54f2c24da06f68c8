"""Two processes (gloo) train on a few digits; the results are compared with those of one process.

Each process runs `one_of_several.py`.
"""

import copy
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
from one_of_several import RECIPE, UNEVEN, digest, held_out_metrics, small_setup
from torch.nn import functional as F

from cifarlens.dataset.arrays import save_dataset
from cifarlens.params import Trainer
from cifarlens.runtime.errors import UserError
from cifarlens.training.data.datamodule import image_order
from cifarlens.training.launch import launch
from cifarlens.training.one_cycle.fit import _check_same_run
from cifarlens.training.one_cycle.schedule import one_cycle

SCRIPT = Path(__file__).parents[1] / "helpers" / "one_of_several.py"
COUNT = 179  # training images


def test_machines_with_different_runs_are_refused():
    _check_same_run("one", "one")
    with pytest.raises(UserError, match="differ from those of the first machine"):
        _check_same_run("one", "other")


def settings(**changes):
    two = {"accelerator": "cpu", "devices": 2, "num_nodes": 1, "strategy": "auto"}
    return Trainer.model_validate({**two, "precision": 32, "workers": 0, **changes})


def command(folder, data, victim=-1):
    return [str(SCRIPT), str(folder), str(data), str(victim)]


@pytest.fixture(scope="module")
def data(few_digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits") / "dataset"
    save_dataset(folder, few_digits)
    return folder


class Results:
    """Reads what the two processes of a run wrote."""

    def __init__(self, folder):
        self.folder = folder
        self.ranks = [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]
        self.weights = torch.load(folder / "weights.pt")
        self.history = self.ranks[0]["history"]


@pytest.fixture(scope="module")
def results(data, tmp_path_factory):
    """Returns the results of an undisturbed run."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        assert launch(settings(), command(folder, data))
    return Results(folder)


def test_every_image_once_an_epoch_augmented_as_by_one_process(results, few_digits):
    images = small_setup(few_digits, **UNEVEN).images.train_images
    expected = [
        (epoch, index, digest(images.load(epoch, [index])[0]))
        for epoch in range(RECIPE.epochs)
        for index in range(COUNT)
    ]
    actual = [tuple(image) for rank in results.ranks for image in rank["images"]]
    assert sorted(actual) == expected
    shares = [len(rank["images"]) // RECIPE.epochs for rank in results.ranks]
    assert shares == [91, 88]


def train_in_one_process(setup):
    """Trains on both shares of each step, one after the other.

    Returns the weights that the run keeps, and the metrics of each epoch.
    """
    network, images = setup.network, setup.images
    module = setup.module(RECIPE.lr_min, lambda o: one_cycle(o, RECIPE, images.steps_per_epoch))
    configured = module.configure_optimizers()
    optimizer, schedule = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    average, weights, history = None, [], []
    for epoch in range(RECIPE.epochs):
        order, states = image_order(COUNT, setup.settings.seed, epoch).tolist(), {}
        for rank in (0, 1):
            torch.manual_seed(epoch + 1000 * rank)
            states[rank] = torch.get_rng_state()
        total_loss, correct = 0.0, 0
        network.train()
        for start in range(0, COUNT, 63):
            batch = order[start : start + 63]
            optimizer.zero_grad()
            for rank in (1, 0):  # the run keeps the running statistics of the first process
                buffers = [b.clone() for b in network.buffers()]
                torch.set_rng_state(states[rank])
                x, y = module.on_after_batch_transfer(
                    images.train_images.load(epoch, batch[rank::2]).tensors(), 0
                )
                logits = network(x)
                loss = F.cross_entropy(logits, y, label_smoothing=0.1)
                (loss * len(y) / len(batch)).backward()
                states[rank] = torch.get_rng_state()
                total_loss += float(F.cross_entropy(logits.detach(), y, reduction="sum"))
                correct += int((logits.argmax(1) == y).sum())
                if rank:
                    for b, before in zip(network.buffers(), buffers, strict=True):
                        b.copy_(before)
            optimizer.step()
            schedule.step()
            average = copy.deepcopy(network) if average is None else average
            for old, new in zip(tensors(average), tensors(network), strict=True):
                old.data.lerp_(new.data, 1 - RECIPE.ema_decay)
        weights.append(copy.deepcopy(average.state_dict()))
        validation = held_out_metrics(setup, average)
        history.append([total_loss / COUNT, correct / COUNT, *validation])
    best = max(range(RECIPE.epochs), key=lambda i: (history[i][3], -history[i][2]))
    return weights[best], history


def tensors(network):
    """Returns the parameters and the running statistics, without the counters of batches."""
    return [*network.parameters(), *(b for b in network.buffers() if b.is_floating_point())]


def test_weights_and_metrics_are_those_of_one_process(results, few_digits):
    """The run keeps an average of the weights, at the best epoch."""
    expected, history = train_in_one_process(small_setup(few_digits, **UNEVEN))
    for row, metrics in zip(results.history, history, strict=True):
        assert row[2:] == pytest.approx(metrics, abs=2e-6)
    for name, tensor in expected.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(results.weights[name], tensor, atol=1e-6, rtol=1e-5)
    first, second = results.ranks
    assert (first["weights"], first["history"]) == (second["weights"], second["history"])


def test_the_failure_of_one_process_ends_all_with_its_message(data, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^This process has failed\.$"):
        launch(settings(), command(tmp_path, data, victim=1))
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in commands if str(tmp_path) in line]
    assert not list(tmp_path.glob("rank*.json"))
    printed = capfd.readouterr()
    assert printed.err == ""
    assert "one_of_several: " not in printed.out


def test_two_machines_resume_to_the_same_bytes(results, data, tmp_path):
    """The second machine has no checkpoint; the first one sends it."""
    (results.folder / "after2").rename(tmp_path / "machine0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    code = f"""
from cifarlens.params import Trainer
from cifarlens.training.launch import launch
settings = Trainer.model_validate({settings(devices=1, num_nodes=2).model_dump()})
launch(settings, {command(tmp_path, data)})
"""
    meeting = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    machines = [
        subprocess.Popen(
            [sys.executable, "-c", code], env={**meeting, "NODE_RANK": str(rank)}, cwd=tmp_path
        )
        for rank in (0, 1)
    ]
    try:
        assert [machine.wait(120) for machine in machines] == [0, 0]
    finally:
        for machine in machines:
            machine.kill()
    assert not (tmp_path / "machine1").exists()
    resumed = Results(tmp_path)
    assert resumed.history == results.history
    assert [rank["weights"] for rank in resumed.ranks] == [results.ranks[0]["weights"]] * 2
    assert {epoch for rank in resumed.ranks for epoch, *_ in rank["images"]} == {2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"MASTER_ADDR": None}, "num_nodes is 2, but MASTER_ADDR is not set; it must name the"),
        ({"MASTER_PORT": "http"}, "MASTER_PORT is 'http' in the environment; it must be a whole"),
        ({"NODE_RANK": "2"}, "NODE_RANK is '2' in the environment; it must be .* from 0 to 1"),
        ({"NODE_RANK": None}, "NODE_RANK is '' in the environment"),
        ({"NODE_RANK": None, "GROUP_RANK": "7"}, "NODE_RANK is '7' in the environment"),
    ],
)
def test_a_wrong_environment_is_explained(monkeypatch, changes, message):
    fitting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", "NODE_RANK": "0"}
    for name, value in {**fitting, **changes}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=message):
        launch(settings(num_nodes=2), ["-c", "raise SystemExit"])


@pytest.mark.parametrize("devices", [1, 4])
def test_a_launcher_that_starts_another_number_of_processes_is_explained(monkeypatch, devices):
    for name, value in (("WORLD_SIZE", 2), ("LOCAL_WORLD_SIZE", 2), ("TORCHELASTIC_RUN_ID", "x")):
        monkeypatch.setenv(name, str(value))
    assert not launch(settings(), [])
    with pytest.raises(UserError, match="must be 2, with 2 devices on this machine"):
        launch(settings(devices=devices), [])


def test_one_process_needs_no_launcher():
    assert not launch(settings(devices="auto"), ["-c", "raise SystemExit(1)"])
