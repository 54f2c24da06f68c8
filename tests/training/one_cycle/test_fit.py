import os
import signal

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from cifarlens.classifier.bundle import save_bundle
from cifarlens.runtime.errors import UserError
from cifarlens.training.data.datamodule import ImageDataModule, TrainImages
from cifarlens.training.module import Classifier
from cifarlens.training.one_cycle.checkpoint import WholeCheckpointIO, load_checkpoint
from cifarlens.training.one_cycle.fit import fit, summarize
from cifarlens.training.one_cycle.history import History
from cifarlens.training.one_cycle.schedule import Recipe

RECIPE = Recipe(epochs=4, peak_epoch=1, lr_max=0.01, lr_min=0.0001)


def weights(setup):
    return {name: t.clone() for name, t in setup.network.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def run(setup, tmp_path, name, recipe=RECIPE):
    (tmp_path / name).mkdir(exist_ok=True)
    history = fit(setup, recipe, checkpoints=tmp_path / name, logs=tmp_path / "logs" / name)
    return history, weights(setup)


def test_it_learns_and_keeps_a_history(setup, folders):
    made = setup()
    history = fit(made, RECIPE, checkpoints=folders.checkpoints, logs=folders.logs)
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4]
    assert history[0].lr == 0.01
    assert history[-1].lr == 0.0001
    assert history[-1].train_loss < 0.7 * history[0].train_loss
    assert history[-1].train_accuracy > 0.6
    assert 0 <= history[-1].val_accuracy <= 1
    assert summarize(RECIPE, made.network, history)["parameters"] == 26_350
    events = EventAccumulator(str(folders.logs)).Reload()
    assert {"lr", "train/loss", "train/accuracy", "val/loss", "val/accuracy"} <= set(
        events.Tags()["scalars"]
    )
    assert events.Tags()["images"] == ["augmented"]
    assert {node.name for node in events.Graph().node} >= {"image", "layer1/Add", "logits"}


def test_on_a_gpu_not_every_epoch_is_written_but_the_last(setup, folders, monkeypatch):
    written = []
    save = WholeCheckpointIO.save_checkpoint

    def watch(self, checkpoint, path, storage_options=None):
        written.append(checkpoint["epoch"])
        save(self, checkpoint, path, storage_options)

    monkeypatch.setattr(WholeCheckpointIO, "save_checkpoint", watch)
    for pause, expected in ((0, [0, 1, 2, 3]), (3600, [3])):
        monkeypatch.setattr(
            "cifarlens.training.one_cycle.fit.checkpoint_pause", lambda _, p=pause: p
        )
        fit(setup(), RECIPE, checkpoints=folders.checkpoints, logs=folders.logs)
        assert written == expected
        assert load_checkpoint(folders.checkpoints)["epoch"] == 3
        written.clear()
        (folders.checkpoints / "last.ckpt").unlink()


def test_without_held_out_images_there_is_no_validation(setup, tmp_path):
    history, _ = run(setup(val_size=0), tmp_path, "a", RECIPE._replace(epochs=1))
    assert history[0].val_loss is None
    assert history[0].val_accuracy is None


def bundle(setup, tmp_path, name, **options):
    """The bytes of the bundle and the history that a run of `setup(**options)` gives."""
    made = setup(dropout=0.1, **options)
    history, _ = run(made, tmp_path, name)
    save_bundle(tmp_path / name / "models", made.network, made.config)
    files = sorted((tmp_path / name / "models").iterdir())
    return history, [(path.name, path.read_bytes()) for path in files]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Of the run without workers and with a progress bar, made once by the first who asks."""
    return {}


@pytest.mark.parametrize("bar", [True, False], ids=["bar", "no bar"])
@pytest.mark.parametrize(
    ("workers", "persistent"), [(0, False), (2, True), (2, False), (4, True), (4, False)]
)
def test_the_same_bytes_however_it_is_fed_and_shown(
    setup, tmp_path, monkeypatch, capsys, plain, workers, persistent, bar
):
    def options(self, workers):
        return {**options_before(self, workers), "persistent_workers": persistent and workers > 0}

    options_before = ImageDataModule._options
    monkeypatch.setattr(ImageDataModule, "_options", options)
    if not bar:
        monkeypatch.setenv("TQDM_DISABLE", "1")
    found = bundle(setup, tmp_path, "a", workers=workers, precision="auto")
    assert ("Epoch 3" in capsys.readouterr().out) == bar
    assert [name for name, _ in found[1]] == ["config.json", "model.safetensors"]
    assert plain.setdefault("run", found) == found


def test_another_seed_gives_another_network_order_augmentation_and_dropout(setup, tmp_path):
    first, other = setup(), setup(seed=1)
    assert not same(weights(first), weights(other))
    assert list(first.images.sampler) != list(other.images.sampler)
    image = first.images.train_images.images[0]
    augmented = [made.images.train_images.augmentation(image, 0, 0) for made in (first, other)]
    assert (augmented[0] != augmented[1]).any()
    held_out = [made.images.held_out.images for made in (first, other)]
    assert (held_out[0] == held_out[1]).all()  # the split is not the seed's
    assert bundle(setup, tmp_path, "a") != bundle(setup, tmp_path, "b", seed=1)


def test_a_killed_worker_is_explained(setup, tmp_path, monkeypatch):
    def die(self, keys):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(TrainImages, "__getitems__", die)
    with pytest.raises(UserError, match="One of the processes that augment images was killed"):
        run(setup(workers=2), tmp_path, "a")


def test_too_large_a_batch_is_explained(setup, tmp_path, monkeypatch):
    """The system itself says no: 2^50 bytes are more than any machine has."""

    def forward(self, images):
        return torch.empty(2**50, dtype=torch.uint8)

    monkeypatch.setattr(Classifier, "forward", forward)
    with pytest.raises(UserError, match="There is not enough memory for batch_size 64: lower it"):
        run(setup(), tmp_path, "a")


class Killed(Exception):
    pass


def logs(tmp_path, name):
    """TensorBoard's files of a run, one each time it was started."""
    return sorted(map(str, (tmp_path / "logs" / name).glob("events.*")))


def read(path):
    return LegacyEventFileLoader(path).Load()


@pytest.mark.parametrize("epoch", [1, 3])
@pytest.mark.parametrize("kept", [{}, {"ema_decay": 0.9}, {"ema_decay": 0.9, "keep": "best"}])
def test_a_killed_run_resumes_to_the_same_bytes(setup, tmp_path, monkeypatch, capsys, epoch, kept):
    recipe, options = RECIPE._replace(**kept), {"dropout": 0.1, "precision": "auto"}
    history, undisturbed = run(setup(**options), tmp_path, "whole", recipe)

    def die(self, trainer, *_):
        if trainer.current_epoch == epoch:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(History, "on_train_batch_end", die, raising=False)
        with pytest.raises(Killed):
            run(setup(**options), tmp_path, "killed", recipe)
    resumed, after = run(setup(**options), tmp_path, "killed", recipe)
    assert f"Resuming after epoch {epoch} of 4." in capsys.readouterr().out
    assert resumed == history
    assert same(undisturbed, after)
    written = [event for path in logs(tmp_path, "killed") for event in read(path)]
    assert sum(event.HasField("graph_def") for event in written) == 1
