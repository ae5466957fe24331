"""compile and run, and what can be wrong with a compiled model and its inputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from arrays import BROKEN_ARRAYS
from commands import Command, assert_mistake

import colonnade as package
from colonnade.errors import ColonnadeError

SHAPE = (1, 3, 32, 32)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory, small_model: Path) -> Path:
    """The small model compiled with the default plan."""
    path = tmp_path_factory.mktemp("compiled") / "small.colonnade"
    package.compile(small_model, plan="default").save(path)
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32))
    return path


def test_prune_compile_run_agrees_with_onnxruntime(
    colonnade: Command, tmp_path: Path, small_model: Path, image: Path
) -> None:
    pruned, model, output = tmp_path / "pruned.onnx", tmp_path / "m.colonnade", tmp_path / "y.npy"
    assert colonnade("prune", small_model, "--sparsity", 0.5, "-o", pruned).code == 0
    done = colonnade("compile", pruned, "--plan", "default", "--layers", "-o", model)
    assert done.code == 0
    assert "layer4.1.conv2" in done.out
    assert str(model) in done.out
    assert colonnade("run", model, "--input", image, "--output", output).code == 0
    session = onnxruntime.InferenceSession(pruned, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"input": np.load(image)})
    assert np.abs(np.load(output) - expected).max() < 1e-4 * np.abs(expected).max()


def test_inputs_and_outputs_by_name(colonnade: Command, tmp_path: Path, compiled: Path, image: Path) -> None:
    output = tmp_path / "y.npy"
    assert colonnade("run", compiled, "--input", f"input={image}", "--output", f"logits={output}").code == 0
    assert np.load(output).shape == (1, 10)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((1, 3, 32, 31), np.float32), ("input", "32")),
        (np.zeros((0, 3, 32, 32), np.float32), ("input", "32")),
        (np.zeros((3, 32, 32), np.float32), ("input", "32")),
        (np.zeros(SHAPE, np.float64), ("input", "float64")),
        (np.zeros(SHAPE, np.uint8), ("input", "uint8")),
    ],
)
def test_wrong_shape_or_dtype(
    colonnade: Command, tmp_path: Path, compiled: Path, array: np.ndarray, words: tuple[str, ...]
) -> None:
    np.save(tmp_path / "x.npy", array)
    outcome = colonnade("run", compiled, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    assert_mistake(outcome, *words)
    assert not (tmp_path / "y.npy").exists()


@pytest.mark.parametrize("kind", list(BROKEN_ARRAYS))
def test_input_that_is_no_array(colonnade: Command, tmp_path: Path, compiled: Path, kind: str) -> None:
    (tmp_path / "x.npy").write_bytes(BROKEN_ARRAYS[kind])
    outcome = colonnade("run", compiled, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    assert_mistake(outcome, "x.npy")


def test_pickled_objects_are_not_loaded(colonnade: Command, tmp_path: Path, compiled: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    outcome = colonnade("run", compiled, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    assert_mistake(outcome, "x.npy")


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        (("x.npy",), ("nowhere/y.npy",), ("nowhere",)),
        (("missing.npy",), ("y.npy",), ("missing.npy", "no such file")),
        (("x.npy", "x.npy"), ("y.npy",), ("--input", "only 1")),
        (("x.npy",), ("y.npy", "z.npy"), ("--output", "only 1")),
        (("picture=x.npy",), ("y.npy",), ("picture", "input")),
        ((), ("y.npy",), ("--input",)),
    ],
)
def test_run_with_wrong_files(
    colonnade: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    compiled: Path,
    image: Path,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = [part for name in inputs for part in ("--input", name)]
    flags += [part for name in outputs for part in ("--output", name)]
    assert_mistake(colonnade("run", compiled, *flags), *words)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.npy"]


def test_any_flipped_byte_is_found(tmp_path: Path, compiled: Path) -> None:
    whole = compiled.read_bytes()
    places = np.random.default_rng(1).integers(0, len(whole), 40)
    for place in {0, 4, 8, 16, len(whole) - 1, *map(int, places)}:
        damaged = bytearray(whole)
        damaged[place] ^= 0x20
        path = tmp_path / "damaged.colonnade"
        path.write_bytes(damaged)
        with pytest.raises(ColonnadeError) as caught:
            package.Session(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_cut_file(colonnade: Command, tmp_path: Path, compiled: Path, image: Path, share: float) -> None:
    whole = compiled.read_bytes()
    cut = tmp_path / "cut.colonnade"
    cut.write_bytes(whole[: int(len(whole) * share)])
    assert_mistake(colonnade("run", cut, "--input", image, "--output", tmp_path / "y.npy"), "cut.colonnade")


def test_file_that_is_no_compiled_model(colonnade: Command, tmp_path: Path, small_model: Path, image: Path) -> None:
    for command in (("run", small_model, "--input", image, "--output", tmp_path / "y.npy"), ("profile", small_model)):
        assert_mistake(colonnade(*command), str(small_model), "is an ONNX file", "colonnade compile")


def test_bench_writes_json_and_plot(colonnade: Command, tmp_path: Path, small_model: Path) -> None:
    results, plot = tmp_path / "r.json", tmp_path / "bars.svg"
    options = ("--sparsity", "0.5", "--repeat", 1, "--against", "onnxruntime", "--plan", "default", "--input-size", 32)
    done = colonnade("bench", small_model, *options, "--json", results, "--plot", plot)
    assert done.code == 0
    read = json.loads(results.read_text())
    assert [row["sparsity"] for row in read["results"] if row["runtime"] == "colonnade"] == [0, 0.5]
    assert plot.stat().st_size > 0
    assert "vs own dense" in done.out


def test_forecast_shows_layers_and_total(colonnade: Command, small_model: Path) -> None:
    options = ("--sparsity", "0.5", "--repeat", 1, "--plan", "default", "--input-size", 32)
    done = colonnade("forecast", small_model, *options)
    assert done.code == 0
    assert "layer4.1.conv2" in done.out
    assert "whole network" in done.out


def test_python_verbs(tmp_path: Path, small_model: Path) -> None:
    model = package.prune(package.load(small_model), 0.5, skip=["layer4.1.conv2"])
    assert package.prune(small_model, 0.5, skip=["layer4.1.conv2"]).proto == model.proto
    model.save(tmp_path / "pruned.onnx")
    compiled = package.compile(model, plan="default")
    assert len(repr(compiled)) < 20_000  # the layers, without the file
    with pytest.raises(package.ColonnadeError, match="'defualt' is neither tuned nor default"):
        package.compile(model, plan="defualt")
    session = package.Session(compiled, threads=1)
    x = np.ones(SHAPE, np.float32)
    (output,) = session.run(None, {"input": x})
    reference = onnxruntime.InferenceSession(tmp_path / "pruned.onnx", providers=["CPUExecutionProvider"])
    (expected,) = reference.run(None, {"input": x})
    assert np.abs(output - expected).max() < 1e-4 * np.abs(expected).max()
