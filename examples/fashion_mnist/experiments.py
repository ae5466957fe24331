"""Measures what pruning without training loses: the table and the plot of docs/accuracy.md by one command.

    python experiments.py --output DIR [--networks A.onnx B.onnx C.onnx] [--jobs N]
    python experiments.py --output DIR --quick

Run r prunes network r (in turn, where there are fewer networks than runs) by 512 training images without labels that
seed r draws, and counts on all test images. Each result is a file in DIR/rows; the same command goes on where it was
stopped, and DIR is for one choice of networks. DIR then holds results.json, table.md and plot.png. --quick does a part
of it in less than a minute, with the zoo's digits_cnn and scikit-learn's digits.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import onnx
from post_training import METHODS, Row, classes, measure_row
from post_training_report import write_report

from colonnade.data.known import DIGITS, FASHION_MNIST, KnownSet, digits, fashion_mnist
from colonnade.files import write_atomic
from colonnade.zoo import TRAINED, trained

POOL = 6000  # training images that runs draw from


@dataclass(frozen=True)
class Table:
    """network: trained, of the zoo, whose data set is what is run. Every method is a row at each sparsity; at those of
    `main` also other tiles than 8 and other groups than all columns. levels: what a layer may have where each has a
    sparsity of its own."""

    network: str
    runs: int
    main: tuple[float, ...]
    further: tuple[float, ...]
    tiles: tuple[int, ...]
    groups: tuple[int, ...]
    levels: tuple[float, ...]

    def rows(self) -> Iterator[Row]:
        """What matters most first, so that a table that was stopped says something."""
        runs = range(self.runs)
        yield from (Row(method, sparsity, run) for run in runs for method in METHODS for sparsity in self.main)
        yield from (Row(method, sparsity, run) for run in runs for method in METHODS for sparsity in self.further)
        for run in runs:
            for sparsity in self.main:
                yield from (Row("clustering", sparsity, run, tile=tile) for tile in self.tiles)
                yield from (Row("clustering", sparsity, run, group=group) for group in self.groups)


FULL = Table(
    network="fashion_resnet",
    runs=3,
    main=(0.5, 0.75),
    further=(0.625, 0.875),
    tiles=(4, 16),
    groups=(4, 16, 64),
    levels=(0.5, 0.625, 0.75, 0.875, 0.9375),
)
QUICK = Table("digits_cnn", runs=1, main=(0.75,), further=(), tiles=(4,), groups=(16,), levels=(0.5, 0.875))


def main() -> None:
    options = _parse()
    folder, table = options.output, QUICK if options.quick else FULL
    (folder / "rows").mkdir(parents=True, exist_ok=True)
    count = _prepare(folder, table.network, options.networks)
    rows = list(table.rows())
    missing = [row for row in rows if not row.path(folder).exists()]
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(measure_row, row, table.levels, folder, row.run % count): row for row in missing}
        for done, future in enumerate(as_completed(waiting), 1):
            future.result()
            print(f"{done}/{len(missing)} {waiting[future]}", flush=True)
    write_report(rows, folder)


def _prepare(folder: Path, network: str, own: Sequence[Path]) -> int:
    """Images and networks where all processes find them, and what the dense networks say to the test images. own:
    networks instead of that of the zoo. How many there are."""
    data = digits() if TRAINED[network] == DIGITS else fashion_mnist(FASHION_MNIST)
    np.save(folder / "train.npy", _images(data, data.train.images[:POOL]))
    x = _images(data, data.test.images)
    np.savez(folder / "test.npz", x=x, y=data.test.labels)
    top1 = {}
    models = {path.stem: onnx.load(path) for path in own} or {network: trained(network)}
    for index, (name, model) in enumerate(models.items()):
        onnx.save(model, folder / f"network-{index}.onnx")
        found = classes(model, x)
        np.save(folder / f"dense-{index}.npy", found)
        top1[name] = 100 * float((found == data.test.labels).mean())
    write_atomic(folder / "dense.json", json.dumps(top1).encode())
    return len(models)


def _images(data: KnownSet, images: np.ndarray) -> np.ndarray:
    """As networks take them: f32 [N, 1, H, W]."""
    preprocess = data.preprocess()
    return np.stack([preprocess.normalised(image[:, :, np.newaxis]) for image in images])


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for all results")
    parser.add_argument("--networks", type=Path, nargs="+", default=[], help="dense ONNX files [the zoo's]")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--quick", action="store_true", help="digits_cnn on digits")
    return parser.parse_args()


if __name__ == "__main__":
    main()
