"""`colonnade prune` with a goal for the whole network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import Command, assert_mistake
from digit_networks import Digits
from PIL import Image

QUICK = ("--levels", "0.5,0.75", "--input-size", 8, "--samples", 48)


def test_a_speedup_is_asked_predicted_and_measured(digits: Digits, tmp_path: Path, colonnade: Command) -> None:
    out, found = tmp_path / "out.onnx", tmp_path / "found.json"
    options = ("--speedup", "0.9x", "--plan", "default", "--repeat", 3, *QUICK)
    done = colonnade("prune", digits.deep, "--calibrate", digits.data, *options, "-o", out, "--json", found)
    assert (done.code, done.err) == (0, "")
    read = json.loads(found.read_text())
    rows = {words[1]: words for words in map(str.split, done.out.splitlines()) if len(words) > 6}
    assert rows["asked"][-2] == "0.90x"
    assert rows["predicted"][3:6:2] == [f"{read['dense_cost']:.3f}", f"{read['cost']:.3f}"]
    assert rows["measured"][3:6:2] == [f"{read['outcome']['dense']:.3f}", f"{read['outcome']['pruned']:.3f}"]
    assert out.exists()


def test_a_share_of_zeros_gives_what_allocate_gives(digits: Digits, tmp_path: Path, colonnade: Command) -> None:
    one, other = tmp_path / "one.onnx", tmp_path / "other.onnx"
    sparsity = ("--sparsity", "0.6", *QUICK)
    assert colonnade("prune", digits.deep, "--calibrate", digits.data, "--allocate", *sparsity, "-o", one).code == 0
    assert colonnade("allocate", digits.deep, "--data", digits.data, *sparsity, "-o", other).code == 0
    assert one.read_bytes() == other.read_bytes()
    assert colonnade("prune", digits.deep, "--sparsity", "0.6", "-o", other).code == 0
    assert one.read_bytes() != other.read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--speedup", "2x"), ("speedup 2x", "give --calibrate")),
        (("--calibrate", "DATA", "--speedup", "2x", "--sparsity", "0.5"), ("give one of", "there are 2")),
        (("--calibrate", "DATA", "--allocate"), ("give one of latency, speedup and sparsity", "there are 0")),
        (("--calibrate", "DATA", "--latency", "20s"), ("--latency", "20s", "such as 20ms")),
        (("--calibrate", "DATA", "--speedup", "2x", "--levels", "0.5,abc"), ("--levels", "abc")),
        (("--calibrate", "DATA", "--speedup", "2x", "--tile", "7,auto"), ("--tile", "auto", "in a list")),
        (("--calibrate", "DATA", "--sparsity", "0.5", "--levels", "0.5,0.6"), ("--levels", "for goals")),
        (("--sparsity", "0.5", "--plot", "curve.png"), ("--plot", "for goals")),
        (("--calibrate", "DATA", "--speedup", "2x", "--plot", "curve.pdf"), (".png or .svg",)),
        ((), ("--sparsity, --latency and --speedup",)),
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
    given = (digits.data if word == "DATA" else word for word in options)
    assert_mistake(colonnade("prune", digits.deep, *given, "-o", "out.onnx"), *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("goal", [(), ("--allocate", *QUICK[:2])])
def test_damaged_images_are_counted(digits: Digits, tmp_path: Path, colonnade: Command, goal: tuple[str, ...]) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(100):
        Image.fromarray((digits.x[index, 0] * 255).astype(np.uint8)).save(folder / f"{index:03}.png")
    (folder / "050.png").write_bytes(b"")
    options = ("--preprocess", "mean=0", "--sparsity", "0.5", *goal, "--input-size", 8, "-o", tmp_path / "out.onnx")
    done = colonnade("prune", digits.deep, "--calibrate", folder, *options)
    assert (done.code, done.err) == (0, "")
    assert (
        done.out.splitlines()[-1] == "damaged images skipped: 1; the first is 050.png: not an image that Pillow knows"
    )
    (folder / "051.png").write_bytes(b"")
    assert_mistake(colonnade("prune", digits.deep, "--calibrate", folder, *options), "2 of 100 images", "more than 1%")
