import io
import multiprocessing
import os
import resource
import signal
import sys
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from cifarlens.classifier.bundle import save_bundle
from cifarlens.runtime.errors import UserError
from cifarlens.training.data.datamodule import TrainImages
from cifarlens.training.module import Classifier
from cifarlens.training.one_cycle.checkpoint import AtomicCheckpointIO, load_checkpoint
from cifarlens.training.one_cycle.fit import summarize
from cifarlens.training.one_cycle.history import History
from cifarlens.training.one_cycle.schedule import Recipe


def test_the_last_step_of_an_epoch_may_have_one_image(setup, train):
    run = setup(batch_size=179)  # of 180
    assert run.images.steps_per_epoch == 2
    assert len(train(run)) == 4


def test_it_learns_and_keeps_a_history(setup, train, tmp_path):
    run = setup()
    history = train(run)
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4]
    assert history[0].lr == 0.01
    assert history[-1].lr == 0.0001
    assert history[-1].train_loss < 0.7 * history[0].train_loss
    assert history[-1].train_accuracy > 0.6
    metrics = summarize(Recipe(4, 1, 0.01, 0.0001), history)
    assert list(metrics)[:2] == ["val_accuracy", "val_loss"]
    events = EventAccumulator(str(tmp_path / "logs/run")).Reload()
    curve = [event.value for event in events.Scalars("val/accuracy")]
    assert curve == pytest.approx([epoch.val_accuracy for epoch in history])
    assert events.Scalars("final/train_loss")[0].value == pytest.approx(metrics["train_loss"])
    assert "_hparams_/session_start_info" in events.summary_metadata
    assert events.Tags()["images"] == ["augmented"]
    assert {node.name for node in events.Graph().node} >= {"image", "layer1/Add", "logits"}


def test_without_held_out_images_there_is_no_validation(setup, train):
    (epoch,) = train(setup(val_size=0), epochs=1)
    assert epoch.val_loss is None
    assert epoch.val_accuracy is None


@pytest.mark.parametrize(("pause", "expected"), [(0, [0, 1]), (3600, [1])], ids=["CPU", "GPU"])
def test_a_gpu_skips_early_checkpoints(setup, train, tmp_path, monkeypatch, pause, expected):
    epochs = []
    save = AtomicCheckpointIO.save_checkpoint

    def watch(self, checkpoint, path, storage_options=None):
        epochs.append(checkpoint["epoch"])
        save(self, checkpoint, path, storage_options)

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", watch)
    monkeypatch.setattr("cifarlens.training.one_cycle.fit.checkpoint_pause", lambda _: pause)
    train(setup(), epochs=2)
    assert epochs == expected
    assert load_checkpoint(tmp_path / "run")["epoch"] == 1


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("width", [4, 32])  # 32: weight gradients as matrix products, with AMX
def test_neither_workers_nor_the_progress_bar_change_a_byte(
    setup, train, tmp_path, monkeypatch, capsys, width
):
    def refuse(*_):
        raise OSError("no shared memory")

    monkeypatch.setattr(torch.UntypedStorage, "_share_fd_cpu_", refuse)

    def bundle(workers):
        run = setup(width=width, dropout=0.1, precision="auto", workers=workers)
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stderr", terminal := Terminal())
            history = train(run, f"{workers}", epochs=2)
        save_bundle(tmp_path / "models", run.network, run.config)
        assert ("epoch 2 of 2: 100%" in terminal.getvalue()) == (workers == 0)
        lines = capsys.readouterr().out.splitlines()
        assert [line.partition(":")[0] for line in lines] == ["Epoch 1 of 2", "Epoch 2 of 2"]
        return history, [path.read_bytes() for path in sorted((tmp_path / "models").iterdir())]

    expected = bundle(0)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert bundle(2) == expected


def test_another_seed_gives_other_weights_order_and_augmentation(setup):
    first, other = setup(), setup(seed=1)
    parameters = [next(run.network.parameters()) for run in (first, other)]
    assert (parameters[0] != parameters[1]).any()
    labels = [next(iter(run.images.train_dataloader()))[1] for run in (first, other)]
    assert (labels[0] != labels[1]).any()
    image = first.images.train_images.images[0]
    augmented = [run.images.train_images.augmentation(image, 0, 0) for run in (first, other)]
    assert (augmented[0] != augmented[1]).any()
    held_out = [run.images.held_out.images for run in (first, other)]
    assert (held_out[0] == held_out[1]).all()


@pytest.mark.parametrize(
    ("signum", "message"),
    [
        (signal.SIGKILL, "An augmentation process was killed"),
        (signal.SIGSTOP, "The augmentation processes sent no batch for 1 s. Set trainer.workers"),
    ],
)
def test_workers_that_end_or_stop_are_explained(setup, train, monkeypatch, signum, message):
    monkeypatch.setattr(TrainImages, "load", lambda *_: os.kill(os.getpid(), signum))
    monkeypatch.setattr(_MultiProcessingDataLoaderIter._try_get_data, "__defaults__", (0.1,))  # 5 s
    run = setup(workers=2)
    loader = run.images.train_dataloader()
    loader.timeout = 1
    monkeypatch.setattr(run.images, "train_dataloader", lambda: loader)
    with pytest.raises(UserError, match=message):
        train(run)
    assert multiprocessing.active_children() == []


def test_workers_that_cannot_start_are_explained(setup, monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # which the loader replaces
    loader = setup(workers=2).images.train_dataloader()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, limits[1]))
    try:
        with pytest.raises(UserError, match=r"2 augmentation processes cannot start .*Too many"):
            next(iter(loader))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_too_large_a_batch_is_explained(setup, train, monkeypatch):
    """The system refuses 2^50 bytes, which are more than any machine has."""

    def forward(self, images):
        return torch.empty(2**50, dtype=torch.uint8)

    monkeypatch.setattr(Classifier, "forward", forward)
    with pytest.raises(UserError, match="There is not enough memory for batch_size 64"):
        train(setup())


@pytest.mark.parametrize(
    ("epoch", "recipe"),
    [
        (2, {"ema_decay": 0.9}),
        (3, {"ema_decay": 0.9, "keep": "best", "lr_max": 0.3, "peak_epoch": 4}),
    ],
    ids=["average", "best"],
)
def test_a_killed_run_resumes_to_the_same_bytes(
    setup, train, tmp_path, monkeypatch, capsys, epoch, recipe
):
    first, killed, resumed = (setup(dropout=0.1, precision="auto") for _ in range(3))
    history = train(first, "undisturbed", **recipe)

    def die(self, trainer, *_):
        if trainer.current_epoch == epoch:
            raise OSError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(History, "on_train_batch_end", die, raising=False)
        with pytest.raises(OSError, match="killed"):
            train(killed, "killed", **recipe)
    assert train(resumed, "killed", **recipe) == history
    assert f"Resuming after epoch {epoch} of 4." in capsys.readouterr().out
    expected, actual = first.network.state_dict(), resumed.network.state_dict()
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)
    curve = EventAccumulator(str(tmp_path / "logs/killed")).Reload().Scalars("train/loss")
    assert [event.value for event in curve] == pytest.approx([e.train_loss for e in history])
    logs = sorted(map(str, (tmp_path / "logs/killed").glob("events.*")))  # one per start
    events = [event for path in logs for event in LegacyEventFileLoader(path).Load()]
    assert sum(event.HasField("graph_def") for event in events) == 1
