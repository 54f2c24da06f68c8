"""Two real processes (gloo) train on a few digits, and are compared with one.

`one_of_several.py` is what each of them runs.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
from one_of_several import COUNT, RECIPE, digest, small_setup
from torch.nn import functional as F

from cifarlens.dataset.arrays import save_dataset
from cifarlens.params import Trainer
from cifarlens.runtime.errors import UserError
from cifarlens.training.launch import launch
from cifarlens.training.one_cycle.fit import _agree
from cifarlens.training.one_cycle.schedule import one_cycle

SCRIPT = Path(__file__).parents[1] / "helpers" / "one_of_several.py"
TWO = {"accelerator": "cpu", "devices": 2, "num_nodes": 1, "strategy": "auto"}


def processes_of(folder):
    """Command lines of what still runs on a folder."""
    lines = [" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line and SCRIPT.name in line]


def test_machines_that_would_train_different_runs():
    _agree("one", "one")
    with pytest.raises(UserError, match="differ from those of the first machine"):
        _agree("one", "other")


def settings(**changes):
    return Trainer.model_validate({**TWO, "precision": 32, "workers": 0, **changes})


def command(folder, data, victim=-1, kept=0):
    return [str(SCRIPT), str(folder), str(data), str(victim), str(kept)]


@pytest.fixture(scope="module")
def data(few_digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits") / "dataset"
    save_dataset(folder, few_digits)
    return folder


class Found:
    """What the processes of a run left in their folder."""

    def __init__(self, folder):
        self.folder = folder
        self.ranks = [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]
        self.weights = torch.load(folder / "weights.pt")
        self.history = self.ranks[0]["history"]


@pytest.fixture(scope="module")
def found(data, tmp_path_factory):
    """An undisturbed run."""
    folder = tmp_path_factory.mktemp("found")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        assert launch(settings(), command(folder, data))
    return Found(folder)


def test_every_image_once_an_epoch_augmented_as_by_one_process(found, data):
    images = small_setup(data).images.train_images
    everything = [(epoch, index) for epoch in range(RECIPE.epochs) for index in range(COUNT)]
    seen = [tuple(key) for rank in found.ranks for key in rank["seen"]]
    assert sorted(seen) == [(*key, digest(images.__getitems__([key])[0])) for key in everything]
    shares = [len(rank["seen"]) // RECIPE.epochs for rank in found.ranks]
    assert shares == [91, 88]


def reference(data):
    """The same training by one process: both shares of each step, one after the other."""
    setup = small_setup(data)
    network, images = setup.network, setup.images
    module = setup.module(RECIPE.lr_min, lambda o: one_cycle(o, RECIPE, images.steps_per_epoch))
    found = module.configure_optimizers()
    optimizer, schedule = found["optimizer"], found["lr_scheduler"]["scheduler"]
    history = []
    for epoch in range(RECIPE.epochs):
        images.sampler.set_epoch(epoch)
        keys, states = list(images.sampler), {}
        for rank in (0, 1):
            torch.manual_seed(epoch + 1000 * rank)
            states[rank] = torch.get_rng_state()
        plain, right = 0.0, 0
        network.train()
        for start in range(0, COUNT, 63):
            batch = keys[start : start + 63]
            optimizer.zero_grad()
            for rank in (1, 0):  # the first process's running statistics are kept
                buffers = [b.clone() for b in network.buffers()]
                torch.set_rng_state(states[rank])
                x, y = module.on_after_batch_transfer(
                    images.train_images.__getitems__(batch[rank::2]), 0
                )
                logits = network(x)
                loss = F.cross_entropy(logits, y, label_smoothing=0.1)
                (loss * len(y) / len(batch)).backward()
                states[rank] = torch.get_rng_state()
                plain += float(F.cross_entropy(logits.detach(), y, reduction="sum"))
                right += int((logits.argmax(1) == y).sum())
                if rank:
                    for b, before in zip(network.buffers(), buffers, strict=True):
                        b.copy_(before)
            optimizer.step()
            schedule.step()
        history.append([plain / COUNT, right / COUNT, *validate(network, images, module)])
    return network.state_dict(), history


def validate(network, images, module):
    x, y = module.on_after_batch_transfer(images.held_out.__getitems__(list(range(21))), 0)
    network.eval()
    with torch.no_grad():
        logits = network(x)
    return [float(F.cross_entropy(logits, y)), float((logits.argmax(1) == y).float().mean())]


def test_weights_and_metrics_are_those_of_one_process(found, data):
    weights, history = reference(data)
    assert len(found.history) == RECIPE.epochs
    for row, expected in zip(found.history, history, strict=True):
        assert row[2:] == pytest.approx(expected, abs=2e-6)
    for name, tensor in weights.items():
        torch.testing.assert_close(found.weights[name], tensor, atol=1e-6, rtol=1e-5)


def test_both_processes_end_with_the_same(found):
    first, second = found.ranks
    assert first["weights"] == second["weights"]
    assert first["history"] == second["history"]


def test_an_average_and_the_best_epoch_are_those_of_both(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert launch(settings(), command(tmp_path, data, kept=1))
    kept = Found(tmp_path)
    first, second = kept.ranks
    assert first["weights"] == second["weights"]
    assert first["history"] == second["history"]
    setup = small_setup(data)
    setup.network.load_state_dict(kept.weights)
    module = setup.module(RECIPE.lr_min, lambda o: one_cycle(o, RECIPE, 3))
    best = max(kept.history, key=lambda row: (row[5], -row[4]))
    assert validate(setup.network, setup.images, module) == pytest.approx(best[4:], abs=2e-6)


def test_the_failure_of_one_process_ends_all_with_its_sentence(data, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^This process has had enough\.$"):
        launch(settings(), command(tmp_path, data, victim=1))
    assert processes_of(tmp_path) == []
    assert not list(tmp_path.glob("rank*.json"))
    printed = capfd.readouterr()
    assert printed.err == ""
    assert "one_of_several: " not in printed.out


def test_two_machines_resume_to_the_same(found, data, tmp_path):
    """The second machine has no checkpoint: the first one's is sent to it."""
    (found.folder / "after2").rename(tmp_path / "machine0")
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
    resumed = Found(tmp_path)
    assert resumed.history == found.history
    assert [rank["weights"] for rank in resumed.ranks] == [found.ranks[0]["weights"]] * 2
    assert {epoch for rank in resumed.ranks for epoch, *_ in rank["seen"]} == {2}


WRONG = [
    ({"MASTER_ADDR": None}, "num_nodes is 2, but MASTER_ADDR does not name the first machine"),
    ({"MASTER_PORT": "http"}, "MASTER_PORT is 'http' in the environment, but must be a whole"),
    (
        {"NODE_RANK": "2"},
        "NODE_RANK is '2' in the environment, but must be a whole number from 0 to 1",
    ),
    ({"NODE_RANK": None}, "NODE_RANK is '' in the environment"),
    ({"NODE_RANK": None, "GROUP_RANK": "7"}, "NODE_RANK is '7' in the environment"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG)
def test_an_environment_that_does_not_fit_is_explained(monkeypatch, changes, words):
    fitting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", "NODE_RANK": "0"}
    for name, value in {**fitting, **changes}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=words):
        launch(settings(num_nodes=2), ["-c", "raise SystemExit"])


@pytest.mark.parametrize("devices", [1, 4])
def test_another_number_of_processes_by_the_launcher_is_explained(monkeypatch, devices):
    for name, value in (("WORLD_SIZE", 2), ("LOCAL_WORLD_SIZE", 2), ("TORCHELASTIC_RUN_ID", "x")):
        monkeypatch.setenv(name, str(value))
    assert not launch(settings(), [])
    with pytest.raises(UserError, match="but the launcher started 2 processes, 2 of them here"):
        launch(settings(devices=devices), [])


def test_one_process_needs_no_launcher():
    assert not launch(settings(devices="auto"), ["-c", "raise SystemExit(1)"])
