"""Trains a dense network of this example from scratch and writes its weights, its ONNX file and its log.

    python train_dense.py resnet --output DIR [--epochs 8] [--seed 0] [--device cuda] [--bf16]

SGD with Nesterov's momentum, one cycle of the learning rate, shift and flip. After each epoch DIR/last.pt is replaced,
from which the same command goes on; the log is DIR/log.jsonl. At the end: DIR/weights.pt and DIR/NETWORK-SEED.onnx.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from pathlib import Path

import networks
import torch
from torch import nn
from torch.utils.data import DataLoader

from colonnade.files import write_atomic
from colonnade.train.datasets import (
    FASHION_MNIST,
    Augment,
    Key,
    LabelledImages,
    batches,
    collate,
    evaluation_batches,
    fashion_mnist,
)
from colonnade.train.export import export_onnx

BATCH = 128
TEST_BATCH = 500
PEAK_RATE = 0.15
NETWORKS = {"resnet": networks.fashion_resnet, "mobilenet": networks.fashion_mobilenet}


def main() -> None:
    options = _parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.output.mkdir(parents=True, exist_ok=True)
    train, test = fashion_mnist(options.data, Augment(shift=2, flip=True), options.seed)
    device = torch.device(options.device)
    model = NETWORKS[options.network]().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=PEAK_RATE, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=options.epochs * (len(train) // BATCH), pct_start=0.25
    )
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    checkpoint = options.output / "last.pt"
    start = _resume(checkpoint, parts)
    for epoch in range(start, options.epochs):
        began = time.monotonic()
        keys = batches(len(train), BATCH, epoch=epoch, seed=options.seed)
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=options.bf16)
        loss = _train_epoch(model, _load(train, keys, options.workers), optimizer, schedule, device, autocast)
        found = accuracy(model, test, device)
        line = {"epoch": epoch, "loss": loss, "accuracy": found, "seconds": time.monotonic() - began}
        with (options.output / "log.jsonl").open("a") as log:
            print(json.dumps(line), file=log)
        state = {"epoch": epoch + 1} | {name: part.state_dict() for name, part in parts.items()}
        _save(checkpoint, state)
    model = model.cpu().eval()
    _save(options.output / "weights.pt", model.state_dict())
    export_onnx(model, test[0, 0][0][None], options.output / f"{options.network}-{options.seed}.onnx")


def accuracy(model: nn.Module, test: LabelledImages, device: torch.device) -> float:
    """Fraction of the test images whose class is found."""
    model.eval()
    right = 0
    with torch.inference_mode():
        for batch in _load(test, evaluation_batches(len(test), TEST_BATCH), 0):
            right += int((model(batch.images.to(device)).argmax(1).cpu() == batch.labels).sum())
    return right / len(test)


def _load(images: LabelledImages, keys: list[list[Key]], workers: int) -> DataLoader:
    return DataLoader(images, batch_sampler=keys, num_workers=workers, collate_fn=collate)


def _train_epoch(
    model: nn.Module,
    loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    device: torch.device,
    autocast: torch.autocast,
) -> float:
    """Mean loss of the epoch."""
    model.train()
    total = 0.0
    for batch in loader:
        images = batch.images.to(device, memory_format=torch.channels_last)
        with autocast:  # around one step: it remembers the weights it has converted
            loss = nn.functional.cross_entropy(model(images), batch.labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item()
    return total / len(loader)


def _resume(checkpoint: Path, parts: dict[str, object]) -> int:
    """Load what a run that was stopped has left; the epoch to go on with."""
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return state["epoch"]


def _save(path: Path, state: object) -> None:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(path, buffer.getvalue())


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--output", type=Path, required=True, help="folder for checkpoint, log and weights")
    parser.add_argument("--data", type=Path, default=FASHION_MNIST, help="folder of the four files")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="processes that read images ahead")
    parser.add_argument("--device", default="cpu", help="of PyTorch, such as cuda")
    parser.add_argument("--bf16", action="store_true", help="convolutions in bfloat16, weights and accuracy in float32")
    return parser.parse_args()


if __name__ == "__main__":
    main()
