"""A small model for the commands."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from colonnade.zoo import build


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ResNet-18 at 32 x 32 with 10 classes, batch left open."""
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    onnx.save(build("resnet18", input_size=32, classes=10), path)
    return path
