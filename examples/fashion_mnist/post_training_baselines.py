"""Other ways to prune without training, to compare with: whole filters, row-wise N:M, single weights.

Each takes an ONNX model and a sparsity and gives a copy with zeros in the convolutions that `colonnade prune` would
prune. `recalibrated` then does for it what recalibrating its batch norms would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnx.utils import Extractor

from colonnade.sparse.convolutions import Convolution, find_convolutions, set_bias
from colonnade.sparse.pattern import Pattern, column_mask

_BATCH = 64


def without_filters(model: onnx.ModelProto, sparsity: float) -> onnx.ModelProto:
    """Whole output channels removed, those of least L1 norm (Li et al. 2017), so that each layer does that share fewer
    multiply-adds.

    As there, only the first convolution of each residual block loses filters, for those of the second one meet in the
    addition; the second loses as many of its input channels. Convolutions that are no such pair, here the two 1x1
    shortcuts with 1 % of the work, stay dense.
    """
    copy = _copy(model)
    readers = {name: [node for node in copy.graph.node if name in node.input] for name in _values(copy)}
    layers = {convolution.node.output[0]: convolution for convolution in prunable(copy)}
    taken: set[str] = set()
    for output, first in layers.items():
        following = readers[output]
        if output in taken or len(following) != 1 or following[0].op_type not in ("Relu", "Clip"):
            continue
        following = readers[following[0].output[0]]
        second = layers.get(following[0].output[0]) if len(following) == 1 else None
        if second is None:
            continue
        taken.add(following[0].output[0])
        weights, later = first.weights(), second.weights()
        norms = np.abs(weights, dtype=np.float64).reshape(1, len(weights), -1).sum(axis=2)
        kept = column_mask(norms, Pattern(sparsity, 1))[0]
        first.store(weights * kept[:, None, None, None])
        second.store(later * kept[None, :, None, None])
    return copy


def row_wise(model: onnx.ModelProto, sparsity: float) -> onnx.ModelProto:
    """Of 4 (8 where 4 do not give the sparsity) consecutive input channels at a place of the window, each row keeps its
    largest weights: 2:4, 3:8, 1:4, 1:8."""
    group = 4 if (sparsity * 4).is_integer() else 8

    def mask(weights: np.ndarray) -> np.ndarray:
        channels_last = np.moveaxis(weights, 1, -1)
        kept = column_mask(channels_last.reshape(-1, weights.shape[1]), Pattern(sparsity, 1, group))
        return np.moveaxis(kept.reshape(channels_last.shape), -1, 1)

    return _masked(model, mask)


def unstructured(model: onnx.ModelProto, sparsity: float) -> onnx.ModelProto:
    """The largest weights of each layer stay, wherever they are."""
    return _masked(model, lambda weights: column_mask(weights.reshape(1, -1), Pattern(sparsity, 1)))


def recalibrated(pruned: onnx.ModelProto, dense: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
    """A copy of `pruned` in which each output channel of each pruned convolution has the mean and the deviation that it
    has in `dense`, on the images: its weights are scaled and its bias is set, layer after layer in running order.

    This is what batch norms do whose statistics are taken anew, in a file whose batch norms are folded into weights.
    """
    copy = _copy(pruned)
    layers = prunable(copy)
    wanted = _statistics(dense, [convolution.node.output[0] for convolution in layers], images)
    for convolution in layers:
        output = convolution.node.output[0]
        mean, deviation = wanted[output]
        found_mean, found_deviation = _statistics(copy, [output], images)[output]
        usable = found_deviation > 1e-6 * deviation
        scale = np.divide(deviation, found_deviation, out=np.ones_like(deviation), where=usable)
        bias = next(numpy_helper.to_array(t) for t in copy.graph.initializer if t.name == convolution.node.input[2])
        convolution.store((convolution.weights() * scale[:, None, None, None]).astype(np.float32))
        set_bias(copy, convolution, ((bias - found_mean) * scale + mean).astype(np.float32))
    return copy


def prunable(model: onnx.ModelProto) -> Sequence[Convolution]:
    """The convolutions that do not stay dense."""
    return [convolution for convolution in find_convolutions(model) if not convolution.why_dense()]


def _statistics(
    model: onnx.ModelProto, values: Sequence[str], images: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Mean and deviation, f64 [C] each, of each channel of values [N, C, H, W]."""
    (name,) = (entry.name for entry in model.graph.input)
    part = Extractor(onnx.shape_inference.infer_shapes(model)).extract_model([name], list(values))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])
    batches = [session.run(None, {name: images[i : i + _BATCH]}) for i in range(0, len(images), _BATCH)]
    return {
        value: (parts.mean(axis=(0, 2, 3), dtype=np.float64), parts.std(axis=(0, 2, 3), dtype=np.float64))
        for value, *arrays in zip(values, *batches, strict=True)
        for parts in [np.concatenate(arrays)]
    }


def _masked(model: onnx.ModelProto, mask: Callable[[np.ndarray], np.ndarray]) -> onnx.ModelProto:
    copy = _copy(model)
    for convolution in prunable(copy):
        weights = convolution.weights()
        convolution.store(weights * mask(weights).reshape(weights.shape))
    return copy


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def _values(model: onnx.ModelProto) -> set[str]:
    return {name for node in model.graph.node for name in node.output}
