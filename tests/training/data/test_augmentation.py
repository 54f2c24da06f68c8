import numpy as np
import pytest

from cifarlens.training.data.augmentation import Augmentation, pad

COUNT = 2000
PADDING, CUT = 4, 8
FILL = (7, 7, 7)


@pytest.fixture(scope="module")
def choices():
    """Returns left and top of the crop, flip, top and left of CutOut for COUNT augmentations."""
    # One channel holds 10 + column and another 10 + row, so pixels tell where a crop is from.
    image = np.zeros((40, 40, 3), np.uint8)
    image[..., 0] = 10 + np.arange(40)[None, :]
    image[..., 1] = 10 + np.arange(40)[:, None]
    augment = Augmentation(32, flip=True, cutout=CUT, fill=FILL, seed=1)
    records = []
    for index in range(COUNT):
        out = augment(image, 3, index)
        cut = (out == FILL).all(-1)
        rows, columns = cut.nonzero()
        assert cut.sum() == CUT * CUT
        assert np.ptp(rows) == np.ptp(columns) == CUT - 1
        row = next(r for r in range(32) if not cut[r].any())
        column = next(c for c in range(32) if not cut[:, c].any())
        flipped = out[row, 0, 0] > out[row, 31, 0]
        left = min(out[row, 0, 0], out[row, 31, 0]) - 10
        top = out[0, column, 1] - 10
        records.append((left, top, flipped, rows.min(), columns.min()))
    return np.array(records, float)


@pytest.mark.parametrize(
    ("column", "values"), [(0, 9), (1, 9), (3, 25), (4, 25)], ids=["left", "top", "row", "column"]
)
def test_every_position_is_equally_likely(choices, column, values):
    counts = np.bincount(choices[:, column].astype(int), minlength=values)
    expected = COUNT / values
    assert len(counts) == values
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert chi2 < values - 1 + 5 * np.sqrt(2 * (values - 1))  # five standard deviations


def test_half_of_the_images_are_flipped_and_all_choices_are_uncorrelated(choices):
    assert abs(choices[:, 2].mean() - 0.5) < 5 * 0.5 / np.sqrt(COUNT)
    correlations = np.corrcoef(choices.T)
    off_diagonal = correlations[~np.eye(5, dtype=bool)]
    assert np.abs(off_diagonal).max() < 5 / np.sqrt(COUNT)


def test_a_pure_function_of_seed_epoch_and_index():
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    original = image.copy()

    def augmented(seed, epoch, index, before=()):
        augment = Augmentation(32, flip=True, cutout=8, fill=FILL, seed=seed)
        for place in before:
            augment(image, *place)
        return augment(image, epoch, index).tobytes()

    first = augmented(0, 2, 5)
    assert augmented(0, 2, 5, before=[(0, 0), (9, 9)]) == first
    others = {augmented(1, 2, 5), augmented(0, 3, 5), augmented(0, 2, 6), augmented(0, 5, 2)}
    assert first not in others
    assert len(others) == 4
    np.testing.assert_array_equal(image, original)


def test_no_transform_draws_from_the_generator_that_is_never_seeded():
    augment = Augmentation(32, flip=True, cutout=8, fill=FILL, seed=0)
    before = augment._unused.bit_generator.state
    augment(np.zeros((40, 40, 3), np.uint8), 0, 0)
    assert augment._unused.bit_generator.state == before


def test_without_steps_the_image_stays_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    augment = Augmentation(32, flip=False, cutout=0, fill=FILL, seed=0)
    np.testing.assert_array_equal(augment(image, 0, 0), image)


def test_padding_reflects():
    images = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1).repeat(3, 3)
    padded = pad(images, 2)
    assert padded.shape == (1, 8, 8, 3)
    assert padded[0, 2, :, 0].tolist() == [2, 1, 0, 1, 2, 3, 2, 1]
