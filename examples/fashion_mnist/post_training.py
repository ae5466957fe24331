"""Ways to prune a network without training, as rows of a table: each measured on all test images, kept in a file of its
own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
import post_training_baselines as baselines

from colonnade import api
from colonnade.accuracy.classifier import open_classifier
from colonnade.bench.progress import silent
from colonnade.bench.run import Options
from colonnade.budget.goal import Goal
from colonnade.budget.tables import Tables, calibrated, measure
from colonnade.calibrate.settings import Calibration
from colonnade.files import write_atomic
from colonnade.graph.onnx_import import import_model
from colonnade.sparse.pattern import Level

SAMPLES = 512
_BATCH = 8


@dataclass(frozen=True)
class Row:
    """A way to prune, by its name in METHODS, and how far. run: the network and the draw of images."""

    method: str
    sparsity: float
    run: int
    tile: int = 8
    group: int | None = None

    @property
    def setting(self) -> Row:
        """The same for all runs."""
        return replace(self, run=0)

    def path(self, folder: Path) -> Path:
        """Of the file that holds its result."""
        name = self.method.replace(" ", "-").replace(":", "-")
        return folder / "rows" / f"{name}-{self.sparsity}-T{self.tile}-M{self.group or 'all'}-run{self.run}.json"


@dataclass(frozen=True)
class Case:
    """A network, the images without labels to prune it by, and what is asked. levels: sparsities that a layer may have
    where each has its own."""

    dense: onnx.ModelProto
    images: np.ndarray
    row: Row
    levels: tuple[float, ...]
    folder: Path

    def by_images(self, settings: Calibration) -> onnx.ModelProto:
        """What `colonnade prune --calibrate` gives."""
        row = self.row
        settings = replace(settings, seed=row.run)
        model = api.Model(self.dense, "network")
        return api.prune(
            model, row.sparsity, tile=row.tile, group=row.group, calibrate=self.images, settings=settings
        ).proto

    def recalibrated(self, pruned: onnx.ModelProto) -> onnx.ModelProto:
        return baselines.recalibrated(pruned, self.dense, self.images)

    def allocated(self, costs: np.ndarray | None = None) -> onnx.ModelProto:
        """What `colonnade allocate --sparsity` gives. costs [layers]: what a dense layer costs, instead of the number
        of its weights."""
        tables = self.tables
        if costs is not None:
            tables = replace(tables, cost=tables.cost / tables.cost[:, :1] * (costs / costs.sum())[:, np.newaxis])
        chosen = tables.curve.within(1 - self.row.sparsity)
        assert chosen is not None
        own = {layer: tables.levels[i] for layer, i in zip(tables.layers, chosen.options[1:], strict=True)}
        model, settings = api.Model(self.dense, "network"), Calibration(seed=self.row.run)
        return calibrated(model, self.images, 0.0, own, Options(), settings, silent).proto

    @cached_property
    def tables(self) -> Tables:
        """What each layer costs and loses at each level; kept in a file, as all sparsities of a run share them."""
        path = self.folder / f"tables-run{self.row.run}.json"
        if path.exists():
            stored = json.loads(path.read_text())
            layers, levels = tuple(stored["layers"]), tuple(map(Level, stored["sparsities"]))
            return Tables(layers, levels, np.array(stored["cost"]), stored["fixed"], np.array(stored["error"]))
        model, settings = api.Model(self.dense, "network"), Calibration(seed=self.row.run)
        options = Options(sparsities=self.levels)
        goal = Goal(sparsity=self.row.sparsity)
        tables = measure(model, self.images, goal, options, settings, silent)
        stored = {
            "layers": list(tables.layers),
            "sparsities": [level.sparsity for level in tables.levels],
            "cost": tables.cost.tolist(),
            "fixed": tables.fixed,
            "error": tables.error.tolist(),
        }
        write_atomic(path, json.dumps(stored).encode())
        return tables


METHODS: dict[str, Callable[[Case], onnx.ModelProto]] = {
    "filters": lambda case: case.recalibrated(baselines.without_filters(case.dense, case.row.sparsity)),
    "row-wise N:M": lambda case: case.recalibrated(baselines.row_wise(case.dense, case.row.sparsity)),
    "unstructured": lambda case: case.recalibrated(baselines.unstructured(case.dense, case.row.sparsity)),
    "columns": lambda case: _by_magnitude(case),
    "columns recalibrated": lambda case: case.recalibrated(_by_magnitude(case)),
    "reconstruction": lambda case: case.by_images(Calibration("magnitude", cluster=False)),
    "obs": lambda case: case.by_images(Calibration(cluster=False)),
    "clustering": lambda case: case.by_images(Calibration()),
    "budgets of multiply-adds": lambda case: case.allocated(_multiply_adds(case.dense, case.tables.layers)),
    "budgets of weights": lambda case: case.allocated(),
}


def measure_row(row: Row, levels: tuple[float, ...], folder: Path, network: int) -> None:
    """Prune, run on the test images, and write the result beside the row's name: top-1 and points lost, percent of
    images with the class of the dense network, shares of weights and multiply-adds left in prunable layers, seconds."""
    dense = onnx.load(folder / f"network-{network}.onnx")
    images = drawn(np.load(folder / "train.npy", mmap_mode="r"), row.run)
    began = time.perf_counter()
    pruned = METHODS[row.method](Case(dense, images, row, levels, folder))
    seconds = time.perf_counter() - began
    test = np.load(folder / "test.npz")
    expected = np.load(folder / f"dense-{network}.npy")
    found = classes(pruned, test["x"])
    weights, work = _left(pruned)
    top1, dense_top1 = (100 * float((answer == test["y"]).mean()) for answer in (found, expected))
    result = {
        **asdict(row),
        "top1": top1,
        "lost": dense_top1 - top1,
        "agreement": 100 * float((found == expected).mean()),
        "weights": weights,
        "multiply_adds": work,
        "seconds": seconds,
    }
    write_atomic(row.path(folder), json.dumps(result).encode())


def drawn(images: np.ndarray, run: int) -> np.ndarray:
    """The images of a run: f32 [SAMPLES, C, H, W]."""
    chosen = np.random.default_rng(run).permutation(len(images))[:SAMPLES]
    return np.ascontiguousarray(images[np.sort(chosen)])


def classes(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    """The class of each image."""
    result: np.ndarray = open_classifier(model, batch=_BATCH).scores(images)[0].argmax(axis=1)
    return result


def _by_magnitude(case: Case) -> onnx.ModelProto:
    row = case.row
    return api.prune(api.Model(case.dense, "network"), row.sparsity, tile=row.tile, group=row.group).proto


def _multiply_adds(model: onnx.ModelProto, layers: tuple[str, ...]) -> np.ndarray:
    """Of each dense layer, for one image."""
    graph = import_model(model, batch=1)
    nodes = {node.name: node for node in graph.nodes}
    sizes = [graph.constants[nodes[name].inputs[1]].size for name in layers]
    return np.array(
        [size * np.prod(graph.shape(nodes[name].output)[2:]) for size, name in zip(sizes, layers, strict=True)]
    )


def _left(pruned: onnx.ModelProto) -> tuple[float, float]:
    """Shares of weights and of multiply-adds that are left in the prunable layers."""
    layers = {convolution.name: convolution.weights() for convolution in baselines.prunable(pruned)}
    sizes = np.array([weights.size for weights in layers.values()])
    left = np.array([np.count_nonzero(weights) for weights in layers.values()])
    work = _multiply_adds(pruned, tuple(layers))
    return float(left.sum() / sizes.sum()), float((left / sizes * work).sum() / work.sum())
