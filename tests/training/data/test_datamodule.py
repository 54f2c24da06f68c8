import resource
import tempfile
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch

from cifarlens.params import Augment
from cifarlens.runtime.errors import UserError
from cifarlens.training.data.augmentation import pad
from cifarlens.training.data.datamodule import (
    ImageDataModule,
    TrainBatches,
    as_memmap,
    held_out_batches,
    image_order,
)

AUGMENT = Augment(padding=4, flip=True, cutout=8)
MEAN = (0.3, 0.3, 0.3)


def module(dataset, **options):
    options = {"batch_size": 64, "val_size": 20, "workers": 0, "seed": 0, **options}
    return ImageDataModule(dataset, MEAN, AUGMENT, **options)


def test_batches_do_not_draw_from_the_global_generator(few_digits):
    before = torch.get_rng_state()
    images = module(few_digits)
    batches = list(images.train_dataloader())
    assert torch.equal(torch.get_rng_state(), before)
    assert [len(y) for _, y in batches] == [64, 64, 52]
    assert images.steps_per_epoch == 3
    x, y = batches[0]
    assert (x.dtype, x.shape, y.dtype) == (torch.uint8, (64, 32, 32, 3), torch.int64)
    ((x, _),) = images.val_dataloader()
    assert x.shape == (20, 32, 32, 3)


def test_train_images_are_padded_in_a_read_only_memmap(few_digits, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    images = module(few_digits, val_size=0).train_images.images
    assert isinstance(images.base, np.memmap)
    np.testing.assert_array_equal(images, pad(few_digits.train_images, AUGMENT.padding))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_a_memmap_that_does_not_fit_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            as_memmap(np.zeros(2000, np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert raised.value.filename == str(tmp_path)


def test_every_image_once_an_epoch_in_a_new_order():
    first, second = (image_order(100, 3, epoch).tolist() for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second
    assert image_order(100, 4, 0).tolist() != first


@pytest.mark.parametrize("workers", [0, 2])
def test_a_worker_finds_the_images_of_a_step_from_epoch_and_step(few_digits, workers):
    images = module(few_digits, workers=workers)
    loader = images.train_dataloader()
    for epoch in (3, 4):
        images.sampler.set_epoch(epoch)
        assert list(loader.sampler) == [(epoch, 0), (epoch, 1), (epoch, 2)]  # all that is sent
        labels = torch.cat([y for _, y in loader]).numpy()
        expected = images.train_images.labels[image_order(180, 0, epoch)]
        np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"val_size": 5}, "data.val_size is 5; it must be 0 or from 10 to 190"),
        ({"val_size": 195}, "data.val_size is 195; it must be 0 or from 10 to 190"),
        ({"batch_size": 181}, "batch_size is 181; it must be at most 180, .* \\(16 gives 12 steps"),
        ({"batch_size": 59, "processes": 4}, "leaves 3 of 180 .*; it must leave 0 or at least 4"),
        ({"processes": 21}, "val_size is 20; it must be 0 or at least 21"),
    ],
)
def test_sizes_that_do_not_fit_the_number_of_images_are_refused(few_digits, options, message):
    with pytest.raises(UserError, match=message):
        module(few_digits, **options)


@pytest.mark.parametrize(
    ("images", "advice"), [(5, "5 gives 1 "), (20, "8 gives 3 "), (480, "32 gives 15 ")]
)
def test_the_batch_size_that_the_message_names_fits(few_digits, images, advice):
    few = replace(few_digits, train_labels=np.arange(images) % 2)
    with pytest.raises(UserError, match=f"at most {images}, .* \\({advice}steps? an epoch\\)"):
        module(few, batch_size=512, val_size=0)


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_processes_share_every_step_as_evenly_as_possible(processes):
    images = range(100)  # only their number matters
    shares = [TrainBatches(images, 40, 3, rank, processes) for rank in range(processes)]
    assert {len(share) for share in shares} == {3}
    order = image_order(100, 3, 5).tolist()
    for step in range(3):
        indices = [share.indices(5, step) for share in shares]
        assert sorted(chain(*indices)) == sorted(order[40 * step : 40 * (step + 1)])
        sizes = [len(own) for own in indices]
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("count", [0, 10, 499, 500, 501, 1000, 1003, 25_000])
@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_processes_validate_each_image_once_in_equally_many_batches(count, processes):
    batches = [held_out_batches(count, rank, processes) for rank in range(processes)]
    order = [index for own in batches for batch in own for index in batch]
    assert (order if processes == 1 else sorted(order)) == list(range(count))
    assert len({len(own) for own in batches}) == 1
    assert all(1 <= len(batch) <= 500 for own in batches for batch in own)
