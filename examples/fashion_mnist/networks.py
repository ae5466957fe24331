"""The two networks of this example, for grey images of 28 x 28 pixels and ten classes.

They have the structure of ResNet-20 (He et al. 2015, section 4.2) and MobileNet-V2 (Sandler et al. 2018, table 2) at a
size that trains on a CPU in minutes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

CLASSES = 10


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution that keeps the size at stride 1, and its batch norm."""
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(inputs, outputs, 3, stride), nn.ReLU(inplace=True), *_convolution(outputs, outputs, 3)
        )
        changes = stride > 1 or inputs != outputs
        self.shortcut = nn.Sequential(*(_convolution(inputs, outputs, 1, stride) if changes else []))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class InvertedResidual(nn.Module):
    """1x1 expansion, 3x3 depthwise, 1x1 linear projection; a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [*_convolution(inputs, hidden, 1), nn.ReLU6(inplace=True)] if expansion > 1 else []
        self.body = nn.Sequential(
            *expand,
            *_convolution(hidden, hidden, 3, stride, groups=hidden),
            nn.ReLU6(inplace=True),
            *_convolution(hidden, outputs, 1),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.residual else self.body(x)


def fashion_resnet(width: int = 24, blocks: tuple[int, int, int] = (1, 3, 3)) -> nn.Module:
    """Stages of so many basic blocks at 28, 14 and 7 pixels; 587 thousand weights."""
    layers = [*_convolution(1, width, 3), nn.ReLU(inplace=True)]
    inputs = width
    for stage, count in enumerate(blocks):
        outputs = width << stage
        for block in range(count):
            layers.append(BasicBlock(inputs, outputs, 2 if stage and not block else 1))
            inputs = outputs
    return nn.Sequential(*layers, *_classifier(inputs))


# Expansion, channels, blocks, stride of the first block: table 2, narrower and with fewer strides.
_MOBILENET_STAGES = ((1, 16, 1, 2), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 2, 1))


def fashion_mobilenet(last: int = 320) -> nn.Module:
    """Inverted residuals at 28, 14 and 7 pixels, and a 1x1 convolution of `last` channels."""
    layers = [*_convolution(1, 16, 3), nn.ReLU6(inplace=True)]
    inputs = 16
    for expansion, outputs, blocks, stride in _MOBILENET_STAGES:
        for block in range(blocks):
            layers.append(InvertedResidual(inputs, outputs, 1 if block else stride, expansion))
            inputs = outputs
    return nn.Sequential(*layers, *_convolution(inputs, last, 1), nn.ReLU6(inplace=True), *_classifier(last))


def _classifier(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)]
