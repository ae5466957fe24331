"""Choosing some of the images, the same ones for the same seed."""

from __future__ import annotations

import numpy as np


def sample_indices(total: int, count: int, seed: int, labels: np.ndarray | None = None) -> np.ndarray:
    """`count` of 0..total-1 in ascending order, without repetition; all of them if there are no more.

    With labels [total], each class has its share of the sample: count * its images / total, rounded down, and one more
    where the rest is largest (of equal rests the lower class first).
    """
    if count >= total:
        return np.arange(total)
    generator = np.random.default_rng(seed)
    if labels is None:
        return np.sort(generator.choice(total, count, replace=False))
    classes, populations = np.unique(labels, return_counts=True)
    shares, rests = np.divmod(count * populations, total)
    shares[np.argsort(-rests, kind="stable")[: count - shares.sum()]] += 1
    chosen = [
        generator.choice(np.flatnonzero(labels == label), share, replace=False)
        for label, share in zip(classes, shares, strict=True)
    ]
    return np.sort(np.concatenate(chosen))
