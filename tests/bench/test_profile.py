"""Profiles: of a real model, and what is concluded from given times and roofs."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from commands import Command, assert_mistake

from colonnade import api, zoo
from colonnade.bench import profile as profiling
from colonnade.bench.profile import LayerProfile, Profile, layer_profiles, profile
from colonnade.bench.profile_report import summary, write_plot
from colonnade.bench.roofs import Roofs, cache_bytes
from colonnade.errors import ColonnadeError
from colonnade.plan.work import Layer

ROOFS = Roofs(gflops=100, l2_gbs=50, weights_gbs=20, memory_gbs=10)
L2 = 1 << 20


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ResNet-18 at 64 x 64, three quarters pruned."""
    path = tmp_path_factory.mktemp("profile") / "small.colonnade"
    pruned = api.prune(api.Model(zoo.build("resnet18", input_size=64, classes=10, batch=1), "small"), 0.75)
    api.compile(pruned, plan="default").save(path)
    return path


@pytest.fixture(scope="module")
def found(model: Path) -> Profile:
    return profile(model, repeat=5)


def test_profile_of_a_real_model(found: Profile) -> None:
    convolutions = [row for row in found.layers if row.op in ("cnm", "winograd", "vertical")]
    assert len(convolutions) == 20
    assert not convolutions[0].sparse  # the stem
    assert sum(row.sparse for row in convolutions) > 10
    assert found.ms == pytest.approx(sum(row.ms for row in found.layers))
    assert sum(row.share for row in found.layers) == pytest.approx(1)
    for row in convolutions:
        assert row.gflops == pytest.approx(2 * row.macs / row.ms / 1e6)
        assert row.peak_share == pytest.approx(row.gflops / found.roofs.gflops)
        assert row.algorithm.startswith("sparse " if row.sparse else "dense " if row.op == "cnm" else row.op)
    shares = [row.peak_share for row in convolutions if row.sparse and row.peak_share]
    assert found.sparse_peak_share == pytest.approx(np.exp(np.log(shares).mean()))


@pytest.mark.parametrize(
    ("macs", "weight_bytes", "data_bytes", "ms", "bound", "memory_share"),
    [
        (50_000_000, 0, 0, 1.25, "compute", 0),  # 100 MFLOP at 100 GFLOPS: 1 ms
        (50_000_000, 0, 0, 2.5, "overhead", 0),
        (0, 20_000_000, 0, 1.0, "memory", 1),  # 20 MB at 20 GB/s: 1 ms
        (0, 0, 1_000_000, 0.025, "L2", 0.8),  # 1 MB at 50 GB/s: 0.02 ms
        (0, 0, 2_000_000, 0.25, "memory", 0.8),  # does not fit L2: 2 MB at 10 GB/s: 0.2 ms
        (50_000_000, 30_000_000, 1_000_000, 2.0, "memory", 0.76),  # 1 ms, 1.5 ms, 0.02 ms
        (50_000_000, 10_000_000, 1_000_000, 1.0, "compute", 0.52),
        (0, 0, 0, 0.1, "overhead", 0),
    ],
)
def test_what_bounds_a_layer(
    macs: int, weight_bytes: int, data_bytes: int, ms: float, bound: str, memory_share: float
) -> None:
    layer = Layer("a", "pool", macs, macs, weight_bytes, data_bytes, {})
    other = Layer("b", "pool", 0, 0, 0, 0, {})
    row, _ = layer_profiles([layer, other], np.array([ms, 3 * ms]), ROOFS, L2)
    assert row.bound == bound
    assert row.share == pytest.approx(0.25)
    assert row.memory_share == pytest.approx(memory_share)
    assert row.gflops == (pytest.approx(2 * macs / ms / 1e6) if macs else None)
    assert row.peak_share == (pytest.approx(1 / ms) if macs else None)


def test_a_clock_that_stands_still() -> None:
    (row,) = layer_profiles([Layer("a", "fill", 0, 0, 0, 4, {})], np.zeros(1), ROOFS, L2)
    assert (row.ms, row.share) == (0, 0)


def test_best_roofs() -> None:
    assert ROOFS.best(Roofs(90, 60, 10, 11)) == Roofs(100, 60, 20, 11)


def test_caches_as_linux_tells(tmp_path: Path) -> None:
    """Instruction caches are none of ours, and what cannot be read is left out."""
    for index, (level, size, kind) in enumerate(
        [("1", "32K", "Data"), ("1", "64K", "Instruction"), ("2", "1024K", "Unified"), ("3", "32M", "Unified")]
    ):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, text in (("level", level), ("size", size), ("type", kind)):
            (folder / name).write_text(f"{text}\n")
    (tmp_path / "index4").mkdir()
    (tmp_path / "index3" / "size").write_text("\n")
    assert cache_bytes(tmp_path) == {1: 32 << 10, 2: 1 << 20}
    assert cache_bytes(tmp_path / "none") == {}


def test_command(model: Path, tmp_path: Path, colonnade: Command) -> None:
    np.save(tmp_path / "x.npy", np.ones((1, 3, 64, 64), np.float32))
    files = ("--input", tmp_path / "x.npy", "--json", tmp_path / "p.json", "--plot", tmp_path / "p.svg")
    done = colonnade("profile", model, "--repeat", 2, "--threads", 2, *files)
    assert done.code == 0
    said = done.out
    assert "layer4.1.conv2" in said
    assert "pruned convolutions: " in said.splitlines()[-1]
    read = json.loads((tmp_path / "p.json").read_text())
    assert read.keys() == {field.name for field in fields(Profile)}
    assert read["roofs"].keys() == {field.name for field in fields(Roofs)}
    assert all(row.keys() == {field.name for field in fields(LayerProfile)} for row in read["layers"])
    sparse = sum(row["sparse"] for row in read["layers"])
    assert f"of the FMA peak (geometric mean of {sparse} layers)" in said.splitlines()[-1]
    assert (read["threads"], read["repeat"]) == (2, 2)
    assert "FMA peak" in (tmp_path / "p.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{folder}/none",), "none: No such file"),
        (("{folder}/photo",), "photo: not a Colonnade model file"),
        (("{model}", "--repeat", "0"), "--repeat: 0 is out of range"),
        (("{model}", "--threads", "0"), "--threads: 0 is out of range"),
        (("{model}", "--input", "{folder}/none.npy"), "none.npy: no such file"),
        (("{model}", "--input", "{folder}/small.npy"), "must have shape (1, 3, 64, 64), not (1, 3, 8, 8)"),
        (("{model}", "--input", "z={folder}/small.npy"), "no input is called 'z'"),
        (("{model}", "--json", "{folder}/none/p.json"), "there is no directory"),
        (("{model}", "--plot", "{folder}/p.pdf"), "a plot is written as .png or .svg"),
    ],
)
def test_mistakes(model: Path, tmp_path: Path, colonnade: Command, arguments: tuple[str, ...], words: str) -> None:
    (tmp_path / "photo").write_bytes(b"\xff\xd8\xff")
    np.save(tmp_path / "small.npy", np.ones((1, 3, 8, 8), np.float32))
    assert_mistake(colonnade("profile", *(word.format(model=model, folder=tmp_path) for word in arguments)), words)
    assert {path.name for path in tmp_path.iterdir()} == {"photo", "small.npy"}


def test_mistakes_in_python(model: Path) -> None:
    for options in ({"threads": 0}, {"repeat": 0}):
        with pytest.raises(ColonnadeError, match="must be at least 1, not 0"):
            profile(model, **options)


def test_nothing_pruned_and_nothing_to_draw(found: Profile, tmp_path: Path) -> None:
    pools = tuple(row for row in found.layers if row.gflops is None)
    without = replace(found, layers=pools, sparse_peak_share=None)
    assert summary(without) == "no pruned convolutions"
    with pytest.raises(ColonnadeError, match="no layer multiplies and adds"):
        write_plot(without, tmp_path / "p.png")
    profiling.write_json(without, tmp_path / "p.json")
    assert json.loads((tmp_path / "p.json").read_text())["sparse_peak_share"] is None
