"""CUDA graphs need a GPU. A stand-in for CUDA records PyTorch's operations and repeats them."""

import copy
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cifarlens.classifier.networks import NETWORKS
from cifarlens.classifier.preprocess import normalize
from cifarlens.training import module as module_file
from cifarlens.training.cuda_graph import record


class Graph(TorchDispatchMode):
    """Records operations as a CUDA graph does: a replay uses the same memory as the recording."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        self.calls.append((operation, args, kwargs or {}, result))
        return result

    @torch.no_grad()
    def replay(self):
        for operation, args, kwargs, recorded in self.calls:
            results = tree_leaves(operation(*args, **kwargs))
            for old, new in zip(tree_leaves(recorded), results, strict=True):
                if new is not None and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


@pytest.fixture(autouse=True)
def cuda(monkeypatch):
    """Replaces what PyTorch's function for the recording takes from CUDA."""
    for name, replacement in {
        "CUDAGraph": Graph,
        "graph": lambda graph, **_: graph,
        "Stream": lambda: None,
        "stream": lambda _: nullcontext(),
        "synchronize": lambda: None,
    }.items():
        monkeypatch.setattr(torch.cuda, name, replacement)
    monkeypatch.setattr(torch.cuda.graphs, "graph_pool_handle", lambda: None)


def take_steps(network, compute, batches):
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for images in batches:
        optimizer.zero_grad()
        torch.autograd.backward(F.cross_entropy(compute(images), torch.arange(16) % 10))
        optimizer.step()


@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("name", NETWORKS)
def test_steps_give_the_same_bits(name, dropout):
    network = NETWORKS[name](10, width=4, dropout=dropout).to(memory_format=torch.channels_last)
    eager, before = copy.deepcopy(network), copy.deepcopy(network.state_dict())
    batches = torch.randn(3, 16, 3, 32, 32)
    replay = record(network, torch.zeros(16, 3, 32, 32), half=False)
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)
    assert network(batches[0, :5]).shape == (5, 10)  # any number of images, as before
    network.load_state_dict(before)
    for trained, compute in ((network, replay), (eager, eager)):
        torch.manual_seed(1)
        take_steps(trained, compute, batches)
    torch.testing.assert_close(network.state_dict(), eager.state_dict(), rtol=0, atol=0)


def test_a_weight_without_a_gradient_keeps_none():
    network = NETWORKS["custom_resnet"](10, width=4)
    network.unused = torch.nn.Parameter(torch.ones(3))
    replay = record(network, torch.zeros(16, 3, 32, 32), half=False)
    take_steps(network, replay, torch.randn(1, 16, 3, 32, 32))
    assert network.unused.grad is None


class Recording(pl.Callback):
    """Records the network where a training on a GPU does so."""

    def on_fit_start(self, trainer, pl_module):
        images = torch.zeros(64, 3, 32, 32).to(memory_format=torch.channels_last)
        pl_module.replay = record(pl_module.network, images, half=False)


def test_a_whole_training_gives_the_same_bits(setup, train, monkeypatch):
    """With a smaller last step, held-out images, an average of the weights and workers."""
    eager, graphed = setup(workers=2), setup(workers=2)
    history = train(eager, "eager", ema_decay=0.5)
    calls, forward = [], module_file.Classifier.forward
    monkeypatch.setattr(
        module_file.Classifier,
        "forward",
        lambda self, images: calls.append(self.replay is not None) or forward(self, images),
    )
    assert train(graphed, "graphed", extra_callbacks=[Recording()], ema_decay=0.5) == history
    assert all(calls)
    expected = eager.network.state_dict()
    torch.testing.assert_close(graphed.network.state_dict(), expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("strategy", "static", "precision", "records"),
    [
        (SingleDeviceStrategy(device=torch.device("cuda")), True, "bf16-mixed", True),
        (SingleDeviceStrategy(device=torch.device("cuda")), True, "32-true", True),
        (SingleDeviceStrategy(device=torch.device("cuda")), False, "bf16-mixed", False),
        (SingleDeviceStrategy(device=torch.device("cpu")), True, "bf16-mixed", False),
        (SimpleNamespace(root_device=torch.device("cuda")), True, "bf16-mixed", False),
    ],
)
def test_one_gpu_records_a_static_network(setup, monkeypatch, strategy, static, precision, records):
    calls = []
    monkeypatch.setattr(module_file, "record", lambda *args, half: calls.append((*args, half)))
    run = setup()
    run.network.static = static
    module = run.module(0.001, lambda optimizer: None)
    module._trainer = SimpleNamespace(strategy=strategy, precision=precision)
    module.on_fit_start()
    assert len(calls) == records
    black = torch.zeros(64, 32, 32, 3, dtype=torch.uint8)
    for network, images, half in calls:
        assert network is run.network
        torch.testing.assert_close(images, normalize(black, run.config.mean, run.config.std))
        assert half == (precision == "bf16-mixed")


def test_a_recording_uses_no_cache_of_weights(monkeypatch):
    calls, autocast = [], torch.autocast
    monkeypatch.setattr(torch, "autocast", lambda *a, **k: calls.append(k) or autocast(*a, **k))
    record(NETWORKS["custom_resnet"](10, width=2), torch.zeros(4, 3, 32, 32), half=False)
    assert calls == [{"enabled": False, "cache_enabled": False}]


def test_only_full_training_batches_are_replayed(setup):
    module = setup().module(0.001, lambda optimizer: None)
    full, last = torch.zeros(64, 3, 32, 32), torch.zeros(52, 3, 32, 32)
    assert module(full).shape == (64, 10)
    module.replay = torch.neg
    assert module(full).shape == full.shape
    assert module(last).shape == (52, 10)
    assert module.eval()(full).shape == (64, 10)
