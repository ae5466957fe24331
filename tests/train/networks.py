"""Small networks that have every kind of convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SmallNet(nn.Module):
    """Stem, residual 3x3, grouped, depthwise and 1x1 convolutions, channels that no tile of 8 divides, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 12, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(12)
        self.wide = nn.Conv2d(12, 12, 3, padding=1)
        self.grouped = nn.Conv2d(12, 20, 3, padding=1, stride=2, groups=2)
        self.depthwise = nn.Conv2d(20, 20, 3, padding=1, groups=20)
        self.point = nn.Conv2d(20, 21, 1)
        self.classifier = nn.Linear(21, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        x = torch.relu(x + self.wide(x))
        x = torch.relu(self.depthwise(torch.relu(self.grouped(x))))
        return self.classifier(torch.relu(self.point(x)).mean((2, 3)))


PRUNED = ("wide", "grouped", "point")


def small_net(seed: int = 0) -> SmallNet:
    torch.manual_seed(seed)
    return SmallNet()


EXAMPLE = torch.zeros(1, 1, 8, 8)
