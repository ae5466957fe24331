"""Nodes over images: convolutions, pools, resizing, and normalisations. Each function draws one node or a few that
belong together, which read the value `x`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from random_models import Drawing, UnfitError, product
from zeros import PATTERNS, with_zeros

MOST_MACS = 1 << 21


def fitting(condition: bool) -> None:
    if not condition:
        raise UnfitError("does not fit")


def weights(d: Drawing, *shape: int, rows_first: bool = True) -> np.ndarray:
    """Scaled so that sums are as large as what is summed; often with the zeros that pruning makes."""
    array = d.array(*shape) / np.float32(np.sqrt(max(1, product(shape[1:]))))
    pattern = d.pick(PATTERNS) if d.chance(0.5) else "none"
    if len(shape) < 3 and pattern == "input channels":
        return array
    return with_zeros(array, pattern, len(d.nodes)).astype(np.float32) if pattern != "none" else array


def windows(d: Drawing, x: str, kernel: Sequence[int], dilations: Sequence[int], strides: Sequence[int]) -> dict:
    """Attributes of windows over the last axes; kernels that are larger than the padded image get more padding."""
    sizes, rank = d.shape(x)[2:], len(kernel)
    reach = [(k - 1) * step + 1 for k, step in zip(kernel, dilations, strict=True)]
    style = d.pick(("same", "same", "none", "any", "auto"))
    given = {"strides": list(strides) if max(strides) > 1 or d.chance(0.5) else None}
    given["dilations"] = list(dilations) if max(dilations) > 1 else None
    if style == "auto":
        fits = all(n <= size for n, size in zip(reach, sizes, strict=True))  # ONNX Runtime's pools take others as well
        if max(dilations) > 1:  # ONNX Runtime refuses it of Conv, and leaves the dilations of pools out
            fitting(fits)
            return {**given, "auto_pad": "VALID"}
        return {**given, "auto_pad": d.pick(("SAME_UPPER", "SAME_LOWER", *["VALID"] * fits))}
    before, after = [0] * rank, [0] * rank
    for i in range(rank):
        if style == "same":
            before[i], after[i] = (reach[i] - 1) // 2, reach[i] // 2
        if style == "any":
            before[i], after[i] = d.between(0, kernel[i] - 1), d.between(0, kernel[i] - 1)
        missing = reach[i] - sizes[i] - before[i] - after[i]
        if missing > 0:
            before[i], after[i] = before[i] + missing // 2, after[i] + missing - missing // 2
    return {**given, "pads": [*before, *after] if any((*before, *after)) or d.chance(0.2) else None}


def sides(d: Drawing, rank: int, options: Sequence[int]) -> list[int]:
    """A number for each axis, mostly the same."""
    return [d.pick(options)] * rank if d.chance(0.7) else [d.pick(options) for _ in range(rank)]


def conv(d: Drawing, x: str, rows: int | None = None) -> str:
    shape = d.shape(x)
    fitting(3 <= len(shape) <= 5)
    rank, channels = len(shape) - 2, shape[1]
    kernel = sides(d, rank, (1, 1, 3, 3, 3, 5, 2, 4, 7))
    dilations = sides(d, rank, (1, 1, 1, 1, 2, 3) if max(kernel) > 1 else (1,))
    strides = sides(d, rank, (1, 1, 1, 2, 2, 3))
    divisors = [n for n in range(1, channels + 1) if channels % n == 0]
    groups = d.pick((1, 1, 1, channels, channels, d.pick(divisors)))
    rows = rows or groups * d.pick((1, 1, 2) if groups == channels > 1 else (1, 2, 4, 8, 12, 16, 24, 5, 7))
    fitting(rows % groups == 0)
    fitting(product(shape) // channels * (channels // groups) * rows * product(kernel) <= MOST_MACS)
    settings = windows(d, x, kernel, dilations, strides)
    w = weights(d, rows, channels // groups, *kernel)
    bias = [d.array(rows)] if d.chance(0.6) else []
    return d.add(
        "Conv",
        *(x, _computed(d, w), *bias),
        group=groups if groups > 1 or d.chance(0.5) else None,
        kernel_shape=kernel if d.chance(0.7) else None,
        **settings,
    )


def _computed(d: Drawing, w: np.ndarray) -> np.ndarray | str:
    """Sometimes the weights are made by a node of constants."""
    if d.chance(0.9):
        return w
    if d.chance(0.5):
        return d.add("Mul", w, d.array(len(w), *(1,) * (w.ndim - 1)))
    return d.add("Transpose", w.transpose(), perm=list(range(w.ndim))[::-1])


def conv_block(d: Drawing, x: str) -> str:
    """A convolution and what comes behind it in networks."""
    y = conv(d, x)
    if d.chance(0.5):
        y = batch_normalization(d, y)
    return activation(d, y) if d.chance(0.8) else y


def residual_block(d: Drawing, x: str) -> str:
    """A value of the same shape is added to a convolution, before or behind its activation."""
    y = conv_block(d, x)
    like = [name for name in d.reals() if d.shape(name) == d.shape(y) and name != y]
    if not like:
        like = [conv(d, x, d.shape(y)[1])]
        fitting(d.shape(like[0]) == d.shape(y))
    pair = [y, d.pick(like)]
    d.rng.shuffle(pair)
    y = d.add(d.pick(("Add", "Add", "Add", "Sum", "Sub", "Mul")), *pair)
    return activation(d, y) if d.chance(0.6) else y


def beside_one_another(d: Drawing, x: str) -> str:
    """Convolutions of the same value, whose results meet."""
    ys = [conv_block(d, x) for _ in range(d.between(2, 3))]
    like = [y for y in ys if d.shape(y)[2:] == d.shape(ys[0])[2:]]
    if len({d.shape(y) for y in like}) == 1 and d.chance(0.5):
        return activation(d, d.add("Sum", *like))
    return d.add("Concat", *like, axis=1)


def squeeze_excite(d: Drawing, x: str) -> str:
    shape = d.shape(x)
    fitting(len(shape) == 4)
    y = d.add("GlobalAveragePool", x)
    hidden = d.between(1, 8)
    y = d.add("Relu", d.add("Conv", y, weights(d, hidden, shape[1], 1, 1), d.array(hidden)))
    y = d.add("Conv", y, weights(d, shape[1], hidden, 1, 1))
    y = d.add(d.pick(("Sigmoid", "HardSigmoid")), y)
    return d.add("Mul", *((x, y) if d.chance(0.5) else (y, x)))


def activation(d: Drawing, x: str) -> str:
    """By one node, or as exporters spell it."""
    kind = d.pick(
        [
            *("Relu", "Relu", "Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "Elu", "Softplus", "Mish"),
            *("HardSwish", "silu", "silu", "hard swish", "relu6", "gelu", "gelu", "mish", "scaled"),
        ]
    )
    match kind:
        case "silu":
            return d.add("Mul", x, d.add("Sigmoid", x))
        case "hard swish":
            gate = d.add("Clip", d.add("Add", x, np.float32([3])), min=np.float32(0), max=np.float32(6))
            if d.chance(0.5):
                return d.add("Div", d.add("Mul", x, gate), np.float32([6]))
            return d.add("Mul", d.add("Mul", gate, np.float32([1 / 6])), x)
        case "relu6":
            return d.add("Clip", x, min=np.float32(0), max=np.float32(6))
        case "gelu":
            y = d.add("Div", x, np.array(np.sqrt(2), np.float32))
            y = d.add("Mul", x, d.add("Add", d.add("Erf", y), np.array(1, np.float32)))
            return d.add("Mul", y, np.array(0.5, np.float32))
        case "mish":
            return d.add("Mul", x, d.add("Tanh", d.add("Softplus", x)))
        case "scaled":
            y = d.add("Mul", x, np.float32(d.pick((0.5, -1, 2))))
            return d.add("Add", d.add("Relu", y), np.float32([0.25]))
        case "LeakyRelu" | "Elu":
            return d.add(kind, x, alpha=d.pick((0.1, 0.3, 1.0, 1.5)))
    return d.add(kind, x)


def conv_transpose(d: Drawing, x: str) -> str:
    shape = d.shape(x)
    fitting(3 <= len(shape) <= 4)
    rank, channels = len(shape) - 2, shape[1]
    kernel, strides = sides(d, rank, (1, 2, 2, 3, 3, 4, 5)), sides(d, rank, (1, 2, 2, 2, 3, 4))
    dilations = sides(d, rank, (1, 1, 1, 1, 2))
    groups = d.pick((1, 1, 1, channels, d.pick([n for n in range(1, channels + 1) if channels % n == 0])))
    rows = d.pick((1, 2, 4, 8, 5))  # of one group
    fitting(product(shape) * rows * product(kernel) <= MOST_MACS)
    settings: dict[str, list[int] | str | None] = {}
    extra = [d.between(0, max(s, step) - 1) for s, step in zip(strides, dilations, strict=True)]
    full = [
        s * (n - 1) + (k - 1) * step + 1 for s, n, k, step in zip(strides, shape[2:], kernel, dilations, strict=True)
    ]
    match d.pick(("none", "pads", "extra", "both", "auto", "shape")):
        case "pads":
            settings["pads"] = [d.between(0, (full[i % rank] - 1) // 2) for i in range(2 * rank)]
        case "extra":
            settings["output_padding"] = extra
        case "both":
            settings["output_padding"] = extra
            settings["pads"] = [d.between(0, min(2, (full[i % rank] - 1) // 2)) for i in range(2 * rank)]
        case "auto":
            settings["auto_pad"] = d.pick(("SAME_UPPER", "SAME_LOWER", "VALID"))
        case "shape":
            settings["output_shape"] = [max(1, n - d.between(0, 2)) for n in full]
            settings["auto_pad"] = d.pick((None, "SAME_UPPER", "SAME_LOWER"))
    w = weights(d, channels, rows, *kernel)
    bias = [d.array(groups * rows)] if d.chance(0.6) else []
    return d.add(
        "ConvTranspose",
        *(x, w, *bias),
        group=groups if groups > 1 else None,
        kernel_shape=kernel if d.chance(0.7) else None,
        strides=strides if max(strides) > 1 else None,
        dilations=dilations if max(dilations) > 1 else None,
        **settings,
    )


def pool(d: Drawing, x: str) -> str:
    shape = d.shape(x)
    fitting(3 <= len(shape) <= 5)
    op = d.pick(("MaxPool", "MaxPool", "AveragePool", "AveragePool", "LpPool"))
    rank = len(shape) - 2
    kernel, strides = sides(d, rank, (2, 3, 3, 1, 5, 4)), sides(d, rank, (1, 2, 2, 3))
    dilations = sides(d, rank, (1, 1, 1, 2)) if d.takes(op, "dilations") else [1] * rank
    settings = windows(d, x, kernel, dilations, strides)
    if settings.get("auto_pad") is None and d.takes(op, "ceil_mode"):
        settings["ceil_mode"] = d.pick((None, 0, 1))
    if op == "AveragePool":
        settings["count_include_pad"] = d.pick((None, 0, 1))
    if op == "LpPool":
        settings["p"] = d.pick((None, 1, 2, 3))
    return d.add(op, x, kernel_shape=kernel, **settings)


def global_pool(d: Drawing, x: str) -> str:
    fitting(3 <= len(d.shape(x)) <= 5)
    return d.add(d.pick(("GlobalAveragePool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")), x)


def batch_normalization(d: Drawing, x: str) -> str:
    shape = d.shape(x)
    fitting(len(shape) >= 2)
    scale, shift, mean = (d.array(shape[1]) for _ in range(3))
    variance = np.abs(d.array(shape[1])) + np.float32(0.5)
    return d.add("BatchNormalization", x, scale, shift, mean, variance, epsilon=d.pick((None, 1e-3)))


def normalization(d: Drawing, x: str) -> str:
    shape = d.shape(x)
    fitting(len(shape) >= 2)
    rank, epsilon = len(shape), d.pick((None, 1e-3, 0.1))
    match d.pick(("instance", "group", "layer", "layer", "lp", "lrn", "mvn", "rms")):
        case "instance":
            return d.add("InstanceNormalization", x, d.array(shape[1]), d.array(shape[1]), epsilon=epsilon)
        case "group":
            groups = d.pick([n for n in range(1, shape[1] + 1) if shape[1] % n == 0])
            size = shape[1] if d.opset >= 21 else groups
            return d.add("GroupNormalization", x, d.array(size), d.array(size), num_groups=groups, epsilon=epsilon)
        case "layer":
            axis = d.between(-rank, rank - 1)
            rest = shape[axis:]
            bias = [d.array(*rest)] if d.chance(0.7) else []
            return d.add("LayerNormalization", x, d.array(*rest), *bias, axis=axis, epsilon=epsilon)
        case "rms":
            axis = d.between(-rank, rank - 1)
            return d.add("RMSNormalization", x, d.array(*shape[axis:]), axis=axis, epsilon=epsilon)
        case "lp":
            return d.add("LpNormalization", x, axis=d.between(-rank, rank - 1), p=d.pick((1, 2, None)))
        case "lrn":
            fitting(rank == 4)
            settings = {"alpha": d.pick((None, 0.1)), "beta": d.pick((None, 0.5)), "bias": d.pick((None, 2.0))}
            return d.add("LRN", x, size=d.pick((1, 3, 5)), **settings)
    axes = sorted(d.rng.sample(range(rank), d.between(1, rank)))
    # Nearly equal values, by which ONNX Runtime divides otherwise than ONNX says.
    fitting(d.values[x].std(axis=tuple(axes)).min() > 0.01 and (len(axes) > 1 or shape[axes[0]] > 1))
    return d.add("MeanVarianceNormalization", x, axes=axes if axes != [0, 2, 3] or d.chance(0.5) else None)


def resize(d: Drawing, x: str) -> str:
    shape = d.shape(x)
    fitting(3 <= len(shape) <= 5)
    mode = d.pick(("nearest", "nearest", "linear", "linear", "cubic"))
    first = d.pick((2, 2, 2, 2, 0))
    factors = [1.0] * first + [d.pick((1.0, 2.0, 2.0, 3.0, 0.5, 1.5, 0.7, 1.3)) for _ in shape[first:]]
    if d.opset < 10:
        fitting(mode != "cubic")
        if d.takes("Upsample", "X") and d.opset >= 9:
            return d.add("Upsample", x, np.float32([max(1, f) for f in factors]), mode=mode)
        return d.add("Upsample", x, scales=[max(1.0, f) for f in factors], mode=mode)
    if d.opset == 10:
        return d.add("Resize", x, np.float32(factors), mode=d.pick(("nearest", "linear")))
    nearest = d.pick(("round_prefer_floor", "round_prefer_ceil", "floor", "ceil", None))
    places = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", None]
    if mode == "nearest" and d.opset < 13:
        places.append("tf_half_pixel_for_nn")
    if d.opset >= 19:
        places.append("half_pixel_symmetric")
    settings = {
        "mode": mode,
        "nearest_mode": nearest if mode == "nearest" else None,
        "coordinate_transformation_mode": d.pick(places),
        "cubic_coeff_a": d.pick((None, -0.5)) if mode == "cubic" else None,
        "exclude_outside": d.pick((None, 1)) if mode == "cubic" else None,
    }
    if d.opset >= 18 and mode != "nearest":
        settings["antialias"] = d.pick((None, 0, 1))
    some = list(range(len(shape)))
    if d.opset >= 18 and d.chance(0.4):
        settings["axes"] = some = some[first:]
    roi = None if d.opset >= 13 else np.zeros(0, np.float32)
    if d.chance(0.5):
        return d.add("Resize", x, roi, np.float32([factors[i] for i in some]), **settings)
    sizes = [max(1, int(shape[i] * factors[i]) + d.pick((0, 0, 1)) * (factors[i] != 1)) for i in some]
    if d.opset >= 18:
        settings["keep_aspect_ratio_policy"] = d.pick((None, None, "stretch", "not_larger", "not_smaller"))
    scales = None if d.opset >= 13 else np.zeros(0, np.float32)
    return d.add("Resize", x, roi, scales, np.array(sizes, np.int64), **settings)
