import resource
import tempfile

import numpy as np
import pytest
import torch

from cifarlens.params import Augment
from cifarlens.runtime.errors import UserError
from cifarlens.training.data.augmentation import pad
from cifarlens.training.data.datamodule import (
    EpochSampler,
    ImageDataModule,
    ShareSampler,
    as_memmap,
    held_out_batches,
    split,
)

AUGMENT = Augment(padding=4, flip=True, cutout=8)
MEAN = (0.3, 0.3, 0.3)


def module(dataset, **options):
    given = {"batch_size": 64, "val_size": 20, "workers": 0, "seed": 0, **options}
    return ImageDataModule(dataset, MEAN, AUGMENT, **given)


def batches(images, epoch):
    images.sampler.set_epoch(epoch)
    return [(x.clone(), y.clone()) for x, y in images.train_dataloader()]


def test_batches(few_digits):
    images = module(few_digits)
    found = batches(images, 0)
    assert [len(y) for _, y in found] == [64, 64, 52]
    assert images.steps_per_epoch == 3
    x, y = found[0]
    assert (x.dtype, x.shape, y.dtype) == (torch.uint8, (64, 32, 32, 3), torch.int64)
    (x, y), *rest = images.val_dataloader()
    assert x.shape == (20, 32, 32, 3)
    assert rest == []


def test_train_images_lie_padded_in_a_file(few_digits):
    images = module(few_digits, val_size=0).train_images.images
    assert isinstance(images.base, np.memmap)
    np.testing.assert_array_equal(images, pad(few_digits.train_images, AUGMENT.padding))


def test_a_copy_in_a_file_is_read_only_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    array = np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1)
    copy = as_memmap(array)
    np.testing.assert_array_equal(copy, array)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="read-only"):
        copy[0, 0, 0] = 1


def test_a_copy_that_does_not_fit_names_the_folder(tmp_path, monkeypatch):
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
    sampler = EpochSampler(100, seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert {epoch for epoch, _ in first} == {0}
    assert {epoch for epoch, _ in second} == {1}
    orders = [[index for _, index in order] for order in (first, second)]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert orders[0] != orders[1]
    assert list(EpochSampler(100, seed=4)) != first


def test_workers_do_not_change_the_batches(few_digits):
    alone, helped = (batches(module(few_digits, workers=n), 1) for n in (0, 2))
    for (x, y), (u, v) in zip(alone, helped, strict=True):
        assert torch.equal(x, u)
        assert torch.equal(y, v)


def test_the_global_generator_is_left_alone(few_digits):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    batches(module(few_digits), 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_held_out_images_are_stratified_and_apart(digits):
    train, held_out = split(digits.train_labels, 137)
    assert len(held_out) == 137
    assert sorted([*train, *held_out]) == list(range(1437))
    counts = np.bincount(digits.train_labels[held_out])
    assert counts.min() >= 13
    assert counts.max() <= 15


@pytest.mark.parametrize("val_size", [5, 195])
def test_impossible_held_out_share(few_digits, val_size):
    with pytest.raises(UserError, match=f"data.val_size is {val_size}, but must be 0 or from 10"):
        module(few_digits, val_size=val_size)


def test_batch_larger_than_the_data(few_digits):
    with pytest.raises(UserError, match="batch_size is 181, but must be at most 180"):
        module(few_digits, batch_size=181)


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_processes_share_every_step_as_evenly_as_can_be(processes):
    sampler = EpochSampler(100, seed=3)
    whole = list(ShareSampler(sampler, 40, 0, 1))
    assert [len(batch) for batch in whole] == [40, 40, 20]
    shares = [list(ShareSampler(sampler, 40, rank, processes)) for rank in range(processes)]
    for step, batch in enumerate(whole):
        setup = [share[step] for share in shares]
        assert sorted(key for part in setup for key in part) == sorted(batch)
        sizes = [len(part) for part in setup]
        assert max(sizes) - min(sizes) <= 1
    assert {len(ShareSampler(sampler, 40, rank, processes)) for rank in range(processes)} == {3}


@pytest.mark.parametrize("count", [0, 10, 499, 500, 501, 1000, 1003, 25_000])
@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_processes_validate_each_image_once_in_as_many_batches(count, processes):
    batches = [held_out_batches(count, rank, processes) for rank in range(processes)]
    assert sorted(i for own in batches for batch in own for i in batch) == list(range(count))
    assert len({len(own) for own in batches}) == 1
    assert all(1 <= len(batch) <= 500 for own in batches for batch in own)


def test_one_process_validates_in_order():
    assert held_out_batches(1100, 0, 1) == [
        list(range(500)),
        list(range(500, 1000)),
        list(range(1000, 1100)),
    ]


def test_too_few_images_for_every_process(few_digits):
    with pytest.raises(UserError, match="batch_size is 59, but must leave no fewer than 4 of 180"):
        module(few_digits, batch_size=59, processes=4)
    with pytest.raises(UserError, match="val_size is 20, but must be 0 or at least 21"):
        module(few_digits, processes=21)
    module(few_digits, batch_size=60, processes=4)
