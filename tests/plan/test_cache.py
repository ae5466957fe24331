"""Caches of measurements that cannot be written: what was asked for is done all the same."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import Mock

import onnx
import pytest
from commands import Command
from layers import GraphBuilder, random_array

from colonnade.errors import ColonnadeWarning
from colonnade.graph.ir import Conv, Graph
from colonnade.plan.choose import tuner
from colonnade.plan.choose.cache import PlanCache
from colonnade.plan.compiler import compile_graph
from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways import Columns
from colonnade.zoo import build


def small_chain() -> Graph:
    """Tiny convolutions that are three different problems."""
    b = GraphBuilder()
    x = b.input(1, 4, 6, 6)
    for index in range(3):
        x = b.conv(Conv(), x, random_array((4 + index, b.shape(x)[1], 1, 1), index))
    return b.graph(x)


def counted(profile: Callable[..., object], names: list[str]) -> Callable[..., object]:
    """`profile`, and the names of what it was asked for."""

    def call(variants: Sequence[ConvProblem], *rest: object) -> object:
        names.append(variants[0].name)
        return profile(variants, *rest)

    return call


@pytest.mark.parametrize("reason", ["a file", "full", "closed"])
def test_a_cache_that_cannot_be_written(reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tuning goes on, says so once, and measures no problem twice."""
    folder = tmp_path / "cache"
    expected = "Not a directory|File exists"
    if reason == "a file":
        folder.touch()
    elif reason == "full":
        folder.mkdir()
        full, expected = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"
        monkeypatch.setattr(Path, "replace", Mock(side_effect=full))
    else:
        folder.mkdir()
        monkeypatch.setattr(os, "access", lambda *_: False)  # as to anyone but root
        expected = "cannot be written; choose another"
    measured: list[str] = []
    monkeypatch.setattr(tuner, "profile", counted(tuner.profile, measured))
    with pytest.warns(ColonnadeWarning, match=expected) as caught:
        compiled = compile_graph(small_chain(), target="generic", cache_dir=folder)
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert len(measured) == len(set(measured)) == 3
    assert all(layer.ms is not None for layer in compiled.layers)
    assert reason == "a file" or list(folder.iterdir()) == []


def test_what_cannot_be_written_is_not_forgotten(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = PlanCache(tmp_path / "file", "this machine")
    with pytest.warns(ColonnadeWarning, match="what is measured cannot be kept there"):
        cache.store("a", {Columns(4, 2): 1.0}, "a problem")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.store("b", {Columns(8, 1): 2.0}, "a problem")
    assert cache.load("a") == {Columns(4, 2): 1.0}
    assert cache.load("b") == {Columns(8, 1): 2.0}


def test_the_command_says_so_in_one_line(colonnade: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "small.onnx"
    onnx.save(build("resnet18", input_size=32, classes=10), model)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    done = colonnade("compile", model, "-o", tmp_path / "out.colonnade", "--target", "generic")
    assert done.code == 0
    (line,) = done.err.splitlines()
    assert line.startswith(f"warning: {tmp_path / 'file'}")
    assert (tmp_path / "out.colonnade").exists()
