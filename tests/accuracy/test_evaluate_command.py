"""`colonnade evaluate`: what it prints, what it writes, and mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from digit_networks import Digits
from PIL import Image

import colonnade as package
from colonnade.cli import main


def _call(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["evaluate", *(str(argument) for argument in arguments)])
    captured = capfd.readouterr()
    return code, captured.out, captured.err


def test_table_sentences_and_json(digits: Digits, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "found.json"
    code, text, errors = _call(
        capfd,
        digits.good,
        "--data",
        digits.data,
        "--against",
        digits.weak,
        "--batch",
        8,
        "--samples",
        400,
        "--json",
        out,
    )
    assert (code, errors) == (0, "")
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
        assert shown in text


def test_images_skipped_are_told(digits: Digits, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for index in range(120):
        Image.fromarray((digits.x[index, 0] * 255).astype(np.uint8)).save(tmp_path / f"{index:03}.png")
    (tmp_path / "050.png").write_bytes(b"")
    (tmp_path / "labels.txt").write_text("\n".join(str(label) for label in digits.y[:120]))
    options = ("--labels", tmp_path / "labels.txt", "--preprocess", "mean=0,std=1")
    code, text, errors = _call(capfd, digits.good, "--data", tmp_path, *options)
    assert (code, errors) == (0, "")
    assert "119 images" in text
    assert "skipped 1 of 120 images; the first: 050.png: not an image that Pillow knows" in text


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
    capfd: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    if "COMPILED" in options:
        package.compile(digits.good, plan="default", batch=2).save("small.colonnade")
    places = {"DATA": digits.data, "COMPILED": Path("small.colonnade")}
    code, text, errors = _call(capfd, digits.good, *(places.get(word, word) for word in options))
    assert (code, text) == (2, "")
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    for word in words:
        assert word in errors
