"""Runs recipes, or goes on with what was stopped, and writes a row for each to results/fine-tuning.json.

    python fine_tuning.py resnet-50.toml resnet-75.toml resnet-87.toml

A row holds the accuracy after the last epoch, which no test image has chosen.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from colonnade.files import write_atomic
from colonnade.train.finetune import METRICS, finetune
from colonnade.train.recipe import read_recipe

RESULTS = Path(__file__).parent / "results" / "fine-tuning.json"


def main() -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    rows = [_row(Path(name)) for name in sys.argv[1:]]
    write_atomic(RESULTS, (json.dumps(rows, indent=1) + "\n").encode())


def _row(path: Path) -> dict[str, object]:
    """Accuracies from 0 to 1 of the test images. sparsity: share of zeros in the weights of all convolutions."""
    recipe = read_recipe(path)
    finetune(path)
    lines = (path.parent / recipe.output / METRICS).read_text().splitlines()
    first, last = json.loads(lines[0]), json.loads(lines[-1])
    return {
        "recipe": path.name,
        "network": recipe.model.source.rpartition(":")[2],
        "seed": recipe.seed,
        "sparsity": last["sparsity"],
        "epochs": last["epoch"],
        "distillation": recipe.distill.weight if recipe.distill else 0.0,
        "dense": first["dense_accuracy"],
        "start": first["accuracy"],
        "pruned": last["accuracy"],
    }


if __name__ == "__main__":
    main()
