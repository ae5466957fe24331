"""compile and run, and what can be wrong with a compiled model and its inputs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import shaped_models
from arrays import BROKEN_ARRAYS
from commands import Command, assert_mistake

import colonnade as package
from colonnade.errors import ColonnadeError
from colonnade.runtime.native import products
from colonnade.target.toolchain import host_arch

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


def test_several_batches_and_sizes(colonnade: Command, tmp_path: Path) -> None:
    """compile makes one file, inspect shows what is in it, run takes any batch, colonnade-run what fits."""
    model, path, output = tmp_path / "net.onnx", tmp_path / "net.colonnade", tmp_path / "y.npy"
    network = shaped_models.model_of(*shaped_models.CLASSIFIER)
    onnx.save(network, model)
    done = colonnade("compile", model, "--batch", "1, 2", "--input-size", "6x7,8", "--plan", "default", "--layers")
    assert done.code == 0, done.err
    for words in ("x 2x3x6x7: 0.0 MB of weights and tables of its own", "x 2x3x8x8", ", 4 programs, 2 layers"):
        assert words in done.out
    shown = colonnade("inspect", path)
    assert shown.code == 0
    for words in ("x 1x3x6x7", "y 2x5", "x 2x3x8x8", "yes"):
        assert words in shown.out
    for images, size in ((3, (6, 7)), (2, (8, 8)), (1, (6, 7))):
        feeds = shaped_models.feeds_of(images, *size)
        np.save(tmp_path / "x.npy", feeds["x"])
        (expected,) = shaped_models.expected(network, feeds)
        assert colonnade("run", path, "--input", tmp_path / "x.npy", "--output", output).code == 0
        np.testing.assert_allclose(np.load(output), expected, rtol=1e-4, atol=1e-5)
    np.save(tmp_path / "x.npy", np.zeros((1, 3, 9, 9), np.float32))
    refused = colonnade("run", path, "--input", tmp_path / "x.npy", "--output", output)
    assert_mistake(refused, "(1, 3, 6, 7) or (2, 3, 6, 7) or (1, 3, 8, 8) or (2, 3, 8, 8), not (1, 3, 9, 9)")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--batch", "1,x"), ("--batch", "'x'")),
        (("--batch", "0"), ("--batch", "0 is out of range")),
        (("--batch", "1,,2"), ("--batch", "''")),
        (("--batch", "2,2"), ("the same shape", "2x3x32x32")),
        (("--input-size", "32x32x3"), ("--input-size", "32x32x3", "HxW")),
        (("--input-size", "32,0x32"), ("--input-size", "0 is out of range")),
        (("--input-size", "32x"), ("--input-size", "HxW")),
    ],
)
def test_lists_that_are_none(
    colonnade: Command, tmp_path: Path, small_model: Path, options: tuple[str, str], words: tuple[str, ...]
) -> None:
    assert_mistake(colonnade("compile", small_model, *options, "--plan", "default", "-o", tmp_path / "c"), *words)


def test_inspect_of_a_compiled_model_takes_no_shapes(colonnade: Command, tmp_path: Path, compiled: Path) -> None:
    assert_mistake(colonnade("inspect", compiled, "--batch", 2), "its shapes are fixed")
    assert_mistake(colonnade("inspect", tmp_path / "none.colonnade"), "No such file")


def test_the_runner_chooses_a_program(tmp_path: Path) -> None:
    """By the shapes of its inputs, or by number; it says what there is."""
    network = shaped_models.model_of(*shaped_models.CLASSIFIER)
    made = package.compile(package.Model(network, "net"), batch=[1, 3], input_size=(6, 7), plan="default")
    made.save(tmp_path / "m.colonnade")
    runner = products(host_arch()).runner

    def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
        call = [str(runner), "m.colonnade", "--output", "y.npy", *arguments]
        return subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)

    for images in (1, 3):
        feeds = shaped_models.feeds_of(images)
        np.save(tmp_path / "x.npy", feeds["x"])
        for arguments in (("--input", "x.npy"), ("--input", "x.npy", "--program", str(images // 3))):
            assert ran(*arguments).returncode == 0
            expected = shaped_models.expected(network, feeds)[0]
            np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, rtol=1e-4, atol=1e-5)
    assert ran("--program", "1").returncode == 0
    assert np.load(tmp_path / "y.npy").shape == (3, 5)
    for arguments, says in (
        (("--program", "2"), "error: m.colonnade: its programs are numbered from 0 to 1\n"),
        (("--program", "0", "--input", "x.npy"), "error: x.npy: must have shape (1, 3, 6, 7), not (3, 3, 6, 7)\n"),
        (("--program", "-1"), "error: --program: must be a whole number from 0 to 1024\n"),
    ):
        done = ran(*arguments)
        assert (done.returncode, done.stderr) == (2, says)
