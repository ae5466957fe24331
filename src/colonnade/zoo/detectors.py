"""Two detectors of the YOLO family, layer by layer as Ultralytics exports them, decoding included.

Sources: the architectures' published configurations, yolov8n and yolo11n (width 0.25, depth 1/3 and 1/2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from colonnade.zoo.builder import NetBuilder, Value

_STRIDES = (8, 16, 32)
_BINS = 16  # of the distribution of each distance
_BRANCH_GAIN = 0.4  # batch norm in front of a residual addition, as small as training leaves it
_HEAD_CHANNELS = 32  # of a head of attention, for queries and keys

Block = Callable[[NetBuilder, str, Value], Value]


def yolov8n(net: NetBuilder, classes: int) -> None:
    """ "boxes" [N, 4 + classes, anchors]: centre and size in pixels, and scores."""
    levels = _levels(net, _CONCATENATED, pooled=lambda x: _pooled(net, "model.9", x, 256))
    _detect(net, levels, classes, _class_branch)


def yolo11n(net: NetBuilder, classes: int) -> None:
    """The same outputs; blocks of other kinds, self-attention on the smallest plane, depthwise heads."""
    levels = _levels(net, _NESTED, pooled=lambda x: _attended(net, "model.10", _pooled(net, "model.9", x, 256)))
    _detect(net, levels, classes, _depthwise_class_branch)


def _conv(
    net: NetBuilder, name: str, x: Value, channels: int, kernel: int = 1, *, stride: int = 1, groups: int = 1
) -> Value:
    y = net.conv(f"{name}.conv", x, channels, kernel, stride=stride, groups=groups)
    return net.silu(f"{name}.act", net.batch_norm(f"{name}.bn", y))


def _linear(net: NetBuilder, name: str, x: Value, channels: int, kernel: int = 1, *, groups: int = 1) -> Value:
    """Without an activation, in front of an addition."""
    y = net.conv(f"{name}.conv", x, channels, kernel, groups=groups)
    return net.batch_norm(f"{name}.bn", y, gain=_BRANCH_GAIN)


def _bottleneck(net: NetBuilder, name: str, x: Value, hidden: int, shortcut: bool) -> Value:
    y = _conv(net, f"{name}.cv2", _conv(net, f"{name}.cv1", x, hidden, 3), x.channels, 3)
    return net.add(f"{name}.add", x, y) if shortcut else y


def _split_block(net: NetBuilder, name: str, x: Value, channels: int, hidden: int, blocks: Sequence[Block]) -> Value:
    """Half of a 1 x 1 convolution goes through blocks, one after the other; all that they make is concatenated."""
    parts = net.split(f"{name}.split", _conv(net, f"{name}.cv1", x, 2 * hidden), [hidden, hidden])
    for i, block in enumerate(blocks):
        parts.append(block(net, f"{name}.m.{i}", parts[-1]))
    return _conv(net, f"{name}.cv2", net.concat(f"{name}.concat", parts), channels)


# Of the ten blocks: a function (net, name, x, channels, index of the block) -> value.
_Blocks = Callable[[NetBuilder, str, Value, int, int], Value]


def _concatenated(net: NetBuilder, name: str, x: Value, channels: int, index: int) -> Value:
    """C2f: twice as many bottlenecks in the middle of the backbone, shortcuts in the backbone alone."""
    hidden, count = channels // 2, 2 if index in (1, 2) else 1

    def block(net: NetBuilder, name: str, x: Value) -> Value:
        return _bottleneck(net, name, x, hidden, shortcut=index < 4)

    return _split_block(net, name, x, channels, hidden, [block] * count)


def _nested(net: NetBuilder, name: str, x: Value, channels: int, index: int) -> Value:
    """C3k2: a narrow bottleneck, or, deep in the network, a block of two bottlenecks beside a 1 x 1 convolution."""
    hidden = channels // (4 if index in (0, 1) else 2)

    def deep(net: NetBuilder, name: str, x: Value) -> Value:
        y = _conv(net, f"{name}.cv1", x, x.channels // 2)
        for i in range(2):
            y = _bottleneck(net, f"{name}.m.{i}", y, y.channels, shortcut=True)
        both = [y, _conv(net, f"{name}.cv2", x, x.channels // 2)]
        return _conv(net, f"{name}.cv3", net.concat(f"{name}.concat", both), x.channels)

    def narrow(net: NetBuilder, name: str, x: Value) -> Value:
        return _bottleneck(net, name, x, x.channels // 2, shortcut=True)

    return _split_block(net, name, x, channels, hidden, [deep if index in (2, 3, 7) else narrow])


_CONCATENATED: tuple[_Blocks, tuple[int, ...]] = (_concatenated, (32, 64, 128, 256))
_NESTED: tuple[_Blocks, tuple[int, ...]] = (_nested, (64, 128, 128, 256))


def _levels(net: NetBuilder, kind: tuple[_Blocks, tuple[int, ...]], pooled: Callable[[Value], Value]) -> list[Value]:
    """Backbone, and the paths down and up again: features at strides 8, 16 and 32."""
    block, channels = kind
    x = _conv(net, "model.0", net.input(), 16, 3, stride=2)
    seen = []
    for i, width in enumerate((32, 64, 128, 256)):
        x = _conv(net, f"model.{2 * i + 1}", x, width, 3, stride=2)
        x = block(net, f"model.{2 * i + 2}", x, channels[i], i)
        seen.append(x)
    top = pooled(x)
    down = []
    x = top
    for i, (skip, width) in enumerate(((seen[2], 128), (seen[1], 64))):
        joined = net.concat(f"head.{i}.concat", [net.upsample(f"head.{i}.upsample", x), skip])
        x = block(net, f"head.{i}.block", joined, width, 4 + i)
        down.append(x)
    levels = [x]
    for i, (skip, width) in enumerate(((down[0], 128), (top, 256)), start=2):
        y = _conv(net, f"head.{i}.down", x, width // 2, 3, stride=2)
        x = block(net, f"head.{i}.block", net.concat(f"head.{i}.concat", [y, skip]), width, 4 + i)
        levels.append(x)
    return levels


def _pooled(net: NetBuilder, name: str, x: Value, channels: int) -> Value:
    """SPPF: three max pools, each of what the one before gave."""
    parts = [_conv(net, f"{name}.cv1", x, x.channels // 2)]
    for i in range(3):
        parts.append(net.max_pool(f"{name}.m.{i}", parts[-1], 5, 1))
    return _conv(net, f"{name}.cv2", net.concat(f"{name}.concat", parts), channels)


def _attended(net: NetBuilder, name: str, x: Value) -> Value:
    """C2PSA: half of the channels attend to each other's positions."""
    half = x.channels // 2
    first, y = net.split(f"{name}.split", _conv(net, f"{name}.cv1", x, 2 * half), [half, half])
    y = net.add(f"{name}.add1", y, _attention(net, f"{name}.attn", y, heads=half // 64))
    wide = _conv(net, f"{name}.ffn.0", y, 2 * half)
    y = net.add(f"{name}.add2", y, _linear(net, f"{name}.ffn.1", wide, half))
    return _conv(net, f"{name}.cv2", net.concat(f"{name}.concat", [first, y]), x.channels)


def _attention(net: NetBuilder, name: str, x: Value, heads: int) -> Value:
    side = net.input_size // 32
    each = x.channels // heads
    qkv = net.conv(f"{name}.qkv.conv", x, x.channels + 2 * heads * _HEAD_CHANNELS, 1)
    qkv = net.batch_norm(f"{name}.qkv.bn", qkv, gain=0.5)
    shape = net.constant(f"{name}.heads", np.array([0, heads, 2 * _HEAD_CHANNELS + each, side * side], np.int64))
    apart = net.node("Reshape", f"{name}.reshape", [qkv.name, shape])
    sizes = np.array([_HEAD_CHANNELS, _HEAD_CHANNELS, each], np.int64)
    query, key, value = net.nodes("Split", f"{name}.split", [apart, net.constant(f"{name}.sizes", sizes)], 3, axis=2)
    turned = net.node("Transpose", f"{name}.turn", [query], perm=[0, 1, 3, 2])
    scores = net.node("MatMul", f"{name}.scores", [turned, key])
    factor = net.constant(f"{name}.factor", np.float32(1 / math.sqrt(_HEAD_CHANNELS)))
    weights = net.node("Softmax", f"{name}.softmax", [net.node("Mul", f"{name}.scale", [scores, factor])], axis=-1)
    weights = net.node("Transpose", f"{name}.turn2", [weights], perm=[0, 1, 3, 2])
    mixed = net.node("MatMul", f"{name}.mixed", [value, weights])
    plane = net.constant(f"{name}.plane", np.array([0, x.channels, side, side], np.int64))
    # What attention mixes is taken for half of a value: a mean of some of them.
    sample = qkv.sample.reshape(heads, -1, qkv.sample.shape[1])[:, 2 * _HEAD_CHANNELS :].reshape(x.channels, -1)
    mixed_value = Value(net.node("Reshape", f"{name}.together", [mixed, plane]), 0.5 * sample)
    values = Value(net.node("Reshape", f"{name}.values", [value, plane]), sample)
    y = net.add(f"{name}.add", mixed_value, _linear(net, f"{name}.pe", values, x.channels, 3, groups=x.channels))
    return _linear(net, f"{name}.proj", y, x.channels)


def _class_branch(net: NetBuilder, name: str, x: Value, channels: int, classes: int) -> Value:
    y = _conv(net, f"{name}.1", _conv(net, f"{name}.0", x, channels, 3), channels, 3)
    return net.conv(f"{name}.2", y, classes, 1, bias=True)


def _depthwise_class_branch(net: NetBuilder, name: str, x: Value, channels: int, classes: int) -> Value:
    y = x
    for i in range(2):
        y = _conv(net, f"{name}.{i}.0", y, y.channels, 3, groups=y.channels)
        y = _conv(net, f"{name}.{i}.1", y, channels)
    return net.conv(f"{name}.2", y, classes, 1, bias=True)


def _detect(
    net: NetBuilder,
    levels: Sequence[Value],
    classes: int,
    class_branch: Callable[[NetBuilder, str, Value, int, int], Value],
) -> None:
    """The head: for every anchor a distribution of each side's distance, of which the mean counts, and scores."""
    box_channels = max(16, levels[0].channels // 4, 4 * _BINS)
    class_channels = max(levels[0].channels, min(classes, 100))
    flat = []
    for i, level in enumerate(levels):
        box = _conv(net, f"detect.cv2.{i}.0", level, box_channels, 3)
        box = net.conv(
            f"detect.cv2.{i}.2", _conv(net, f"detect.cv2.{i}.1", box, box_channels, 3), 4 * _BINS, 1, bias=True
        )
        scores = class_branch(net, f"detect.cv3.{i}", level, class_channels, classes)
        both = net.concat(f"detect.{i}.concat", [box, scores])
        shape = net.constant("detect.shape", np.array([0, 4 * _BINS + classes, -1], np.int64))
        flat.append(net.node("Reshape", f"detect.{i}.reshape", [both.name, shape]))
    anchors = sum((net.input_size // stride) ** 2 for stride in _STRIDES)
    whole = net.node("Concat", "detect.concat", flat, axis=2)
    sizes = net.constant("detect.sizes", np.array([4 * _BINS, classes], np.int64))
    box_name, score_name = net.nodes("Split", "detect.split", [whole, sizes], 2, axis=1)
    boxes = _decoded(net, box_name, anchors)
    net.node("Concat", "detect.output", [boxes, net.node("Sigmoid", "detect.scores", [score_name])], "boxes", axis=1)
    net.output("boxes", [4 + classes, anchors])


def _decoded(net: NetBuilder, name: str, anchors: int) -> str:
    """Distances from the anchors become centres and sizes in pixels."""
    apart = net.constant("dfl.shape", np.array([0, 4, _BINS, anchors], np.int64))
    turned = net.node("Transpose", "dfl.turn", [net.node("Reshape", "dfl.reshape", [name, apart])], perm=[0, 2, 1, 3])
    shares = net.node("Softmax", "dfl.softmax", [turned], axis=1)
    weights = net.constant("dfl.weight", np.arange(_BINS, dtype=np.float32).reshape(1, _BINS, 1, 1))
    means = net.node("Conv", "dfl.conv", [shares, weights], kernel_shape=[1, 1])
    together = net.constant("dfl.together", np.array([0, 4, anchors], np.int64))
    distances = net.node("Reshape", "dfl.flat", [means, together])
    halves = net.constant("dfl.halves", np.array([2, 2], np.int64))
    before, after = net.nodes("Split", "dfl.split", [distances, halves], 2, axis=1)
    centres = net.constant("anchors", _anchors(net.input_size))
    first = net.node("Sub", "box.first", [centres, before])
    last = net.node("Add", "box.last", [centres, after])
    two = net.constant("two", np.float32(2))
    centre = net.node("Div", "box.centre", [net.node("Add", "box.sum", [first, last]), two])
    both = net.node("Concat", "box.concat", [centre, net.node("Sub", "box.size", [last, first])], axis=1)
    return net.node("Mul", "box.pixels", [both, net.constant("strides", _anchor_strides(net.input_size))])


def _anchors(input_size: int) -> np.ndarray:
    """[1, 2, anchors]: x and y of every anchor, in units of its stride."""
    planes = []
    for stride in _STRIDES:
        y, x = np.mgrid[: input_size // stride, : input_size // stride] + 0.5
        planes.append(np.stack((x.ravel(), y.ravel())))
    return np.concatenate(planes, axis=1).astype(np.float32)[None]


def _anchor_strides(input_size: int) -> np.ndarray:
    counts = [(input_size // stride) ** 2 for stride in _STRIDES]
    return np.repeat(np.array(_STRIDES, np.float32), counts)[None]
