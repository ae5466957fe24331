"""A loss that teaches a pruned network what the dense one answers (Hinton et al. 2015).

Features: Romero et al. 2015.
"""

from __future__ import annotations

import copy
import difflib
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.hooks import RemovableHandle

from colonnade.errors import ColonnadeError


@dataclass(frozen=True)
class Distillation:
    """weight: share of the teacher's answers in the loss, 0 to 1; the rest is that of the labels. temperature: both
    networks' logits are divided by it. features: modules whose outputs are to be alike too, at `feature_weight`."""

    weight: float = 0.9
    temperature: float = 4.0
    features: tuple[str, ...] = ()
    feature_weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise ColonnadeError(f"distillation: weight is {self.weight}: it must be from 0 to 1")
        if self.temperature <= 0:
            raise ColonnadeError(f"distillation: temperature is {self.temperature}: it must be above 0")
        if self.feature_weight < 0:
            raise ColonnadeError(f"distillation: feature_weight is {self.feature_weight}: it must be at least 0")


class Distiller:
    """Holds a frozen copy of the dense network. Make it from the model before `ColumnPruner.prepare`."""

    def __init__(self, model: nn.Module, options: Distillation) -> None:
        self._options = options
        self._teacher = copy.deepcopy(model).eval().requires_grad_(False)
        self._answers: dict[str, Tensor] = {}
        self._maps: dict[str, Tensor] = {}
        modules = dict(model.named_modules())
        for name in options.features:
            if name not in modules:
                near = difflib.get_close_matches(name, modules, n=3, cutoff=0.0)
                raise ColonnadeError(f"distillation: no module is called {name!r}; the nearest are {', '.join(near)}")
            _remember(modules[name], name, self._maps)
            _remember(self._teacher.get_submodule(name), name, self._answers)

    def loss(self, images: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        """Of a batch: images [N, ...], the student's logits [N, classes] for them, labels [N].

        (1 - weight) * cross entropy + weight * temperature^2 * KL(teacher || student), both at the temperature,
        + feature_weight * the mean over features of the squared distance relative to the teacher's mean square.
        """
        options = self._options
        with torch.no_grad():
            expected = self._teacher(images)
        soft = functional.kl_div(
            functional.log_softmax(logits / options.temperature, dim=1),
            functional.log_softmax(expected / options.temperature, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        loss = (1 - options.weight) * functional.cross_entropy(logits, labels)
        loss = loss + options.weight * options.temperature**2 * soft
        if options.features:
            distances = [_distance(self._maps[name], self._answers[name]) for name in options.features]
            loss = loss + options.feature_weight * torch.stack(distances).mean()
        return loss

    def to(self, device: torch.device) -> Distiller:
        """Move the teacher."""
        self._teacher.to(device)
        return self


def _distance(own: Tensor, wanted: Tensor) -> Tensor:
    return functional.mse_loss(own, wanted) / wanted.square().mean().clamp_min(torch.finfo(wanted.dtype).tiny)


def _remember(module: nn.Module, name: str, outputs: dict[str, Tensor]) -> RemovableHandle:
    """Keep the module's latest output in `outputs`."""

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        outputs[name] = output

    return module.register_forward_hook(keep)
