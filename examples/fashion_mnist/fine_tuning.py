"""Measures what is lost after training: prunes dense networks, trains them on by the recipes beside this file, writes
results.json.

    python fine_tuning.py --output DIR --resnets A.pt B.pt C.pt --mobilenets A.pt B.pt C.pt [--only resnet-75 ...]

Network n of each list is pruned and trained with seed n. A row holds the accuracy on all test images after the last
epoch, which no test image has chosen. Stopped, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import post_training_baselines as baselines
import torch
from arrays import write_arrays

from colonnade.files import write_atomic
from colonnade.train.export import export_onnx
from colonnade.train.finetune import METRICS, finetune
from colonnade.train.recipe import ModelSection
from colonnade.train.source import build_model

HERE = Path(__file__).resolve().parent
SAMPLES = 512  # training images to prune by


@dataclass(frozen=True)
class Case:
    """A network, how its dense ONNX file is pruned to the file to start from, and the recipe to go on by. distilled:
    from the dense network, as all recipes say; else by labels alone."""

    network: str
    recipe: str
    prune: Callable[[Path, Path, int], None]
    distilled: bool = True


def _by_images(*goal: str) -> Callable[[Path, Path, int], None]:
    """What `colonnade prune --calibrate` gives for a goal."""

    def prune(dense: Path, pruned: Path, seed: int) -> None:
        command = [sys.executable, "-m", "colonnade", "prune", str(dense), "-o", str(pruned), *goal]
        images = dense.parent.parent / "train.npz"
        subprocess.run(
            [*command, "--calibrate", str(images), "--samples", str(SAMPLES), "--seed", str(seed)], check=True
        )

    return prune


def _unstructured(dense: Path, pruned: Path, seed: int) -> None:
    """The largest 25 % of the weights of each layer, batch norms recalibrated by the same images."""
    images = np.load(dense.parent.parent / "train.npz")["x"]
    chosen = images[np.sort(np.random.default_rng(seed).permutation(len(images))[:SAMPLES])]
    model = onnx.load(dense)
    onnx.save(baselines.recalibrated(baselines.unstructured(model, 0.75), model, chosen), pruned)


CASES = {
    "resnet-50": Case("resnet", "resnet-50.toml", _by_images("--sparsity", "0.5")),
    "resnet-75": Case("resnet", "resnet-75.toml", _by_images("--sparsity", "0.75")),
    "resnet-87": Case("resnet", "resnet-87.toml", _by_images("--sparsity", "0.875")),
    "resnet-75-labels": Case("resnet", "resnet-75.toml", _by_images("--sparsity", "0.75"), distilled=False),
    "resnet-75-unstructured": Case("resnet", "resnet-75.toml", _unstructured),
    "resnet-50-allocated": Case("resnet", "resnet-50.toml", _by_images("--sparsity", "0.5", "--allocate")),
    "resnet-87-allocated": Case("resnet", "resnet-87.toml", _by_images("--sparsity", "0.875", "--allocate")),
    "mobilenet-1.5x": Case("mobilenet", "mobilenet-1.5x.toml", _by_images("--speedup", "1.5x")),
}


def main() -> None:
    options = _parse()
    torch.set_num_threads(options.threads)
    options.output.mkdir(parents=True, exist_ok=True)
    if not (options.output / "train.npz").exists():
        write_arrays(options.output)
    weights = {"resnet": options.resnets, "mobilenet": options.mobilenets}
    rows = []
    for seed in range(max(map(len, weights.values()))):
        for name in options.only or CASES:
            if seed < len(weights[CASES[name].network]):
                rows.append(_row(name, weights[CASES[name].network][seed], seed, options.output))
                print(json.dumps(rows[-1]), flush=True)
    write_atomic(options.output / "results.json", (json.dumps(rows, indent=1) + "\n").encode())


def _row(name: str, weights: Path, seed: int, output: Path) -> dict[str, object]:
    """Accuracies from 0 to 1 of the test images. sparsity: share of zeros in the weights of all convolutions."""
    case = CASES[name]
    folder = output / f"{case.network}-{seed}"
    dense, pruned = folder / "dense.onnx", folder / f"{name}.onnx"
    if not dense.exists():
        folder.mkdir(exist_ok=True)
        shutil.copy(weights, folder / "dense.pt")
        section = ModelSection(source=f"{HERE / 'networks.py'}:fashion_{case.network}", weights=folder / "dense.pt")
        export_onnx(build_model(section, HERE).eval(), torch.zeros(1, 1, 28, 28), dense)
    if not pruned.exists():
        case.prune(dense, pruned, seed)
    recipe = folder / f"{name}.toml"
    text = (HERE / case.recipe).read_text()
    for key, value in (
        ("output", json.dumps(name)),
        ("seed", str(seed)),
        ("source", json.dumps(f"{HERE / 'networks.py'}:fashion_{case.network}")),
        ("weights", '"dense.pt"'),
        ("start", json.dumps(pruned.name)),
    ):
        text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        assert count == 1
    if not case.distilled:
        text, count = re.subn(r"^\[distill\]\n(.+\n)+", "", text, flags=re.MULTILINE)
        assert count == 1
    recipe.write_text(text)
    finetune(recipe)
    lines = [json.loads(line) for line in (folder / name / METRICS).read_text().splitlines()]
    first, last = lines[0], lines[-1]
    return {
        "case": name,
        "seed": seed,
        "sparsity": last["sparsity"],
        "epochs": last["epoch"],
        "dense": first["dense_accuracy"],
        "start": first["accuracy"],
        "pruned": last["accuracy"],
        "lost": round(100 * (first["dense_accuracy"] - last["accuracy"]), 2),
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for all results")
    parser.add_argument("--resnets", type=Path, nargs="*", default=[], help="state_dicts of trained networks")
    parser.add_argument("--mobilenets", type=Path, nargs="*", default=[])
    parser.add_argument("--only", nargs="+", choices=CASES, help="cases [all]")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
