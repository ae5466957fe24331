"""`colonnade allocate`."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from commands import Command, assert_mistake
from digit_networks import Digits


def test_model_tables_and_curve_are_written(digits: Digits, tmp_path: Path, colonnade: Command) -> None:
    out, found, plot = (tmp_path / name for name in ("out.onnx", "found.json", "curve.svg"))
    options = ("--latency", "1000000 ms", "--levels", "0.5,0.9", "--plan", "default", "--repeat", 3, "--samples", 32)
    files = ("-o", out, "--json", found, "--plot", plot)
    done = colonnade("allocate", digits.deep, "--data", digits.data, "--input-size", 8, *options, *files)
    assert (done.code, done.err) == (0, "")
    onnx.checker.check_model(onnx.load(out))
    read = json.loads(found.read_text())
    assert read["cost"] == pytest.approx(read["dense_cost"])
    assert read["outcome"]["dense"] > 0
    assert [layer["name"] for layer in read["layers"]] == ["conv1", "conv2"]
    errors_on_curve = [point["error"] for point in read["curve"]]
    assert errors_on_curve == sorted(errors_on_curve, reverse=True)
    assert plot.stat().st_size > 0
    for shown in ("conv2", "least predicted error", "1000000.000", f"{read['outcome']['pruned']:.3f} ms", str(out)):
        assert shown in done.out


def test_tiles_to_choose_from(digits: Digits, tmp_path: Path, colonnade: Command) -> None:
    found = tmp_path / "found.json"
    options = ("--latency", "1000000ms", "--levels", "0.5", "--tile", "4,8", "--plan", "default", "--repeat", 3)
    files = ("-o", tmp_path / "out.onnx", "--json", found)
    for command, data in (("allocate", "--data"), ("prune", "--calibrate")):
        images = (data, digits.data, "--samples", 32, "--input-size", 8)
        assert colonnade(command, digits.deep, *images, *options, *files).code == 0
        levels = json.loads(found.read_text())["levels"]
        assert levels == [{"sparsity": s, "tile": tile} for s, tile in ((0.0, None), (0.5, 4), (0.5, 8))]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), ("latency, speedup and sparsity", "there are 0")),
        (("--latency", "5ms", "--speedup", "2x"), ("there are 2",)),
        (("--latency", "soon"), ("--latency", "soon", "such as 20ms")),
        (("--speedup", "-2x"), ("speedup -2x", "out of range")),
        (("--sparsity", "0.5", "--levels", "0"), ("at least one above 0",)),
        (("--sparsity", "0.5", "--levels", "0.5,2"), ("out of range",)),
        (("--sparsity", "0.5", "--samples", "0"), ("--samples",)),
        (("--sparsity", "0.5", "--samples", "9"), ("9 samples", "at least 16")),
        (("--sparsity", "0.5", "--method", "guess"), ("guess", "obs")),
        (("--sparsity", "0.95", "--levels", "0.5", "--samples", "32"), ("out of reach", "at most")),
        (("--sparsity", "0.5", "--skip", "conv1", "--skip", "conv2"), ("nothing to prune",)),
        (("--sparsity", "0.5", "--preprocess", "mean=0"), ("taken as it is",)),
        (("--sparsity", "0.5", "--plot", "curve.pdf"), (".png or .svg",)),
        (("--sparsity", "0.5", "--tile", "4,8"), ("tiles to choose from need a goal about time",)),
        (("--latency", "5ms", "--tile", "4,few"), ("--tile", "few")),
        (("--latency", "5ms", "--runner", "qemu"), ("qemu says nothing of time",)),
        (("--latency", "5ms", "--target", "spacemit-x60"), ("cannot run target spacemit-x60", "spike")),
        (("--latency", "5ms", "--runner", "spike", "--threads", "2"), ("--threads", "one core")),
    ],
)
def test_mistakes(
    digits: Digits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    colonnade: Command,
    options: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ("--data", digits.data, "--input-size", 8, "-o", "out.onnx")
    assert_mistake(colonnade("allocate", digits.deep, *given, *options), *words)
    assert not list(tmp_path.iterdir())
