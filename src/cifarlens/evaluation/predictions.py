"""Predicts many images, with a progress bar."""

import numpy as np
from tqdm import tqdm

from ..classifier.bundle import Bundle
from ..classifier.predict import predict_batches


def predict_all(bundle: Bundle, images: np.ndarray, device: str, title: str) -> np.ndarray:
    """Returns the logits, float32 N×classes, of images, uint8 N×H×W×3, and shows a progress bar."""
    batches = []
    with tqdm(total=len(images), desc=title, unit="image", disable=None) as bar:
        for batch in predict_batches(bundle, images, device=device):
            batches.append(batch)
            bar.update(len(batch))
    return np.concatenate(batches)
