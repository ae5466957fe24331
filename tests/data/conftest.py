"""Small image files, written by Pillow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WriteImage = Callable[..., np.ndarray]


@pytest.fixture
def write_image(tmp_path: Path) -> WriteImage:
    """Write an image of seeded pixels below tmp_path; its pixels, [H, W, 3] or [H, W]."""

    def write(name: str, height: int = 8, width: int = 8, *, seed: int = 0, grey: bool = False) -> np.ndarray:
        shape = (height, width) if grey else (height, width, 3)
        pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / name)
        return pixels

    return write
