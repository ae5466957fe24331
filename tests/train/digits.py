"""A recipe on scikit-learn's digits that takes a second, and its network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NETWORK = """
import torch
from torch import nn

def digits_net(channels: int = 16, classes: int = 10) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
        nn.Conv2d(channels, 2 * channels, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(2 * channels), nn.ReLU(),
        nn.Dropout(0.1), nn.Conv2d(2 * channels, 2 * channels, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * channels, classes),
    )
"""

RECIPE = """
output = "{output}"
seed = 3
[model]
source = "network.py:digits_net"
[data]
kind = "digits"
shift = 1
[train]
epochs = 3
batch = 64
rate = 0.2
warmup = 0.2
checkpoint_steps = 9
[prune]
sparsity = 0.75
masks = {{ kind = "gradual", steps = 40, every = 5 }}
[distill]
weight = 0.1
"""


def write_recipe(folder: Path, output: str = "out", **replaced: str) -> Path:
    """The recipe and its network in `folder`; `replaced` are lines of the recipe, by the word they begin with."""
    (folder / "network.py").write_text(NETWORK)
    lines = RECIPE.format(output=output).splitlines()
    for word, line in replaced.items():
        place = next(number for number, old in enumerate(lines) if old.startswith((word, f"[{word}")))
        lines[place] = line
    path = folder / f"{output}.toml"
    path.write_text("\n".join(lines))
    return path


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Without the seconds, which differ from run to run."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]
