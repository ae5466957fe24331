"""The parametrization that zeroes the dropped columns of one convolution's weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from colonnade.sparse.pattern import Pattern, convolution_mask


class ColumnMask(nn.Module):
    """weights [Cout, Cin/groups, ...] -> the same with zeros where `kept` is false.

    The mask is a buffer and so a part of the model's state_dict. It holds 1.0 for what is kept and 0.0 for the rest, so
    that a moving average of buffers can follow it: of an averaged mask that counts as kept which is nearer to 1.
    straight_through: the gradient passes as if nothing were masked; otherwise dropped weights get none.
    """

    mask: Tensor

    def __init__(self, weights: Tensor, groups: int, straight_through: bool) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones_like(weights))
        self._groups = groups
        self._straight_through = straight_through

    @property
    def kept(self) -> Tensor:
        """Booleans like the weights."""
        return self.mask > 0.5

    def forward(self, weights: Tensor) -> Tensor:
        masked = torch.where(self.kept, weights, 0)
        # w + (0 - w) and w + (w - w) are exact: the value is that of `masked`.
        return weights + (masked - weights).detach() if self._straight_through else masked

    @torch.no_grad()
    def choose(self, weights: Tensor, pattern: Pattern) -> None:
        """Set the mask by the rule of `sparse.pattern`, applied to all weights or, unless straight-through, to those
        that are left."""
        candidates = weights if self._straight_through else torch.where(self.kept, weights, 0)
        # Half-precision types that numpy lacks fit float32 exactly.
        exact = candidates.detach().cpu().to(torch.promote_types(weights.dtype, torch.float32))
        chosen = convolution_mask(exact.contiguous().numpy(), self._groups, pattern)
        self.mask.copy_(torch.from_numpy(chosen))

    @torch.no_grad()
    def keep_zeros(self, weights: Tensor) -> None:
        """Let the mask be what is not zero in `weights`."""
        self.mask.copy_(weights != 0)


def put_mask(layer: nn.Module, mask: ColumnMask) -> None:
    """Let `layer.weight` be what `mask` leaves of it."""
    parametrize.register_parametrization(layer, "weight", mask, unsafe=True)


def has_mask(module: nn.Module) -> bool:
    """Is the module's weight behind a `ColumnMask`?"""
    return parametrize.is_parametrized(module, "weight") and isinstance(_list(module)[0], ColumnMask)


def unmasked(layer: nn.Module) -> nn.Parameter:
    """The weights behind the mask, dropped ones included: the parameter that is trained."""
    original = _list(layer).original
    assert isinstance(original, nn.Parameter)
    return original


@torch.no_grad()
def take_mask_off(layer: nn.Module) -> None:
    """Make the masked weights the layer's plain parameter, which stays the same object.

    torch's remove_parametrizations deletes the property `weight` of a class that deep copies of the layer share, and
    so breaks those; here only this layer changes.
    """
    parameter = unmasked(layer)
    weights = layer.weight
    assert isinstance(weights, Tensor)
    parameter.copy_(weights)
    plain = parametrize.type_before_parametrizations(layer)
    del layer.parametrizations
    layer.__class__ = plain
    layer.register_parameter("weight", parameter)


def _list(layer: nn.Module) -> parametrize.ParametrizationList:
    lists = layer.parametrizations
    assert isinstance(lists, nn.ModuleDict)
    found = lists["weight"]
    assert isinstance(found, parametrize.ParametrizationList)
    return found
