from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from cifarlens.classifier.occlusion import occlusion_maps
from cifarlens.classifier.preprocess import normalize


def test_maps_agree_with_a_plain_loop_in_four_threads(bundle, few_digits):
    images, targets = few_digits.test_images[:4], [(1, 2, 3), (), (9,), (0, 9)]
    x = normalize(torch.from_numpy(images.copy()), bundle.config.mean, bundle.config.std)

    def drop(index: int, label: int, y: int, left: int) -> float:
        """Returns the drop for an 8×8 patch that is centred at a pixel's corner."""
        pair = x[[index, index]]
        pair[1, :, max(y - 4, 0) : y + 4, max(left - 4, 0) : left + 4] = 0
        with torch.no_grad():
            plain, covered = bundle.network(pair).softmax(1)[:, label]
        return float(plain - covered)

    with ThreadPoolExecutor(4) as pool:
        rows = list(zip(images, targets, strict=True))
        maps = list(pool.map(lambda row: occlusion_maps(bundle, row[0][None], [row[1]])[0], rows))
    assert [m.shape for m in maps] == [(len(labels), 8, 8) for labels in targets]
    for index, labels in enumerate(targets):
        for label, actual in zip(labels, maps[index], strict=True):
            steps = range(0, 33, 4)
            drops = np.array([[drop(index, label, y, left) for left in steps] for y in steps])
            four = (drops[:-1, :-1], drops[1:, :-1], drops[:-1, 1:], drops[1:, 1:])
            np.testing.assert_allclose(actual, np.mean(four, 0), atol=1e-5)
    together = occlusion_maps(bundle, images, targets)
    for one, of_several in zip(maps, together, strict=True):
        np.testing.assert_array_equal(one, of_several)
