"""Measures what pruning without training loses: the table and the plot of docs/accuracy.md by one command.

    python experiments.py --output DIR [--networks A.onnx B.onnx C.onnx] [--jobs N]
    python experiments.py --output DIR --quick

Run r prunes network r (in turn, where there are fewer networks than runs) by 512 training images without labels that
seed r draws, and counts on all test images. Each result is a file in DIR/rows; the same command goes on where it was
stopped. DIR then holds results.json, table.md and plot.png. --quick does a part of it in less than a minute: with a
tiny network, which it trains first, and scikit-learn's digits.
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

from colonnade.files import write_atomic
from colonnade.train.datasets import LabelledImages, open_datasets
from colonnade.train.finetune import finetune
from colonnade.train.recipe import DataSection
from colonnade.zoo import trained

POOL = 6000  # training images that runs draw from


@dataclass(frozen=True)
class Table:
    """Which rows it has: every method at each sparsity; at those of `main` also other tiles than 8 and other groups
    than all columns. levels: what a layer may have where each has a sparsity of its own."""

    data: str
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
    data="fashion-mnist",
    runs=3,
    main=(0.5, 0.75),
    further=(0.625, 0.875),
    tiles=(4, 16),
    groups=(4, 16, 64),
    levels=(0.5, 0.625, 0.75, 0.875, 0.9375),
)
QUICK = Table("digits", runs=1, main=(0.75,), further=(), tiles=(4,), groups=(16,), levels=(0.5, 0.875))

_QUICK_RECIPE = """
output = "quick"
[model]
source = '{networks}:fashion_resnet'
arguments = {{ width = 8, blocks = [1, 1, 1] }}
[data]
kind = "digits"
[train]
epochs = 8
batch = 64
rate = 0.2
warmup = 0.2
"""


def main() -> None:
    options = _parse()
    folder, table = options.output, QUICK if options.quick else FULL
    (folder / "rows").mkdir(parents=True, exist_ok=True)
    networks = [_quick_network(folder)] if options.quick else options.networks
    count = _prepare(folder, table.data, networks)
    rows = list(table.rows())
    missing = [row for row in rows if not row.path(folder).exists()]
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(measure_row, row, table.levels, folder, row.run % count): row for row in missing}
        for done, future in enumerate(as_completed(waiting), 1):
            future.result()
            print(f"{done}/{len(missing)} {waiting[future]}", flush=True)
    write_report(rows, folder)


def _prepare(folder: Path, kind: str, networks: Sequence[Path]) -> int:
    """Images and networks where all processes find them, and what the dense networks say to the test images. How many
    networks there are."""
    train, test = open_datasets(DataSection(kind=kind), Path(), 0)
    np.save(folder / "train.npy", _images(train, POOL)[0])
    x, y = _images(test, len(test))
    np.savez(folder / "test.npz", x=x, y=y)
    top1 = {}
    models = {path.stem: onnx.load(path) for path in networks} or {"fashion_resnet": trained("fashion_resnet")}
    for index, (name, model) in enumerate(models.items()):
        onnx.save(model, folder / f"network-{index}.onnx")
        found = classes(model, x)
        np.save(folder / f"dense-{index}.npy", found)
        top1[name] = 100 * float((found == y).mean())
    write_atomic(folder / "dense.json", json.dumps(top1).encode())
    return len(models)


def _images(data: LabelledImages, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first of them, `count` or all, unchanged: f32 [N, C, H, W], labels [N]."""
    images, labels = zip(*(data[0, index] for index in range(min(count, len(data)))), strict=True)
    return np.stack([image.numpy() for image in images]), np.array(labels)


def _quick_network(folder: Path) -> Path:
    """Train a tiny ResNet on digits, some seconds."""
    recipe = folder / "quick.toml"
    recipe.write_text(_QUICK_RECIPE.format(networks=Path(__file__).with_name("networks.py").resolve()))
    finetune(recipe)
    return folder / "quick" / "best.onnx"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for all results")
    parser.add_argument("--networks", type=Path, nargs="+", default=[], help="dense ONNX files [zoo fashion_resnet]")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--quick", action="store_true", help="a tiny network on digits")
    return parser.parse_args()


if __name__ == "__main__":
    main()
