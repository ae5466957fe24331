"""What a user can choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from colonnade.errors import ColonnadeError

Method = Literal["magnitude", "activation", "obs"]
METHODS: tuple[Method, ...] = get_args(Method)
DEFAULT_SAMPLES = 512
MIN_SAMPLES = 16  # with fewer, what a layer does on them says little of what it does on others


@dataclass(frozen=True)
class Calibration:
    """How columns are chosen and kept weights are solved. ColonnadeError for values out of range.

    method: by which score a tile chooses its columns (`select.py`). rectify: rounds in which weights are solved again
    for what is left of the output behind a rectifier (`moments.py`). cluster: output channels that need the same
    columns share a tile; without it tiles are consecutive channels. damping: noise added to each input when solving, as
    a fraction of the mean variance of the inputs. positions: how many output positions a layer's moments are taken
    from, about. seed: of which positions.
    """

    method: Method = "obs"
    rectify: int = 2
    cluster: bool = True
    damping: float = 0.01
    positions: int = 65536
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ColonnadeError(f"method is {self.method!r}: it must be one of {', '.join(METHODS)}")
        if not 0 < self.damping < float("inf"):
            raise ColonnadeError(f"damping is {self.damping}: it must be above 0 and finite")
        if self.rectify < 0:
            raise ColonnadeError(f"rectify is {self.rectify}: it must be at least 0")
        if self.positions < 1:
            raise ColonnadeError(f"positions is {self.positions}: it must be at least 1")
        if self.seed < 0:
            raise ColonnadeError(f"seed is {self.seed}: it must be at least 0")
