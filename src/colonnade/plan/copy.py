"""The strided copy step: layout changes, transposes, padding, and concats that could not be made in place."""

from __future__ import annotations

from dataclasses import dataclass

from colonnade.errors import ColonnadeError
from colonnade.modelfile.program import Step, View, elements_of
from colonnade.modelfile.records import MAX_RANK


@dataclass(frozen=True)
class Strided:
    """A view walked with strides, in elements, one per axis."""

    view: View
    strides: tuple[int, ...]


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of dense data of `shape`."""
    return tuple(elements_of(shape[axis + 1 :]) for axis in range(len(shape)))


def dense(view: View, shape: tuple[int, ...]) -> Strided:
    """A view of dense data of `shape`."""
    return Strided(view, row_major(shape))


def copy_step(name: str, shape: tuple[int, ...], source: Strided, target: Strided) -> Step:
    """target[i] = source[i] for every index i below `shape`. ColonnadeError when the rank is too high."""
    dims, x_strides, y_strides = _merged(shape, source.strides, target.strides)
    if len(dims) > MAX_RANK:
        raise ColonnadeError(f"{name}: a copy of rank {len(dims)} is more than the {MAX_RANK} supported")
    # The first dimension is divided among threads, the last is the inner loop: ones go between.
    fill = MAX_RANK - len(dims)
    fields: dict[str, object] = {
        "dims": (*dims[:-1], *(1,) * fill, dims[-1]),
        "x_strides": (*x_strides[:-1], *(0,) * fill, x_strides[-1]),
        "y_strides": (*y_strides[:-1], *(0,) * fill, y_strides[-1]),
    }
    return Step("copy", name, {"x": source.view, "y": target.view}, fields)


def _merged(
    shape: tuple[int, ...], x_strides: tuple[int, ...], y_strides: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """The same copy with axes in the order of y, those of size 1 dropped and neighbours joined where both sides are
    contiguous; two axes or more."""
    axes: list[tuple[int, int, int]] = []
    by_place = sorted(zip(shape, x_strides, y_strides, strict=True), key=lambda axis: -axis[2])
    for size, dx, dy in by_place:
        if size == 1:
            continue
        if axes and axes[-1][1] == size * dx and axes[-1][2] == size * dy:
            axes[-1] = (axes[-1][0] * size, dx, dy)
        else:
            axes.append((size, dx, dy))
    if len(axes) < 2:
        axes = [(1, 0, 0), *(axes or [(1, 0, 0)])]
    sizes, dxs, dys = zip(*axes, strict=True)
    return sizes, dxs, dys
