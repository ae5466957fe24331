"""The optimiser of a recipe and its learning rate, which depends on the step alone."""

from __future__ import annotations

import math

import torch
from torch import nn

from colonnade.train.recipe import TrainSection


def make_optimizer(model: nn.Module, section: TrainSection) -> torch.optim.Optimizer:
    """SGD with Nesterov's momentum, or AdamW."""
    if section.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), lr=section.rate, weight_decay=section.weight_decay)
    return torch.optim.SGD(
        model.parameters(),
        lr=section.rate,
        momentum=section.momentum,
        weight_decay=section.weight_decay,
        nesterov=section.momentum > 0,
    )


def learning_rate(section: TrainSection, step: int, steps_per_epoch: int) -> float:
    """The rate of step `step`, from 0."""
    steps = section.epochs * steps_per_epoch
    rising = round(section.warmup * steps)
    if step < rising:
        return section.rate * (step + 1) / rising
    if section.decay == "cosine":
        return section.rate * (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2
    if section.decay == "step":
        return section.rate * math.pow(0.1, step // (section.decay_epochs * steps_per_epoch))
    return section.rate
