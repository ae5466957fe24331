"""`colonnade evaluate`: what it prints, what it writes, and mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import Command, assert_mistake
from digit_networks import Digits
from PIL import Image

import colonnade as package


def test_table_sentences_and_json(digits: Digits, tmp_path: Path, colonnade: Command) -> None:
    out = tmp_path / "found.json"
    options = ("--against", digits.weak, "--batch", 8, "--samples", 400, "--json", out)
    done = colonnade("evaluate", digits.good, "--data", digits.data, *options)
    assert (done.code, done.err) == (0, "")
    read = json.loads(out.read_text())
    assert set(read) == {"machine", "data", "images", "skipped", "models", "comparison"}
    assert read["images"] == 400
    good, weak = read["models"]
    assert good["top1"]["low"] < good["top1"]["value"] < good["top1"]["high"] < good["top5"]["value"]
    difference = good["top1"]["value"] - weak["top1"]["value"]
    assert read["comparison"]["difference"]["value"] == pytest.approx(difference)
    for shown in (
        f"{good['top1']['value']:.2%}",
        f"{weak['top5']['value']:.2%}",
        f"{difference * 100:+.2f} points",
        "McNemar's p < 0.0001",
    ):
        assert shown in done.out


def test_images_skipped_are_told(digits: Digits, tmp_path: Path, colonnade: Command) -> None:
    for index in range(120):
        Image.fromarray((digits.x[index, 0] * 255).astype(np.uint8)).save(tmp_path / f"{index:03}.png")
    (tmp_path / "050.png").write_bytes(b"")
    (tmp_path / "labels.txt").write_text("\n".join(str(label) for label in digits.y[:120]))
    options = ("--labels", tmp_path / "labels.txt", "--preprocess", "mean=0,std=1")
    done = colonnade("evaluate", digits.good, "--data", tmp_path, *options)
    assert (done.code, done.err) == (0, "")
    assert "119 images" in done.out
    assert "damaged images skipped: 1; the first is 050.png: not an image that Pillow knows" in done.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--data", "nowhere"), ("nowhere", "no such file or folder")),
        (("--data", "DATA", "--samples", "0"), ("--samples", "at least 1")),
        (("--data", "DATA", "--threads", "0"), ("--threads", "at least 1")),
        (("--data", "DATA", "--batch", "-1"), ("--batch", "at least 1")),
        (("--data", "DATA", "--samples", "9", "--seed", "-1"), ("seed -1",)),
        (("--data", "DATA", "--preprocess", "cifar"), ("cifar", "imagenet")),
        (("--data", "DATA", "--preprocess", "mean=0"), ("float32", "taken as it is")),
        (("--data", "DATA", "--against", "nowhere.onnx"), ("nowhere.onnx", "no such file")),
        (("--data", "DATA", "--against", "DATA"), ("digits.npz", "not an ONNX model")),
        (("--data", "DATA", "--against", "COMPILED", "--batch", "8"), ("small.colonnade", "batches of 2", "not 8")),
        (("--data", "DATA", "--labels", "labels.txt"), ("has labels already",)),
        (("--data", "DATA", "--json", "nowhere/found.json"), ("no directory nowhere",)),
        ((), ("--data",)),
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
    if "COMPILED" in options:
        package.compile(digits.good, plan="default", batch=2).save("small.colonnade")
    places = {"DATA": digits.data, "COMPILED": Path("small.colonnade")}
    assert_mistake(colonnade("evaluate", digits.good, *(places.get(word, word) for word in options)), *words)
