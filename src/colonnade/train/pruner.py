"""Column-wise n:m pruning of an nn.Module while it trains: prepare, step, squash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor, nn

from colonnade.errors import ColonnadeError
from colonnade.sparse.pattern import Pattern
from colonnade.sparse.prune import LayerReport, PruneReport, reasons_dense
from colonnade.train.layers import Layer, describe, find_layers
from colonnade.train.mask import ColumnMask, put_mask, take_mask_off, unmasked
from colonnade.train.schedule import OneShot, Schedule, StraightThrough


class ColumnPruner:
    """Keeps the convolutions of a model in the pattern of `sparse.pattern` while it trains.

        pruner = ColumnPruner(model, Pattern(0.75), Gradual(steps=1000))
        pruner.prepare(example)          # parametrizations; before the optimiser and DistributedDataParallel
        for ...:
            loss.backward(); optimizer.step(); pruner.step()
        pruner.squash()                  # ordinary weights with zeros

    The masks are buffers of the model, the rest of the state is in `state_dict`. To resume: prepare a fresh model,
    then load both. Every process of a distributed run chooses the same masks, as it has the same weights.
    """

    def __init__(
        self,
        model: nn.Module,
        pattern: Pattern | None,
        schedule: Schedule | None = None,
        *,
        skip: Sequence[str] = (),
        layers: Mapping[str, Pattern] | None = None,
    ) -> None:
        """pattern None: the model is pruned already, in whatever pattern, and the weights that are zero in `prepare`
        stay zero. skip: layers to leave dense, names or globs. layers: patterns of single layers instead of `pattern`.
        """
        self._model = model
        self._pattern = pattern
        self._schedule = schedule or OneShot()
        self._skip = tuple(skip)
        self._own_patterns = dict(layers or {})
        self._layers: dict[str, tuple[Layer, ColumnMask, Pattern | None]] = {}
        self._dense: dict[str, tuple[Layer, str]] = {}
        self._steps = 0

    def prepare(self, example: Tensor) -> PruneReport:
        """Put masks on every layer that is to be pruned, choose them if the schedule says so, and tell what was done.

        Which layers stay dense follows the package's rule for ONNX models; the model is run once on `example`, a batch
        of its input, to find the stem. ColonnadeError where nothing is left to prune, for names that fit no layer, and
        for weights that are not finite.
        """
        if self._layers:
            raise ColonnadeError("the model is prepared already")
        layers = find_layers(self._model)
        reasons = reasons_dense(describe(self._model, layers, example), self._skip)
        reasons = [
            reason or self._without_zeros(name, layer)
            for (name, layer), reason in zip(layers.items(), reasons, strict=True)
        ]
        self._dense = {name: (layers[name], reason) for name, reason in zip(layers, reasons, strict=True) if reason}
        chosen = {name: layer for name, layer in layers.items() if name not in self._dense}
        if not chosen:
            raise ColonnadeError(f"nothing to prune: all {len(layers)} convolutions of the model stay dense")
        if unknown := self._own_patterns.keys() - chosen.keys():
            raise ColonnadeError(f"layers: {min(unknown)!r} is no layer that is pruned; there is {', '.join(chosen)}")
        self._attach(chosen)
        self._choose()
        return self.report()

    def step(self) -> None:
        """Count a step of the optimiser; choose masks anew where the schedule says so."""
        self._check_prepared()
        self._steps += 1
        self._choose()

    def squash(self) -> PruneReport:
        """Make the masked weights the model's weights and take the masks off."""
        self._check_prepared()
        report = self.report()
        for layer, _, _ in self._layers.values():
            take_mask_off(layer)
        self._layers = {}
        return report

    def report(self) -> PruneReport:
        """Every convolution as it is now, in the model's order."""
        reports = {name: _dense_report(name, layer, reason) for name, (layer, reason) in self._dense.items()}
        for name, (layer, mask, pattern) in self._layers.items():
            reports[name] = _masked_report(name, layer, mask, pattern)
        return PruneReport(tuple(reports[name] for name in find_layers(self._model)))

    def state_dict(self) -> dict[str, Any]:
        """What the model's own state does not hold: steps done, and the request for checking."""
        return {"steps": self._steps, "request": self._request()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`, after `prepare`. ColonnadeError if it is of another request."""
        self._check_prepared()
        if state["request"] != self._request():
            raise ColonnadeError(
                f"the checkpoint was pruned with {state['request']}, not with {self._request()}; start anew"
            )
        self._steps = state["steps"]

    def _request(self) -> dict[str, Any]:
        return {
            "schedule": type(self._schedule).__name__,
            **asdict(self._schedule),
            "layers": {name: pattern and asdict(pattern) for name, (_, _, pattern) in self._layers.items()},
        }

    def _without_zeros(self, name: str, layer: Layer) -> str | None:
        """Why a layer stays dense that is to keep its zeros."""
        keeps = self._own_patterns.get(name, self._pattern) is None
        return "has no zeros" if keeps and bool(layer.weight.all()) else None

    def _attach(self, chosen: Mapping[str, Layer]) -> None:
        straight_through = isinstance(self._schedule, StraightThrough)
        masks: dict[int, ColumnMask] = {}  # one for each tensor: layers may share theirs
        for name, layer in chosen.items():
            if not torch.isfinite(layer.weight).all():
                raise ColonnadeError(f"layer {name!r}: weights hold NaN or infinity; repair the model first")
            mask = masks.setdefault(id(layer.weight), ColumnMask(layer.weight, layer.groups, straight_through))
            self._layers[name] = (layer, mask, self._own_patterns.get(name, self._pattern))
        for layer, mask, _ in self._layers.values():
            put_mask(layer, mask)

    def _choose(self) -> None:
        for layer, mask, pattern in self._layers.values():
            if pattern is None:
                if self._steps == 0:
                    mask.keep_zeros(unmasked(layer))
                continue
            sparsity = self._schedule.sparsity(self._steps, pattern.sparsity)
            if sparsity is not None:
                mask.choose(unmasked(layer), replace(pattern, sparsity=sparsity))

    def _check_prepared(self) -> None:
        if not self._layers:
            raise ColonnadeError("the model is not prepared; call prepare first")


def _dense_report(name: str, layer: Layer, reason: str) -> LayerReport:
    columns = layer.weight[0].numel()
    zeros = 1 - int(torch.count_nonzero(layer.weight)) / layer.weight.numel()
    return LayerReport(name, tuple(layer.weight.shape), columns, columns, zeros, reason=reason)


def _masked_report(name: str, layer: Layer, mask: ColumnMask, pattern: Pattern | None) -> LayerReport:
    return LayerReport(
        name=name,
        shape=tuple(mask.mask.shape),
        columns=mask.mask[0].numel(),
        kept_columns=int(mask.kept[0].sum()),
        achieved=1 - int(torch.count_nonzero(layer.weight)) / layer.weight.numel(),
        requested=pattern.sparsity if pattern else None,
        tile=pattern.tile if pattern else None,
    )
