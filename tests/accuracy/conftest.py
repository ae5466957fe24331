"""scikit-learn's handwritten digits, and small networks that read them, trained in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from digit_networks import digit_network
from sklearn.datasets import load_digits

TRAINED_ON = 1200  # of the 1797 digits; the others are the test images


@dataclass(frozen=True)
class Digits:
    """Test images f32 [n, 1, 8, 8] in 0..1 and labels [n], in digits.npz; networks that were trained on the others."""

    x: np.ndarray
    y: np.ndarray
    data: Path
    good: Path
    weak: Path  # sees the upper half of the image only


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    """Digits and networks; test images come in seeded order."""
    folder = tmp_path_factory.mktemp("digits")
    loaded = load_digits()
    x, y = (loaded.images[:, np.newaxis] / 16).astype(np.float32), loaded.target
    order = np.random.default_rng(1).permutation(len(x))
    x, y = x[order], y[order]
    train, test = slice(TRAINED_ON), slice(TRAINED_ON, None)
    np.savez(folder / "digits.npz", x=x[test], y=y[test])
    return Digits(
        x[test],
        y[test],
        folder / "digits.npz",
        digit_network(x[train], y[train], 8, folder / "good.onnx"),
        digit_network(x[train], y[train], 4, folder / "weak.onnx"),
    )
