"""The demonstration on scikit-learn's digits, with the default plan so that it takes seconds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from commands import Command, assert_mistake

from colonnade.bench import demo as demo_module
from colonnade.bench.demo import demo_data
from colonnade.data.known import DIGITS, digits
from colonnade.errors import ColonnadeError
from colonnade.zoo import trained

QUICK = ("--plan", "default", "--repeat", 2, "--sparsity", "0.75")


@pytest.fixture
def without_fashion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_module, "FASHION_MNIST", tmp_path / "none")


@pytest.mark.usefixtures("without_fashion")
def test_digits_where_there_is_no_fashion_mnist(colonnade: Command, tmp_path: Path) -> None:
    rows, plot = tmp_path / "rows.json", tmp_path / "rows.svg"
    done = colonnade("demo", *QUICK, "--json", rows, "--plot", plot)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0].startswith("no Fashion-MNIST in ")
    (network,) = json.loads(rows.read_text())["networks"]
    dense, pruned = network["accuracy"]
    assert (dense["top1"]["count"], dense["top1"]["total"]) == (_right(), 360)
    lost = dense["top1"]["value"] - pruned["top1"]["value"]
    assert pruned["difference"]["value"] == pytest.approx(-lost)
    assert abs(lost) < 0.05
    timed = [(row["runtime"], row["sparsity"]) for row in network["speed"]["results"]]
    assert timed == [("onnxruntime", 0.0), ("colonnade", 0.0), ("colonnade", 0.75)]
    for shown in ("digits_cnn", f"{dense['top1']['value']:.2%}", f"{-lost * 100:+.2f}", "75% sparse"):
        assert shown in done.out
    assert plot.stat().st_size > 1000


def _right() -> int:
    """How many test images ONNX Runtime gets right with the network as it is."""
    data = digits()
    settings = data.preprocess()
    x = np.stack([settings.normalised(image[:, :, np.newaxis]) for image in data.test.images])
    model = onnxruntime.InferenceSession(trained("digits_cnn").SerializeToString(), providers=["CPUExecutionProvider"])
    (scores,) = model.run(None, {"input": x})
    return int((np.asarray(scores).argmax(1) == data.test.labels).sum())


@pytest.mark.usefixtures("without_fashion")
def test_neither_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert demo_data().name == DIGITS
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ColonnadeError, match="pip install scikit-learn"):
        demo_data()


@pytest.mark.usefixtures("without_fashion")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--data", "nowhere"), "nowhere: there is no Fashion-MNIST; apt-get install dataset-fashion-mnist"),
        (("--sparsity", "0"), "at least one above 0"),
        (("--threads", "0"), "at least 1"),
        (("--against", "tvm"), "unknown runtime 'tvm'"),
        (("--plot", "rows.pdf"), ".png or .svg"),
    ],
)
def test_mistakes(
    colonnade: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_mistake(colonnade("demo", *options), words)
    assert not list(tmp_path.iterdir())
