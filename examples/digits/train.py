"""Trains the network `digits_cnn` of the zoo on scikit-learn's digits and writes it as an ONNX file.

    python train.py OUTPUT.onnx      # a minute on one thread

SGD with Nesterov's momentum, one cycle of the learning rate, shift by one pixel; the network after the last epoch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn

from colonnade.train.datasets import batches, collate, evaluation_batches, open_datasets
from colonnade.train.export import export_onnx
from colonnade.train.recipe import DataSection

EPOCHS, BATCH, PEAK_RATE, SEED = 60, 32, 0.1, 0
CHANNELS = (16, 32, 48)
CLASSES = 10


def digits_cnn() -> nn.Module:
    """Three 3x3 convolutions, the last of stride 2: 19 thousand weights."""
    layers: list[nn.Module] = []
    for index, (inputs, outputs) in enumerate(zip((1, *CHANNELS[:-1]), CHANNELS, strict=True)):
        stride = 2 if index == len(CHANNELS) - 1 else 1
        layers += [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS[-1], CLASSES))


def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    train, test = open_datasets(DataSection(kind="digits", shift=1), Path(), SEED)
    model = digits_cnn()
    optimizer = torch.optim.SGD(model.parameters(), lr=PEAK_RATE, momentum=0.9, weight_decay=5e-4, nesterov=True)
    steps = EPOCHS * (len(train) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=steps)
    for epoch in range(EPOCHS):
        for keys in batches(len(train), BATCH, epoch=epoch, seed=SEED):
            batch = collate([train[key] for key in keys])
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(batch.images), batch.labels).backward()
            optimizer.step()
            schedule.step()
    model.eval()
    (keys,) = evaluation_batches(len(test), len(test))
    every = collate([test[key] for key in keys])
    right = int((model(every.images).argmax(1) == every.labels).sum())
    print(f"{right} of {len(test)} test images right")
    export_onnx(model, every.images[:1], Path(sys.argv[1]))


if __name__ == "__main__":
    main()
