"""The command line called in process, and small files for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest

from colonnade.cli import main
from colonnade.zoo import build


@dataclass(frozen=True)
class Outcome:
    """What a call of the command gave."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def colonnade(capfd: pytest.CaptureFixture[str]) -> Command:
    """Call the command with these arguments."""

    def call(*arguments: object) -> Outcome:
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ResNet-18 at 32 x 32 with 10 classes, batch left open."""
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    onnx.save(build("resnet18", input_size=32, classes=10), path)
    return path
