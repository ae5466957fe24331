"""Nodes that move elements: each function draws one, or a few that belong together, which read the value `x`."""

from __future__ import annotations

import numpy as np
from random_models import Drawing, product
from random_windows import fitting

HUGE = (1 << 31, (1 << 63) - 1)  # what exporters write for "to the end"


def axis_of(d: Drawing, x: str, oldest: int = 11) -> int:
    """Any axis, from opset `oldest` on sometimes counted from the end."""
    rank = len(d.shape(x))
    fitting(rank > 0)
    axis = d.between(0, rank - 1)
    return axis - rank if d.opset >= oldest and d.chance(0.3) else axis


def concat(d: Drawing, x: str) -> str:
    """With values that fit, with constants, or with itself."""
    axis = axis_of(d, x, 11)
    rank = len(d.shape(x))

    def rest(shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[: axis % rank], *shape[axis % rank + 1 :])

    like = [n for n in d.reals() if len(d.shape(n)) == rank and rest(d.shape(n)) == rest(d.shape(x))]
    parts: list[str | np.ndarray] = [x]
    for _ in range(d.between(0, 3)):
        if d.chance(0.2):
            size = d.between(1, 3)
            parts.append(d.array(*d.shape(x)[: axis % rank], size, *d.shape(x)[axis % rank + 1 :]))
        else:
            parts.append(d.pick(like))
    d.rng.shuffle(parts)
    return d.add("Concat", *parts, axis=axis)


def split(d: Drawing, x: str) -> str:
    axis = axis_of(d, x)
    size = d.shape(x)[axis]
    fitting(size > 1)
    parts = d.between(2, min(4, size))
    if size % parts == 0 and d.chance(0.5):
        names = d.add_all("Split", x, outputs=parts, axis=axis, num_outputs=parts if d.opset >= 18 else None)
    else:
        cuts = sorted(d.rng.sample(range(1, size), parts - 1))
        sizes = [b - a for a, b in zip([0, *cuts], [*cuts, size], strict=True)]
        names = d.add_all("Split", x, outputs=parts, axis=axis, split=sizes)
    return d.pick(names)


def slice_(d: Drawing, x: str) -> str:
    shape = d.shape(x)
    fitting(len(shape) > 0)
    axes = sorted(d.rng.sample(range(len(shape)), d.between(1, min(3, len(shape)))))
    starts, ends, steps = [], [], []
    for axis in axes:
        size, step = shape[axis], d.pick((1, 1, 1, 2, 3, -1, -2)) if d.opset >= 10 else 1
        low = d.between(0, min(size - 1, 3))
        high = d.between(low + 1, size)
        start, end = (low, high) if step > 0 else (high - 1, low - 1)
        if step > 0:
            start = start - size if d.chance(0.2) else start
            end = d.pick((end, end, end - size if end < size else HUGE[0], HUGE[1] if end == size else end))
        elif end == -1:
            end = d.pick((-size - 1, -HUGE[1]))
        starts.append(start)
        ends.append(end)
        steps.append(step)
    if d.opset >= 10 and d.chance(0.3):
        axes = [axis - len(shape) for axis in axes]
    return d.add(
        "Slice", x, starts=starts, ends=ends, axes=axes, steps=steps if min(steps) < 1 or max(steps) > 1 else None
    )


def pad(d: Drawing, x: str) -> str:
    shape = d.shape(x)
    fitting(len(shape) > 0)
    mode = d.pick(("constant", "constant", "reflect", "edge", *["wrap"] * (d.opset >= 19)))
    axes = sorted(d.rng.sample(range(len(shape)), d.between(1, min(3, len(shape)))))
    before, after = [0] * len(shape), [0] * len(shape)
    for axis in axes:
        most = min(3, shape[axis] - 1) if mode in ("reflect", "wrap") else 3
        before[axis], after[axis] = d.between(0, most), d.between(0, most)
        if mode == "constant" and shape[axis] > 2 and d.chance(0.15):
            before[axis] = -1
    value = d.pick((None, 0.0, 1.5, -2.0)) if mode == "constant" else None
    settings: dict[str, object] = {"mode": mode if mode != "constant" or d.chance(0.5) else None}
    if d.opset < 11:
        return d.add("Pad", x, pads=[*before, *after], value=value, **settings)
    if d.opset >= 18 and d.chance(0.4):
        settings["axes"] = [axis - len(shape) * d.chance(0.3) for axis in axes]
        before, after = [before[a] for a in axes], [after[a] for a in axes]
    constant = None if value is None else np.array(value, np.float32)
    return d.add("Pad", x, np.array([*before, *after], np.int64), constant, **settings)


def transpose(d: Drawing, x: str) -> str:
    rank = len(d.shape(x))
    fitting(rank > 0)
    order = d.rng.sample(range(rank), rank)
    if rank == 4 and d.chance(0.5):
        order = list(d.pick(((0, 2, 3, 1), (0, 3, 1, 2), (0, 2, 1, 3))))
    return d.add("Transpose", x, perm=order if d.chance(0.9) else None)


def reshape(d: Drawing, x: str) -> str:
    """Axes are joined or split, with 0 for what stays and -1 for one that follows."""
    shape, sizes = d.shape(x), list(d.shape(x))
    for _ in range(d.between(1, 3)):
        if len(sizes) > 1 and d.chance(0.5):
            at = d.between(0, len(sizes) - 2)
            sizes[at : at + 2] = [sizes[at] * sizes[at + 1]]
        elif len(sizes) < 5 and sizes:
            at = d.between(0, len(sizes) - 1)
            first = d.pick([n for n in range(1, sizes[at] + 1) if sizes[at] % n == 0])
            sizes[at : at + 1] = [first, sizes[at] // first]
    written = [0 if i < len(shape) and n == shape[i] and d.chance(0.3) else n for i, n in enumerate(sizes)]
    if written and d.chance(0.5):
        written[d.between(0, len(written) - 1)] = -1
    return d.add("Reshape", x, np.array(written, np.int64))


def reshape_by_shape(d: Drawing, x: str) -> str:
    """The new shape is computed of the old one, as exporters of PyTorch write it."""
    fitting(len(d.shape(x)) >= 1)
    size = d.add("Gather", d.add("Shape", x), np.array(0, np.int64), axis=0)
    size = d.add("Unsqueeze", size, axes=[0])
    return d.add("Reshape", x, d.add("Concat", size, np.array([-1], np.int64), axis=0))


def flatten(d: Drawing, x: str) -> str:
    rank = len(d.shape(x))
    axis = d.between(-rank if d.opset >= 11 else 0, rank)
    return d.add("Flatten", x, axis=axis if d.chance(0.7) else None)


def squeeze(d: Drawing, x: str) -> str:
    ones = [i for i, n in enumerate(d.shape(x)) if n == 1]
    fitting(bool(ones))
    some = d.rng.sample(ones, d.between(1, len(ones)))
    if d.chance(0.15):
        return d.add("Squeeze", x)
    return d.add("Squeeze", x, axes=[a - len(d.shape(x)) * (d.opset >= 11 and d.chance(0.3)) for a in some])


def unsqueeze(d: Drawing, x: str) -> str:
    rank = len(d.shape(x))
    fitting(rank < 5)
    count = d.between(1, min(2, 5 - rank))
    axes = d.rng.sample(range(rank + count), count)
    return d.add("Unsqueeze", x, axes=[a - (rank + count) * (d.opset >= 11 and d.chance(0.3)) for a in axes])


def expand(d: Drawing, x: str) -> str:
    sizes = [d.between(1, 4) if n == 1 else d.pick((n, n, 1)) for n in d.shape(x)]
    if len(sizes) < 5 and d.chance(0.3):
        sizes.insert(0, d.between(1, 3))
    if d.chance(0.2):
        sizes = sizes[1:]
    return d.add("Expand", x, np.array(sizes, np.int64))


def tile(d: Drawing, x: str) -> str:
    return d.add("Tile", x, np.array([d.pick((1, 1, 2, 3)) for _ in d.shape(x)], np.int64))


def gather(d: Drawing, x: str) -> str:
    axis = axis_of(d, x)
    size = d.shape(x)[axis]
    shape = [d.between(1, 5) for _ in range(d.pick((0, 1, 1, 1, 2)))]
    low = -size if d.opset >= 11 else 0
    numbers = [d.between(low, size - 1) for _ in range(product(shape))]
    return d.add("Gather", x, np.array(numbers, d.pick((np.int64, np.int32))).reshape(shape), axis=axis)


def blocks(d: Drawing, x: str) -> str:
    """DepthToSpace and SpaceToDepth."""
    shape = d.shape(x)
    fitting(len(shape) == 4)
    size = d.pick((2, 2, 3))
    if shape[1] % (size * size) == 0:
        return d.add("DepthToSpace", x, blocksize=size, mode=d.pick((None, "DCR", "CRD")) if d.opset >= 11 else None)
    fitting(shape[2] % size == 0 and shape[3] % size == 0)
    return d.add("SpaceToDepth", x, blocksize=size)


def shuffle(d: Drawing, x: str) -> str:
    """Channels of groups in turns, as in ShuffleNet."""
    shape = d.shape(x)
    fitting(len(shape) == 4)
    groups = d.pick([n for n in range(2, shape[1] + 1) if shape[1] % n == 0] or [1])
    y = d.add("Reshape", x, np.array([shape[0], groups, shape[1] // groups, *shape[2:]], np.int64))
    y = d.add("Transpose", y, perm=[0, 2, 1, 3, 4])
    return d.add("Reshape", y, np.array([shape[0], -1, *shape[2:]], np.int64))


def split_and_join(d: Drawing, x: str) -> str:
    """Halves of the channels, of which one goes through another node, as in C2f and CSP blocks."""
    shape = d.shape(x)
    fitting(len(shape) >= 2 and shape[1] % 2 == 0)
    halves = d.add_all("Split", x, outputs=2, axis=1, num_outputs=2 if d.opset >= 18 else None)
    y = d.add(d.pick(("Relu", "Sigmoid", "Abs")), halves[1])
    parts = [*halves, y] if d.chance(0.5) else [halves[0], y]
    d.rng.shuffle(parts)
    return d.add("Concat", *parts, axis=1)


def nhwc_part(d: Drawing, x: str) -> str:
    """Channels last for one node, as TensorFlow exports it."""
    fitting(len(d.shape(x)) == 4)
    y = d.add("Transpose", x, perm=[0, 2, 3, 1])
    channels = d.shape(y)[3]
    y = d.add(d.pick(("Add", "Mul")), y, d.array(channels)) if d.chance(0.6) else d.add("Relu", y)
    return d.add("Transpose", y, perm=[0, 3, 1, 2])
