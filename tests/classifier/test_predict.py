import numpy as np
import torch

from cifarlens.classifier.predict import predict_batches, predict_logits, softmax


def test_batches_do_not_change_the_logits(bundle):
    images = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), np.uint8)
    images.flags.writeable = False  # like a dataset mapped from disk
    batches = list(predict_batches(bundle, images, batch_size=3))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    expected = predict_logits(bundle, images)
    np.testing.assert_allclose(np.concatenate(batches), expected, atol=1e-5)
    assert predict_logits(bundle, images[:0]).shape == (0, 10)


def test_softmax_agrees_with_torch_and_does_not_overflow():
    logits = np.array([[1000.0, 0.0, -1000.0], [0.1, 0.2, 0.3]], np.float32)
    expected = torch.from_numpy(logits).double().softmax(1).numpy()
    np.testing.assert_allclose(softmax(logits), expected, atol=1e-12)
