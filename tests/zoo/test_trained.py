"""The trained networks that come with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import onnx
import pytest
from commands import Command, assert_mistake

from colonnade.data.known import DIGITS, FASHION
from colonnade.errors import ColonnadeError
from colonnade.zoo import TRAINED, trained

MAX_BYTES = 4_000_000
SIDES = {FASHION: 28, DIGITS: 8}


@pytest.mark.parametrize("name", TRAINED)
def test_files_are_small_and_valid(name: str) -> None:
    assert (files("colonnade.zoo") / f"{name}.onnx").stat().st_size < MAX_BYTES
    proto = trained(name)
    onnx.checker.check_model(proto)
    dimensions = proto.graph.input[0].type.tensor_type.shape.dim
    side = SIDES[TRAINED[name]]
    assert [dimension.dim_value for dimension in dimensions][1:] == [1, side, side]
    assert dimensions[0].dim_param


def test_the_command_writes_one(tmp_path: Path, colonnade: Command) -> None:
    path = tmp_path / "model.onnx"
    assert colonnade("zoo", "fashion_resnet", "-o", path).code == 0
    assert onnx.load(path) == trained("fashion_resnet")
    assert_mistake(colonnade("zoo", "fashion_resnet", "-o", path, "--classes", 3), "leave out --input-size")


def test_an_unknown_name() -> None:
    with pytest.raises(ColonnadeError, match="'fashion_vgg': choose one of fashion_resnet"):
        trained("fashion_vgg")
