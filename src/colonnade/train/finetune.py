"""Runs a recipe: train, prune while training, keep the best, export it. One process or several (Accelerate).

Everything random follows from the recipe's seed and the step: the order of the images, what is done to them, dropout.
So a run that was killed goes on from its last checkpoint to the same result, and no random state needs saving.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import accelerate
import numpy as np
import torch
from accelerate.utils import broadcast
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format
from torch.utils.data import DataLoader

from colonnade.api import Progress
from colonnade.errors import ColonnadeError
from colonnade.files import remove_partial, write_atomic
from colonnade.train.checkpoint import load_state, save_state
from colonnade.train.datasets import (
    Batch,
    Key,
    LabelledImages,
    batches,
    collate,
    evaluation_batches,
    open_datasets,
)
from colonnade.train.distill import Distillation, Distiller
from colonnade.train.export import export_onnx, squashed_copy
from colonnade.train.optimizer import learning_rate, make_optimizer
from colonnade.train.pruner import ColumnPruner
from colonnade.train.recipe import Recipe, read_recipe
from colonnade.train.source import build_model
from colonnade.train.start import start_from

CHECKPOINT, BEST, METRICS, ONNX = "checkpoint.pt", "best.pt", "metrics.jsonl", "best.onnx"
_MAX_UNREADABLE = 0.01
_TEST_BATCH = 500


@dataclass(frozen=True)
class Outcome:
    """The best epoch and its accuracy on the test images, from 0 to 1, the dense network's, and where the files are."""

    epoch: int
    accuracy: float
    dense_accuracy: float
    folder: Path


@dataclass
class _Progress:
    """How far a run is: all of its state that is neither the model's, the optimiser's nor the pruner's.

    step: of the epoch. loss: sum over its steps. stale: epochs since the best one.
    """

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    unreadable: int = 0
    best: float = -1.0
    best_epoch: int = 0
    stale: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


def finetune(path: Path, progress: Progress | None = None) -> Outcome | None:
    """Do what the recipe at `path` says, going on from the checkpoint in its output folder if there is one.

    The folder then holds best.pt (a state_dict of the network without masks), best.onnx, metrics.jsonl with a line for
    each epoch, and checkpoint.pt. Under `accelerate launch` all processes call this, and all but the first get None.
    ColonnadeError for a recipe, data or a network that cannot be used.
    """
    recipe = read_recipe(path)
    accelerator = accelerate.Accelerator(mixed_precision="no")
    outcome = _Run(recipe, path.parent, accelerator, progress).train()
    accelerator.wait_for_everyone()  # one that ended while another still exports would take it down
    accelerator.end_training()
    return outcome


class _Run:
    def __init__(
        self, recipe: Recipe, folder: Path, accelerator: accelerate.Accelerator, progress: Progress | None
    ) -> None:
        self._recipe = recipe
        self._accelerator = accelerator
        self._tell = progress if progress and accelerator.is_main_process else _say_nothing
        self._folder = folder / recipe.output
        self._train_set, self._test_set = open_datasets(recipe.data, folder, recipe.seed)
        self._steps_per_epoch = self._count_steps()
        torch.manual_seed(recipe.seed)
        network = build_model(recipe.model, folder)
        self._example = _first_image(self._test_set)
        _check_classes(network, self._example, max(self._train_set.classes, self._test_set.classes))
        self._layout = torch.channels_last if recipe.train.channels_last else torch.contiguous_format
        self._network = convert_conv2d_weight_memory_format(network.to(accelerator.device), self._layout)
        self._example = self._example.to(accelerator.device)
        self._at = _Progress()
        self._prepare_folder()
        dense = copy.deepcopy(self._network)
        self._distiller = self._make_distiller()
        self._pruner = self._make_pruner(folder)
        optimizer = make_optimizer(self._network, recipe.train)
        self._model, self._optimizer = accelerator.prepare(self._network, optimizer)
        if (self._folder / CHECKPOINT).exists():
            self._resume()
        else:
            before = {"dense_accuracy": self._accuracy(dense), "accuracy": self._accuracy(self._network)}
            self._at.history.append({"epoch": 0} | before)

    def train(self) -> Outcome | None:
        train = self._recipe.train
        while self._at.epoch < train.epochs and not (train.patience and self._at.stale >= train.patience):
            began = time.monotonic()
            self._train_epoch()
            self._finish_epoch(time.monotonic() - began)
        if not self._accelerator.is_main_process:
            return None
        best = squashed_copy(self._network)
        best.load_state_dict(load_state(self._folder / BEST))
        export_onnx(best, self._example, self._folder / ONNX)
        return Outcome(self._at.best_epoch, self._at.best, self._at.history[0]["dense_accuracy"], self._folder)

    def _train_epoch(self) -> None:
        """From the step at which the run is to the end of the epoch."""
        recipe, own = self._recipe, self._accelerator
        keys = batches(
            len(self._train_set),
            recipe.train.batch,
            epoch=self._at.epoch,
            seed=recipe.seed,
            process=own.process_index,
            processes=own.num_processes,
        )
        self._model.train()
        loss = torch.zeros((), dtype=torch.float64, device=own.device)
        for batch in self._load(self._train_set, keys[self._at.step :]):
            self._check_readable(batch)
            loss += self._step(batch)
            self._at.step += 1
            done = self._at.epoch * self._steps_per_epoch + self._at.step
            self._tell(f"epoch {self._at.epoch + 1}", done, recipe.train.epochs * self._steps_per_epoch)
            every = recipe.train.checkpoint_steps
            if self._at.step == self._steps_per_epoch or (every and self._at.step % every == 0):
                self._add_loss(loss)
                loss.zero_()
            if every and self._at.step % every == 0:
                self._save()

    def _step(self, batch: Batch) -> Tensor:
        """One step of the optimiser; the loss of this process's part of the batch."""
        recipe, device = self._recipe, self._accelerator.device
        step = self._at.epoch * self._steps_per_epoch + self._at.step
        _seed_torch(recipe.seed, self._accelerator.process_index, step)
        rate = learning_rate(recipe.train, step, self._steps_per_epoch)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        images = batch.images.to(device=device, memory_format=self._layout)
        labels = batch.labels.to(device)
        # Not Accelerate's autocast, which stays on the network: it would be measured and exported in bfloat16 too.
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.train.precision == "bf16"):
            logits = self._model(images)
            if self._distiller:
                loss = self._distiller.loss(images, logits, labels)
            else:
                loss = nn.functional.cross_entropy(logits, labels)
        self._optimizer.zero_grad()
        self._accelerator.backward(loss)
        if recipe.train.clip:
            self._accelerator.clip_grad_norm_(self._model.parameters(), recipe.train.clip)
        self._optimizer.step()
        if self._pruner:
            self._pruner.step()
        return loss.detach()

    def _finish_epoch(self, seconds: float) -> None:
        """Measure; keep the network if it is the best so far; write checkpoint and metrics, in this order, so that a
        run that is killed in between does the same again."""
        at, accuracy = self._at, self._accuracy(self._network)
        at.epoch, at.step = at.epoch + 1, 0
        settled = at.epoch * self._steps_per_epoch >= self._settled_at()
        best = settled and accuracy > at.best
        line = {
            "epoch": at.epoch,
            "loss": at.loss / self._steps_per_epoch,
            "accuracy": accuracy,
            "best": best,
            "rate": self._optimizer.param_groups[0]["lr"],
            "unreadable": at.unreadable,
            "seconds": round(seconds, 2),
        }
        if self._pruner:
            line["sparsity"] = self._pruner.report().sparsity
        at.history.append(line)
        at.stale = 0 if best or not settled else at.stale + 1
        at.loss, at.unreadable = 0.0, 0
        if best:
            at.best, at.best_epoch = accuracy, at.epoch
            if self._accelerator.is_main_process:
                save_state(self._folder / BEST, squashed_copy(self._network).cpu().state_dict())
        self._save()
        if self._accelerator.is_main_process:
            lines = "".join(json.dumps(entry) + "\n" for entry in at.history)
            write_atomic(self._folder / METRICS, lines.encode())

    def _save(self) -> None:
        if self._accelerator.is_main_process:
            state = {
                "recipe": self._recipe.model_dump_json(),
                "progress": vars(self._at),
                "model": self._network.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "pruner": self._pruner.state_dict() if self._pruner else None,
            }
            save_state(self._folder / CHECKPOINT, state)

    def _resume(self) -> None:
        path = self._folder / CHECKPOINT
        state = load_state(path)
        if state.get("recipe") != self._recipe.model_dump_json():
            raise ColonnadeError(f"{path}: is of another recipe; choose another output, or delete that folder")
        self._network.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._pruner:
            self._pruner.load_state_dict(state["pruner"])
        self._at = _Progress(**state["progress"])

    def _accuracy(self, network: nn.Module) -> float:
        """Fraction of all test images whose class `network` finds."""
        own = self._accelerator
        keys = evaluation_batches(
            len(self._test_set), _TEST_BATCH, process=own.process_index, processes=own.num_processes
        )
        for buffer in network.buffers():  # each process has moved its own batch norms
            broadcast(buffer)
        network.eval()
        right, seen = torch.zeros((2,), dtype=torch.int64, device=own.device)
        with torch.no_grad():
            for batch in self._load(self._test_set, keys):
                seen += len(batch.labels)
                if len(batch.labels):
                    found = network(batch.images.to(device=own.device, memory_format=self._layout)).argmax(1)
                    right += (found == batch.labels.to(own.device)).sum()
        right, seen = own.reduce(torch.stack([right, seen]))
        if len(self._test_set) - int(seen) > _MAX_UNREADABLE * len(self._test_set):
            raise ColonnadeError(
                f"{len(self._test_set) - int(seen)} of {len(self._test_set)} test images cannot be read"
            )
        return int(right) / int(seen)

    def _load(self, images: LabelledImages, keys: list[list[Key]]) -> Iterable[Batch]:
        return DataLoader(images, batch_sampler=keys, num_workers=self._recipe.data.workers, collate_fn=collate)

    def _add_loss(self, loss: Tensor) -> None:
        """Add the mean over all processes to the epoch's loss."""
        mean = self._accelerator.reduce(loss, "mean").item()
        if not math.isfinite(mean):
            raise ColonnadeError(
                f"epoch {self._at.epoch + 1}: the loss is not finite; lower train.rate or set train.clip"
            )
        self._at.loss += mean

    def _check_readable(self, batch: Batch) -> None:
        self._at.unreadable += len(batch.unreadable)
        total = len(self._train_set)
        if self._at.unreadable > _MAX_UNREADABLE * total or not len(batch.labels):
            raise ColonnadeError(
                f"{self._at.unreadable} of {total} training images cannot be read, which is more than "
                f"{_MAX_UNREADABLE:.0%}; {batch.unreadable[0]}"
            )

    def _make_distiller(self) -> Distiller | None:
        options = self._recipe.distill
        return Distiller(self._network, Distillation(**options.model_dump())) if options else None

    def _make_pruner(self, folder: Path) -> ColumnPruner | None:
        prune = self._recipe.prune
        if prune is None:
            return None
        if prune.start:
            start_from(self._network, folder / prune.start, self._example)
        pruner = ColumnPruner(self._network, prune.pattern(), prune.masks.schedule(), skip=prune.skip)
        pruner.prepare(self._example)
        steps = self._recipe.train.epochs * self._steps_per_epoch
        if self._settled_at() > steps:
            raise ColonnadeError(
                f"prune.masks: the final sparsity is reached after {self._settled_at()} steps, but the run has {steps}"
            )
        return pruner

    def _settled_at(self) -> int:
        """The step from which on the network has its final sparsity."""
        prune = self._recipe.prune
        return prune.masks.schedule().settled_at() if prune else 0

    def _count_steps(self) -> int:
        batch, processes = self._recipe.train.batch, self._accelerator.num_processes
        if batch % processes:
            raise ColonnadeError(f"train.batch is {batch}: {processes} processes cannot share it equally")
        if batch > len(self._train_set):
            raise ColonnadeError(f"train.batch is {batch}, but there are only {len(self._train_set)} training images")
        return len(self._train_set) // batch

    def _prepare_folder(self) -> None:
        """Make it, and remove what a killed process may have left half-written."""
        if self._accelerator.is_main_process:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ColonnadeError(f"output: {self._folder} cannot be made: {error.strerror}") from error
            remove_partial(self._folder)
        self._accelerator.wait_for_everyone()


def _first_image(images: LabelledImages) -> Tensor:
    """The first that can be read, as a batch of one."""
    for index in range(len(images)):
        image, _ = images[0, index]
        if isinstance(image, Tensor):
            return image[None]
    raise ColonnadeError("none of the test images can be read")


def _check_classes(network: nn.Module, example: Tensor, classes: int) -> None:
    """ColonnadeError unless the network maps an image to at least so many logits."""
    network.eval()
    try:
        with torch.no_grad():
            logits = network(example)
    except (RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ColonnadeError(
            f"the network does not take images of shape {list(example.shape[1:])}: {reason}"
        ) from error
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        raise ColonnadeError("the network must return one tensor of logits [N, classes]")
    if logits.shape[1] < classes:
        raise ColonnadeError(f"the network has {logits.shape[1]} classes, but the data has {classes}")


def _seed_torch(seed: int, process: int, step: int) -> None:
    """Dropout and the like, different in each process and step."""
    torch.manual_seed(int(np.random.SeedSequence((seed, process, step)).generate_state(1)[0]))


def _say_nothing(what: str, done: int, total: int) -> None:
    pass
