import numpy as np
import pytest
import torch

from cifarlens.data.datamodule import EpochSampler, ImageDataModule, split
from cifarlens.errors import UserError
from cifarlens.params import Augment

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
