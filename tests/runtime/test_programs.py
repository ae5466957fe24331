"""Model files of several shapes: any batch from those that there are, exact sizes, and networks that mix images."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from layers import assert_close
from model_bytes import open_sections
from shaped_models import ATTENTION, CLASSIFIER, DETECTOR, MIXING, expected, feeds_of, model_of

import colonnade
from colonnade.errors import ColonnadeError
from colonnade.plan.compiler import CompiledModel
from colonnade.runtime.batches import split
from colonnade.runtime.session import Session
from colonnade.zoo import build

SIZE = (6, 7)
MEMORY = Path(__file__).parents[2] / "benchmarks" / "memory.py"


def compiled(model: onnx.ModelProto, batch: int | Sequence[int] | None = None, threads: int = 1) -> CompiledModel:
    return colonnade.compile(
        colonnade.Model(model, "net"), batch=batch, input_size=SIZE, threads=threads, plan="default"
    )


@pytest.mark.parametrize("network", [CLASSIFIER, DETECTOR, ATTENTION], ids=["classifier", "detector", "attention"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [(1, 2, 4), (3, 2), (8,), 3, None], ids=str)
def test_any_batch(network: tuple[str, str], threads: int, batch: Sequence[int] | int | None) -> None:
    model = model_of(*network)
    session = Session(compiled(model, batch, threads), threads=threads)
    for images in range(1, 12):
        feeds = feeds_of(images, seed=images)
        for actual, wanted in zip(session.run(None, feeds), expected(model, feeds), strict=True):
            assert actual.shape == wanted.shape
            assert_close(actual, wanted)


def test_outputs_asked_for_by_name() -> None:
    model = model_of(*DETECTOR)
    feeds = feeds_of(5)
    (f,) = Session(compiled(model, (1, 2))).run(["f"], feeds)
    assert_close(f, expected(model, feeds)[1])


@pytest.mark.parametrize(
    ("images", "batches", "expected"),
    [
        (11, (1, 2, 4), [4, 4, 2, 1]),
        (3, (4, 2), [4]),
        (3, (2, 6), [2, 2]),
        (3, (4, 1), [1, 1, 1]),
        (3, (4,), [4]),
        (9, (4,), [4, 4, 4]),
        (3, (2, 5), [2, 2]),
        (6, (5, 3), [5, 3]),
        (1, (8, 3), [3]),
        (4, (5, 2), [2, 2]),
        (10**6 + 1, (64, 1), [64] * 15625 + [1]),
    ],
)
def test_split(images: int, batches: tuple[int, ...], expected: list[int]) -> None:
    assert split(images, batches) == expected


@pytest.mark.parametrize("batches", [(1, 2, 4), (3, 5), (7,), (2, 9, 4)])
def test_split_leaves_no_image_out_and_fills_up_the_last_batch_only(batches: tuple[int, ...]) -> None:
    for images in range(1, 60):
        found = split(images, batches)
        assert sum(found) >= images > sum(found[:-1])
        assert set(found) <= set(batches)


@pytest.mark.parametrize("name", MIXING)
@pytest.mark.parametrize("batch", [1, 3, (1, 2), (2, 4)], ids=str)
def test_networks_that_mix_images(name: str, batch: int | Sequence[int]) -> None:
    """The batches that were compiled are right, all others are refused."""
    model = model_of(*MIXING[name])
    session = Session(compiled(model, batch))
    known = [batch] if isinstance(batch, int) else batch
    more = {"scale": np.ones(7, np.float32)} if "second input" in name else {}
    for images in range(1, 6):
        feeds = feeds_of(images) | more
        if images in known:
            for actual, wanted in zip(session.run(None, feeds), expected(model, feeds), strict=True):
                assert_close(actual, wanted)
        else:
            with pytest.raises(ColonnadeError, match="not known to compute each image by itself"):
                session.run(None, feeds)


def test_batches_that_the_file_fixes() -> None:
    """A network that was exported for one image runs any number of them."""
    model = model_of(*CLASSIFIER)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    session = Session(compiled(model))
    feeds = feeds_of(3)
    assert_close(session.run(None, feeds)[0], expected(model_of(*CLASSIFIER), feeds)[0])


def test_sizes() -> None:
    model = model_of(*DETECTOR)
    sizes = [(6, 7), (9, 5)]
    made = colonnade.compile(colonnade.Model(model, "net"), batch=[2, 1], input_size=sizes, plan="default")
    session = Session(made)
    assert session.input_shapes == tuple({"x": (n, 3, *size)} for size in sizes for n in (2, 1))
    assert session.get_inputs()[0].shape == (2, 3, 6, 7)
    for size in sizes:
        feeds = feeds_of(3, *size)
        for actual, wanted in zip(session.run(None, feeds), expected(model, feeds), strict=True):
            assert_close(actual, wanted)
    shapes = "(2, 3, 6, 7) or (1, 3, 6, 7) or (2, 3, 9, 5) or (1, 3, 9, 5), not (2, 3, 7, 7)"
    with pytest.raises(ColonnadeError, match=re.escape(f"input 'x' must have shape {shapes}")):
        session.run(None, feeds_of(2, 7, 7))


@pytest.mark.parametrize("shape", [(0, 3, 6, 7), (3, 6, 7), (), (2, 2, 6, 7)])
def test_inputs_that_no_program_takes(shape: tuple[int, ...]) -> None:
    session = Session(compiled(model_of(*CLASSIFIER), (1, 2)))
    with pytest.raises(ColonnadeError, match=r"must have shape \(1, 3, 6, 7\) or \(2, 3, 6, 7\), not"):
        session.run(None, {"x": np.zeros(shape, np.float32)})


def test_profile_is_of_one_program() -> None:
    session = Session(compiled(model_of(*CLASSIFIER), (1, 2)))
    for images in (1, 2):
        steps = session.profile(feeds_of(images), repeat=1)
        assert len(steps) == len(session.profile_once(feeds_of(images))) > 2
    for images in (3, 4):
        with pytest.raises(ColonnadeError, match="only the shapes that the file has can be profiled"):
            session.profile(feeds_of(images))


@pytest.mark.parametrize(
    "arguments",
    [
        {"batch": [1, 1]},
        {"input_size": [8, (8, 8)]},
        {"batch": [2], "shapes": {"x": (2, 3, 8, 8)}, "input_size": [7, 9]},
    ],
)
def test_the_same_shape_twice(arguments: dict[str, object]) -> None:
    with pytest.raises(ColonnadeError, match="give the inputs the same shape"):
        colonnade.compile(colonnade.Model(model_of(*CLASSIFIER), "net"), plan="default", **arguments)  # type: ignore[arg-type]


def test_empty_lists() -> None:
    with pytest.raises(ColonnadeError, match="an empty list"):
        colonnade.compile(colonnade.Model(model_of(*CLASSIFIER), "net"), plan="default", batch=[])


def test_programs_share_their_weights() -> None:
    """Where nothing runs image by image, each batch has plans of its own, which are made alike. What is repeated for
    each image by the graph itself, the token, is there for each batch."""
    for network, tokens in ((CLASSIFIER, 0), (DETECTOR, 3)):
        one, several = compiled(model_of(*network), 1), compiled(model_of(*network), [1, 2, 5, 8])
        stored = [len(open_sections(made.data)["data"]) for made in (one, several)]
        assert stored[1] - stored[0] <= tokens * 64 * 4
        assert [program.inputs[0][1][0] for program in several.programs] == [1, 2, 5, 8]


def test_one_arena_for_all() -> None:
    single = {n: Session(compiled(model_of(*DETECTOR), n)).arena_bytes for n in (1, 8)}
    assert Session(compiled(model_of(*DETECTOR), [1, 8])).arena_bytes == single[8] > single[1]


def test_memory_of_four_batches(tmp_path: Path) -> None:
    """Opening and running costs what one batch costs, about."""
    network = build("resnet18", input_size=64)
    paths = [tmp_path / "several.colonnade", tmp_path / "one.colonnade"]
    for path, batch in zip(paths, ([1, 2, 4, 8], 1), strict=True):
        colonnade.compile(colonnade.Model(network, "net"), batch=batch, plan="default").save(path)
    assert paths[0].stat().st_size < 1.1 * paths[1].stat().st_size
    done = subprocess.run([sys.executable, MEMORY, *paths], capture_output=True, text=True, check=True)
    ratio = float(done.stdout.split('"ratio": ')[1].rstrip("}\n"))
    assert ratio < 1.3
