"""The seven classifiers, layer by layer as torchvision has them, one function per family."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from colonnade.zoo.builder import NetBuilder, Value

_BRANCH_GAIN = 0.4  # Batch norm in front of a residual addition, as small as training leaves it.


def _resnet(net: NetBuilder, stages: tuple[int, ...], block: Callable[..., Value]) -> Value:
    """He et al. 2016, arXiv:1512.03385."""
    x = net.conv("conv1", net.input(), 64, 7, stride=2)
    x = net.max_pool("maxpool", net.relu("relu", net.batch_norm("bn1", x)))
    for stage, blocks in enumerate(stages):
        for index in range(blocks):
            stride = 2 if stage > 0 and index == 0 else 1
            x = block(net, f"layer{stage + 1}.{index}", x, width=64 << stage, stride=stride)
    return x


def _resnet_basic(net: NetBuilder, stages: tuple[int, ...]) -> Value:
    return _resnet(net, stages, _basic_block)


def _resnet_bottleneck(net: NetBuilder, stages: tuple[int, ...]) -> Value:
    return _resnet(net, stages, _bottleneck)


def _basic_block(net: NetBuilder, name: str, x: Value, *, width: int, stride: int) -> Value:
    y = net.batch_norm(f"{name}.bn1", net.conv(f"{name}.conv1", x, width, 3, stride=stride))
    y = net.conv(f"{name}.conv2", net.relu(f"{name}.relu1", y), width, 3)
    return _join(net, name, x, net.batch_norm(f"{name}.bn2", y, gain=_BRANCH_GAIN), stride)


def _bottleneck(net: NetBuilder, name: str, x: Value, *, width: int, stride: int) -> Value:
    """The stride is in the 3 x 3 convolution ("v1.5"), where torchvision puts it."""
    y = net.batch_norm(f"{name}.bn1", net.conv(f"{name}.conv1", x, width, 1))
    y = net.conv(f"{name}.conv2", net.relu(f"{name}.relu1", y), width, 3, stride=stride)
    y = net.relu(f"{name}.relu2", net.batch_norm(f"{name}.bn2", y))
    y = net.conv(f"{name}.conv3", y, 4 * width, 1)
    return _join(net, name, x, net.batch_norm(f"{name}.bn3", y, gain=_BRANCH_GAIN), stride)


def _join(net: NetBuilder, name: str, x: Value, branch: Value, stride: int) -> Value:
    """relu(branch + x), with x projected where its shape differs."""
    if stride != 1 or x.channels != branch.channels:
        x = net.conv(f"{name}.downsample.0", x, branch.channels, 1, stride=stride)
        x = net.batch_norm(f"{name}.downsample.1", x)
    return net.relu(f"{name}.relu", net.add(f"{name}.add", branch, x))


# Expansion, output channels and stride of the first block, for each of MobileNet-V2's stages.
_INVERTED = ((1, 16, 1), (6, 24, 2), (6, 32, 2), (6, 64, 2), (6, 96, 1), (6, 160, 2), (6, 320, 1))


def _mobilenet_v2(net: NetBuilder, stages: tuple[int, ...]) -> Value:
    """Sandler et al. 2018, arXiv:1801.04381, width 1."""
    x = _conv_bn_relu6(net, "features.0", net.input(), 32, 3, stride=2)
    index = 1
    for (expansion, channels, first_stride), blocks in zip(_INVERTED, stages, strict=True):
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            x = _inverted_residual(net, f"features.{index}", x, channels, expansion=expansion, stride=stride)
            index += 1
    return _conv_bn_relu6(net, f"features.{index}", x, 1280, 1)


def _inverted_residual(net: NetBuilder, name: str, x: Value, channels: int, *, expansion: int, stride: int) -> Value:
    """Expand (left out when `expansion` is 1), depthwise, project without activation, add where shapes agree."""
    hidden = x.channels * expansion
    first = 0 if expansion == 1 else 1
    y = x if expansion == 1 else _conv_bn_relu6(net, f"{name}.conv.0", x, hidden, 1)
    y = _conv_bn_relu6(net, f"{name}.conv.{first}", y, hidden, 3, stride=stride, groups=hidden)
    y = net.conv(f"{name}.conv.{first + 1}", y, channels, 1)
    joined = stride == 1 and channels == x.channels
    y = net.batch_norm(f"{name}.conv.{first + 2}", y, gain=_BRANCH_GAIN if joined else 1.0)
    return net.add(f"{name}.add", x, y) if joined else y


def _conv_bn_relu6(
    net: NetBuilder, name: str, x: Value, channels: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> Value:
    y = net.conv(f"{name}.0", x, channels, kernel, stride=stride, groups=groups)
    return net.relu6(f"{name}.2", net.batch_norm(f"{name}.1", y))


_GROWTH = 32


def _densenet(net: NetBuilder, stages: tuple[int, ...]) -> Value:
    """Huang et al. 2017, arXiv:1608.06993: growth 32, bottleneck 4 x 32, compression 1/2."""
    x = net.conv("features.conv0", net.input(), 2 * _GROWTH, 7, stride=2)
    x = net.relu("features.relu0", net.batch_norm("features.norm0", x))
    x = net.max_pool("features.pool0", x)
    for stage, layers in enumerate(stages, start=1):
        x = _dense_block(net, f"features.denseblock{stage}", x, layers)
        if stage < len(stages):
            x = _transition(net, f"features.transition{stage}", x)
    return net.relu("features.relu5", net.batch_norm("features.norm5", x))


def _dense_block(net: NetBuilder, name: str, x: Value, layers: int) -> Value:
    """Every layer reads the concatenation of the block's input and of all layers before it."""
    features = [x]
    for index in range(1, layers + 1):
        layer = f"{name}.denselayer{index}"
        y = net.concat(f"{layer}.concat", features) if len(features) > 1 else x
        y = net.relu(f"{layer}.relu1", net.batch_norm(f"{layer}.norm1", y))
        y = net.conv(f"{layer}.conv1", y, 4 * _GROWTH, 1)
        y = net.relu(f"{layer}.relu2", net.batch_norm(f"{layer}.norm2", y))
        features.append(net.conv(f"{layer}.conv2", y, _GROWTH, 3))
    return net.concat(f"{name}.concat", features)


def _transition(net: NetBuilder, name: str, x: Value) -> Value:
    y = net.relu(f"{name}.relu", net.batch_norm(f"{name}.norm", x))
    return net.average_pool(f"{name}.pool", net.conv(f"{name}.conv", y, x.channels // 2, 1))


Family = Callable[[NetBuilder, tuple[int, ...]], Value]


def _classifier(family: Family, stages: tuple[int, ...], last: str) -> Callable[[NetBuilder, int], None]:
    """A network of a family with so many blocks in each stage, and the name of its last layer."""

    def draw(net: NetBuilder, classes: int) -> None:
        net.classifier(last, family(net, stages), classes)

    return draw


CLASSIFIERS: Mapping[str, Callable[[NetBuilder, int], None]] = {
    "resnet18": _classifier(_resnet_basic, (2, 2, 2, 2), "fc"),
    "resnet34": _classifier(_resnet_basic, (3, 4, 6, 3), "fc"),
    "resnet50": _classifier(_resnet_bottleneck, (3, 4, 6, 3), "fc"),
    "resnet101": _classifier(_resnet_bottleneck, (3, 4, 23, 3), "fc"),
    "resnet152": _classifier(_resnet_bottleneck, (3, 8, 36, 3), "fc"),
    "mobilenet_v2": _classifier(_mobilenet_v2, (1, 2, 3, 4, 3, 3, 1), "classifier.1"),
    "densenet121": _classifier(_densenet, (6, 12, 24, 16), "classifier"),
}
