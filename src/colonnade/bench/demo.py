"""`colonnade demo`: the zoo's trained networks on real images, dense and pruned: how often right, and how fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from colonnade import api
from colonnade.accuracy.statistics import Estimate, Proportion
from colonnade.bench.progress import labelled, silent
from colonnade.bench.report import Report, sparsity_text
from colonnade.bench.run import Options, bench_variants
from colonnade.bench.subject import open_model
from colonnade.calibrate.settings import DEFAULT_SAMPLES
from colonnade.data import Preprocess
from colonnade.data.known import FASHION_MNIST, KnownSet, digits, fashion_mnist
from colonnade.errors import ColonnadeError
from colonnade.zoo import TRAINED


@dataclass(frozen=True)
class Accuracy:
    """Top-1 on the test images at one sparsity; difference: from the dense network's, in shares (None: it is dense)."""

    sparsity: float
    top1: Proportion
    difference: Estimate | None


@dataclass(frozen=True)
class Shown:
    """One network: accuracy by rising sparsity, dense first, and times."""

    network: str
    accuracy: tuple[Accuracy, ...]
    speed: Report


@dataclass(frozen=True)
class Demo:
    """What was found on the test images of a data set, for networks pruned by so many of its training images."""

    data: str
    samples: int
    networks: tuple[Shown, ...]


def demo_data(folder: Path | None = None) -> KnownSet:
    """Fashion-MNIST of `folder`; None: from its Debian package, or, where that is not installed, scikit-learn's digits.
    ColonnadeError if there is neither."""
    if folder is not None or FASHION_MNIST.is_dir():
        return fashion_mnist(folder or FASHION_MNIST)
    return digits()


def run_demo(data: KnownSet, options: Options, tell: api.Progress = silent) -> Demo:
    """Prune every trained network for `data` to each of `options.sparsities` by a draw of training images without their
    labels, count on all test images, and time as `bench` does. ColonnadeError for options that cannot be."""
    options.check()
    if not any(options.sparsities):
        raise ColonnadeError("sparsities to show: give at least one above 0")
    preprocess = data.preprocess()
    x = preprocess.normalised(data.test.images[0, :, :, np.newaxis])[np.newaxis]
    with TemporaryDirectory(prefix="colonnade-demo-") as scratch:
        training, test = Path(scratch, "training.npz"), Path(scratch, "test.npz")
        np.savez(training, x=data.train.images)
        np.savez(test, x=data.test.images, y=data.test.labels)
        shown = []
        for name in (network for network, known in TRAINED.items() if known == data.name):
            variants = _pruned(name, training, preprocess, options, tell)
            accuracy = _accuracy(variants, test, preprocess, labelled(tell, f"evaluate {name}"))
            shown.append(Shown(name, accuracy, bench_variants(variants, x, options, labelled(tell, name))))
    return Demo(data.name, min(DEFAULT_SAMPLES, len(data.train.images)), tuple(shown))


def _pruned(
    name: str, images: Path, preprocess: Preprocess, options: Options, tell: api.Progress
) -> dict[float, api.Model]:
    """The network at each sparsity, rising from 0."""
    dense = open_model(name)
    variants = {0.0: dense}
    for sparsity in sorted({*options.sparsities} - {0.0}):
        told = labelled(tell, f"prune {name}, {sparsity_text(sparsity)}")
        variants[sparsity] = api.prune(
            dense, sparsity, tile=options.tile, calibrate=images, preprocess=preprocess, progress=told
        )
    return variants


def _accuracy(
    variants: Mapping[float, api.Model], test: Path, preprocess: Preprocess, tell: api.Progress
) -> tuple[Accuracy, ...]:
    rows: list[Accuracy] = []
    for sparsity, model in variants.items():
        against = variants[0.0] if sparsity else None
        found = api.evaluate(model, test, against=against, preprocess=preprocess, progress=tell)
        top1 = found.models[0].top1
        assert top1 is not None  # there are labels
        rows.append(Accuracy(sparsity, top1, found.comparison.difference if found.comparison else None))
    return tuple(rows)
