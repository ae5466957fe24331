"""Networks that give a value for every pixel: a U-Net, and a detector of text as in PP-OCR."""

from __future__ import annotations

from colonnade.zoo.builder import NetBuilder, Value

_UNET_WIDTH = 32


def unet(net: NetBuilder, classes: int) -> None:
    """Ronneberger et al. 2015, arXiv:1505.04597, half as wide, padded, with batch norm. "classes" [N, classes, H, W]:
    logits."""
    x = _twice(net, "down.0", net.input(), _UNET_WIDTH)
    skips = []
    for i in range(1, 5):
        skips.append(x)
        x = _twice(net, f"down.{i}", net.max_pool(f"pool.{i}", x, 2), _UNET_WIDTH << i)
    for i, skip in enumerate(reversed(skips)):
        up = net.conv_transpose(f"up.{i}.transpose", x, skip.channels)
        x = _twice(net, f"up.{i}", net.concat(f"up.{i}.concat", [skip, up]), skip.channels)
    last = net.conv("last", x, classes, 1, bias=True)
    net.node("Identity", "output", [last.name], "classes")
    net.output("classes", [classes, net.input_size, net.input_size])


def _twice(net: NetBuilder, name: str, x: Value, channels: int) -> Value:
    for i in range(2):
        y = net.batch_norm(f"{name}.{i}.bn", net.conv(f"{name}.{i}.conv", x, channels, 3))
        x = net.relu(f"{name}.{i}.relu", y)
    return x


# Kernel, channels, stride and whether channels are weighted, of the blocks of each stage: those of PP-OCRv4's mobile
# detector.
_STAGES: tuple[tuple[tuple[int, int, int, bool], ...], ...] = (
    ((3, 32, 1, False), (3, 48, 2, False), (3, 48, 1, False)),
    ((3, 96, 2, False), (3, 96, 1, False)),
    ((3, 192, 2, False), *[(5, 192, 1, False)] * 4),
    ((5, 384, 2, True), (5, 384, 1, True), (5, 384, 1, False), (5, 384, 1, False)),
)
_REDUCED = (12, 18, 42, 360)  # channels that each stage hands on
_NECK = 96
_GAIN = 0.5  # of convolutions whose outputs are added and weighted without batch norm


def text_detector(net: NetBuilder, classes: int) -> None:
    """PP-LCNetV3 backbone, RSE-FPN neck and DB head, as PP-OCRv4's mobile detector has them. "maps" [N, classes, H, W]:
    from 0 to 1."""
    x = _active(net, "stem", net.conv("stem.conv", net.input(), 16, 3, stride=2), swish=False)
    levels = []
    for i, (stage, channels) in enumerate(zip(_STAGES, _REDUCED, strict=True)):
        for j, (kernel, width, stride, weighted) in enumerate(stage):
            x = _separable(net, f"stage.{i}.{j}", x, kernel, width, stride, weighted)
        levels.append(net.conv(f"reduced.{i}", x, channels, 1, bias=True, gain=_GAIN))
    levels = [
        _residual_weighted(net, f"in.{i}", net.conv(f"in.{i}.conv", y, _NECK, 1, gain=_GAIN))
        for i, y in enumerate(levels)
    ]
    for i in (2, 1, 0):
        levels[i] = net.add(f"top.{i}.add", levels[i], net.upsample(f"top.{i}.up", levels[i + 1]))
    parts = []
    for i in (3, 2, 1, 0):
        y = _residual_weighted(net, f"out.{i}", net.conv(f"out.{i}.conv", levels[i], _NECK // 4, 3, gain=_GAIN))
        parts.append(net.upsample(f"out.{i}.enlarged", y, 1 << i) if i else y)
    x = net.concat("neck", parts)
    x = net.relu("head.relu1", net.batch_norm("head.bn1", net.conv("head.conv", x, _NECK // 4, 3)))
    x = net.conv_transpose("head.transpose1", x, _NECK // 4)
    x = net.relu("head.relu2", net.batch_norm("head.bn2", x))
    net.node("Sigmoid", "output", [net.conv_transpose("head.transpose2", x, classes).name], "maps")
    net.output("maps", [classes, net.input_size, net.input_size])


def _active(net: NetBuilder, name: str, x: Value, swish: bool = True) -> Value:
    """Batch norm, one factor and summand for all, and HardSwish with another factor and summand."""
    y = net.scale(f"{name}.scale", net.batch_norm(f"{name}.bn", x, gain=0.85), 1.1, 0.05)
    return net.scale(f"{name}.scale2", net.hard_swish(f"{name}.act", y), 1.3, -0.1) if swish else y


def _separable(net: NetBuilder, name: str, x: Value, kernel: int, channels: int, stride: int, weighted: bool) -> Value:
    """Depthwise, channels weighted by squeeze and excitation if asked for, then 1 x 1."""
    y = net.conv(f"{name}.dw", x, x.channels, kernel, stride=stride, groups=x.channels)
    y = _active(net, f"{name}.dw", y, swish=stride == 1)
    if weighted:
        y = net.mul(f"{name}.se.mul", y, _weights(net, f"{name}.se", y))
    return _active(net, f"{name}.pw", net.conv(f"{name}.pw", y, channels, 1))


def _weights(net: NetBuilder, name: str, x: Value) -> Value:
    """A number for each channel: squeeze and excitation."""
    squeezed = net.conv(f"{name}.down", net.mean(f"{name}.mean", x), x.channels // 4, 1, bias=True)
    wide = net.conv(f"{name}.up", net.relu(f"{name}.relu", squeezed), x.channels, 1, bias=True)
    return net.hard_sigmoid(f"{name}.gate", wide)


def _residual_weighted(net: NetBuilder, name: str, x: Value) -> Value:
    return net.add(f"{name}.add", x, net.mul(f"{name}.mul", x, _weights(net, name, x)))
