"""Small PyTorch modules in evaluation mode, with inputs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """A residual block with batch norms whose statistics are not trivial."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        for part in self.body:
            if isinstance(part, nn.BatchNorm2d):
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.uniform_(part.running_var, 0.5, 2.0)  # type: ignore[arg-type]
                nn.init.normal_(part.running_mean)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + x)


def _classifier() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        Block(16),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )


def _of(module: Callable[[], nn.Module], *shape: int) -> Callable[[], tuple[nn.Module, Tensor]]:
    def make() -> tuple[nn.Module, Tensor]:
        torch.manual_seed(0)
        return module().eval(), torch.randn(shape)

    return make


MODULES: dict[str, Callable[[], tuple[nn.Module, Tensor]]] = {
    "conv": _of(lambda: nn.Conv2d(3, 8, 3, padding=1), 2, 3, 9, 9),
    "depthwise": _of(lambda: nn.Conv2d(8, 8, 3, groups=8), 1, 8, 9, 9),
    "norm": _of(lambda: nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8)), 1, 3, 5, 5),
    "block": _of(lambda: Block(16), 1, 16, 14, 14),
    "hardswish": _of(lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.Hardswish()), 1, 3, 9, 9),
    "linear": _of(lambda: nn.Linear(7, 5), 3, 7),
    "pool": _of(lambda: nn.Sequential(nn.Conv2d(3, 8, 1), nn.MaxPool2d(2)), 1, 3, 8, 8),
    "classifier": _of(_classifier, 2, 3, 32, 32),
}


def assert_like(actual: Tensor, expected: Tensor) -> None:
    """Equal shapes, and values within 1e-5 of the largest magnitude."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    scale = float(expected.abs().max())
    torch.testing.assert_close(actual, expected.detach(), rtol=0, atol=1e-5 * scale)
