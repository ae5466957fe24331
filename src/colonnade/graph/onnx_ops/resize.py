"""Resize and Upsample: each axis by itself, as a table of indices or as sums of a few weighted elements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Gather, Resample
from colonnade.graph.onnx_node import MAX_ELEMENTS, SourceNode, Tensor, Value, normalize_axis, operator

F = np.float32  # coordinates are float32 in ONNX Runtime, and ties of the nearest element depend on that
TIE = 1e-6  # how far from the middle between two elements ONNX Runtime takes a coordinate for a tie


@dataclass(frozen=True)
class _Axis:
    """One axis that is resized: sizes before and after, and the factor between them."""

    size: int
    output: int
    scale: float

    def places(self, mode: str) -> np.ndarray:
        """Where each output lies among the inputs (ONNX, attribute coordinate_transformation_mode)."""
        i, scale = np.arange(self.output, dtype=F), F(self.scale)
        match mode:
            case "half_pixel":
                return (i + F(0.5)) / scale - F(0.5)
            case "half_pixel_symmetric":
                adjustment = F(self.output) / (scale * F(self.size))
                return F(self.size) / F(2) * (F(1) - adjustment) + (i + F(0.5)) / scale - F(0.5)
            case "pytorch_half_pixel":
                return (i + F(0.5)) / scale - F(0.5) if self.output > 1 else np.zeros(1, F)
            case "align_corners":
                return i * F(self.size - 1) / F(self.output - 1) if self.output > 1 else np.zeros(1, F)
            case "asymmetric":
                return i / scale
            case "tf_half_pixel_for_nn":
                return (i + F(0.5)) / scale
        raise ColonnadeError(f"coordinate_transformation_mode '{mode}' is not supported")


@operator("Upsample")
def upsample(node: SourceNode) -> Value:
    x = node.tensor(0)
    given: list[float] = list(node.attributes.get("scales", ()))
    if node.opset >= 9:
        given = node.required_weights(1).array.reshape(-1).tolist()
    return _resized(node, x, _by_scales(x, range(len(x.shape)), given), "asymmetric", "simple")


@operator("Resize", limits="no tf_crop_and_resize; constant sizes or scales")
def resize(node: SourceNode) -> Value:
    x = node.tensor(0)
    if node.opset < 11:
        given: list[float] = node.required_weights(1).array.reshape(-1).tolist()
        return _resized(node, x, _by_scales(x, range(len(x.shape)), given), "asymmetric", "simple")
    axes = [normalize_axis(int(a), len(x.shape)) for a in node.attributes.get("axes", range(len(x.shape)))]
    sizes, scales = node.constant(3), node.constant(2)
    if sizes is not None and sizes.array.size:
        found = _by_sizes(node, x, axes, [int(n) for n in sizes.array.reshape(-1)])
    elif scales is not None and scales.array.size:
        found = _by_scales(x, axes, scales.array.reshape(-1).tolist())
    else:
        raise ColonnadeError("it has neither sizes nor scales")
    mode = node.attributes.get("coordinate_transformation_mode", "half_pixel")
    return _resized(node, x, found, mode, node.attributes.get("nearest_mode", "round_prefer_floor"))


def _by_scales(x: Tensor, axes: range | list[int], scales: list[float]) -> dict[int, _Axis]:
    if len(scales) != len(axes) or min(scales, default=0) <= 0:
        raise ColonnadeError(f"scales {scales} do not fit shape {list(x.shape)}")
    found = {}
    for axis, scale in zip(axes, scales, strict=True):
        output = np.floor(F(x.shape[axis]) * F(scale))
        found[axis] = _Axis(x.shape[axis], int(min(output, MAX_ELEMENTS + 1)), scale)
    return found


def _by_sizes(node: SourceNode, x: Tensor, axes: list[int], sizes: list[int]) -> dict[int, _Axis]:
    if len(sizes) != len(axes) or min(sizes, default=0) < 1:
        raise ColonnadeError(f"sizes {sizes} do not fit shape {list(x.shape)}")
    policy = node.attributes.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return {a: _Axis(x.shape[a], n, float(F(n) / F(x.shape[a]))) for a, n in zip(axes, sizes, strict=True)}
    ratios = [F(n) / F(x.shape[a]) for a, n in zip(axes, sizes, strict=True)]
    scale = float(min(ratios) if policy == "not_larger" else max(ratios))
    return {a: _Axis(x.shape[a], int(np.floor(F(scale) * F(x.shape[a]) + F(0.5))), scale) for a in axes}


def _resized(node: SourceNode, x: Tensor, axes: dict[int, _Axis], mode: str, nearest_mode: str) -> Value:
    """The last axis first: what is repeated later is then larger at once. As in ONNX Runtime an image stays as it is if
    none of its sizes changes, and with antialias an axis does, whatever the scales."""
    kind = node.attributes.get("mode", "nearest")
    kind = kind if isinstance(kind, str) else kind.decode()
    antialias = bool(node.attributes.get("antialias", 0))
    if all(axis.size == axis.output for axis in axes.values()):
        return x
    for number in sorted(axes, reverse=True):
        axis = axes[number]
        if axis.output < 1 or axis.output > MAX_ELEMENTS:
            raise ColonnadeError(f"axis {number} of {axis.size} elements cannot become {axis.output}")
        if axis.size == axis.output and (antialias or axis.scale == 1.0):
            continue
        places = axis.places(mode)
        shape = (*x.shape[:number], axis.output, *x.shape[number + 1 :])
        if kind == "nearest":
            found = np.clip(_nearest(places, nearest_mode, axis.scale < 1), 0, axis.size - 1)
            x = node.emit(Gather(number, tuple(found.astype(int).tolist())), [x], shape)
            continue
        indices, weights = _weighted(node, axis, places.astype(np.float64), kind)
        rows = tuple(map(tuple, indices.tolist())), tuple(map(tuple, weights.tolist()))
        x = node.emit(Resample(number, *rows), [x], shape)
    return x


def _nearest(places: np.ndarray, mode: str, smaller: bool) -> np.ndarray:
    """simple: of opsets before 11, as ONNX Runtime has it."""
    if mode == "simple":
        mode = "ceil" if smaller else "floor"
    match mode:
        case "floor":
            return np.asarray(np.floor(places))
        case "ceil":
            return np.asarray(np.ceil(places))
        case "round_prefer_floor":
            return np.asarray(np.ceil(places.astype(np.float64) - 0.5 - TIE))
        case "round_prefer_ceil":
            return np.asarray(np.floor(places.astype(np.float64) + 0.5 + TIE))
    raise ColonnadeError(f"nearest_mode '{mode}' is not known")


def _weighted(node: SourceNode, axis: _Axis, places: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Indices and weights [output, taps] of the elements that each output is the sum of."""
    if kind not in ("linear", "cubic"):
        raise ColonnadeError(f"mode '{kind}' is not known")
    reach = 1 if kind == "linear" else 2
    antialias = bool(node.attributes.get("antialias", 0)) and axis.scale < 1
    stretch = 1.0 / axis.scale if antialias else 1.0
    taps = 2 * int(np.ceil(reach * stretch))
    indices = np.floor(places).astype(int)[:, None] + np.arange(1 - taps // 2, 1 + taps // 2)
    distance = np.abs(indices - places[:, None]) / stretch
    if kind == "linear":
        weights = np.maximum(0.0, 1.0 - distance)
    else:
        weights = _cubic(distance, float(node.attributes.get("cubic_coeff_a", -0.75)))
    outside = (indices < 0) | (indices >= axis.size)
    if node.attributes.get("exclude_outside", 0):
        weights = np.where(outside, 0.0, weights)
    if antialias or node.attributes.get("exclude_outside", 0):
        weights = weights / weights.sum(axis=1, keepdims=True)
    return np.clip(indices, 0, axis.size - 1), weights


def _cubic(d: np.ndarray, a: float) -> np.ndarray:
    """Keys, "Cubic convolution interpolation for digital image processing", 1981."""
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))
