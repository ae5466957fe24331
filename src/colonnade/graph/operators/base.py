"""What every operator of the graph says of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from colonnade.elements import DEFAULT, Element

# Real numbers of a graph, weights above all, are kept in this type.
REAL = np.dtype(DEFAULT.dtype)


class Operator(ABC):
    """What a node computes. An operator is a frozen dataclass of its attributes that derives from this class. How it
    runs is said elsewhere, by one function in plan/lowering/."""

    @abstractmethod
    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """The output, of `shape`, in plain numpy: what passes and kernels are checked against. Sums are
        made in float64, and the caller rounds."""

    def element(self, inputs: Sequence[Element]) -> Element:
        """The element type of the output, from those of the inputs: that of the first one, unless the operator says
        otherwise."""
        return inputs[0]

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        """Whether each image of a batch is computed from that image alone, and as if there were no other.

        The first axis of the output's `shape`, and of every input that is no constant, counts the images. constants:
        the inputs in their order, None for those that are not known. An operator that does not say so mixes images.
        """
        return False


class ImagewiseOperator(Operator):
    """An operator that does the same to every image, whatever its attributes and constants."""

    def is_imagewise(self, constants: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> bool:
        return True
