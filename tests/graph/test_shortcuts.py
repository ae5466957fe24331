"""Projections merged with the convolution that adds them: equal outputs, and only where nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from onnx_checks import check_same
from random_graphs import GraphBuilder

from colonnade import zoo
from colonnade.api import Model, prune
from colonnade.graph.ir import IDENTITY, RELU, Activation, Binary, Concat, Conv, Graph
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize

ROWS = np.arange(6)[:, np.newaxis]
PAIRS_OF_ROWS = (ROWS // 2 + np.arange(4)) % 2 == 0  # rows 0, 1 and 4, 5 alike
OTHER_PAIRS = ((ROWS + 1) // 2 + np.arange(5)) % 2 == 0
ALL_DIFFERENT = (ROWS >> np.arange(5)) % 2 == 1


@dataclass(frozen=True)
class Block:
    """relu(w h + v x): 1x1 convolutions of x, 5 channels, and of h, 4 channels, to 6."""

    strides: tuple[int, int] = (1, 1)
    kernel: tuple[int, int] = (1, 1)
    between: Activation = IDENTITY
    groups: int = 1
    kept_h: np.ndarray | None = None
    kept_x: np.ndarray | None = None
    read_twice: bool = False
    output: bool = False

    def graph(self) -> Graph:
        b = GraphBuilder()
        stride, pad = self.strides[0], self.kernel[0] // 2
        x, h = b.input((2, 5, 6, 6)), b.input((2, 4, 6 // stride, 6 // stride))
        h = b.act(b.conv(h, 4, Conv(groups=self.groups)), RELU)
        op = Conv(self.strides, (pad,) * 4, act=self.between)
        shortcut, last = b.conv(x, 6, op, self.kernel), b.conv(h, 6, Conv())
        for node, kept in ((b.nodes[-1], self.kept_h), (b.nodes[-2], self.kept_x)):
            if kept is not None:
                b.constants[node.inputs[1]] = b.constants[node.inputs[1]] * kept[:, :, np.newaxis, np.newaxis]
        y = b.act(b.add(Binary("add"), (last, shortcut), b.shapes[last]), RELU)
        if self.read_twice:
            y = b.add(Binary("mul"), (y, shortcut), b.shapes[y])
        return b.finish(y, shortcut) if self.output else b.finish(y)


def _merged(graph: Graph) -> Graph:
    after = optimize(graph, merge=True)
    check_same(graph, after)
    return after


def _has_merged(graph: Graph) -> bool:
    return any("+" in node.name for node in graph.nodes)


@pytest.mark.parametrize(
    "block",
    [
        Block(),
        Block(kept_h=PAIRS_OF_ROWS),  # the other is dense
        Block(kept_h=PAIRS_OF_ROWS, kept_x=np.repeat(PAIRS_OF_ROWS[:, :1], 5, axis=1)),
        Block(kept_h=np.repeat(PAIRS_OF_ROWS[:, :1], 4, axis=1), kept_x=ALL_DIFFERENT),  # groups in groups
    ],
)
def test_sums_of_two_become_one(block: Block) -> None:
    graph = block.graph()
    *_, concat, conv = _merged(graph).nodes
    assert concat.op == Concat(1)
    assert conv.op == Conv(act=RELU)
    assert conv.name == "n3+n2"
    assert not _has_merged(optimize(graph))


@pytest.mark.parametrize(
    "block",
    [
        Block(strides=(2, 2)),
        Block(kernel=(3, 3)),
        Block(between=RELU),
        Block(read_twice=True),
        Block(output=True),
        Block(kept_h=PAIRS_OF_ROWS, kept_x=OTHER_PAIRS),  # each row would be a tile of its own
    ],
)
def test_others_stay(block: Block) -> None:
    assert not _has_merged(_merged(block.graph()))


def test_a_sum_of_two_convolutions_of_one_value_stays() -> None:
    b = GraphBuilder()
    x = b.input((1, 4, 3, 3))
    y = b.add(Binary("add"), (b.conv(x, 4, Conv()), b.conv(x, 4, Conv())), (1, 4, 3, 3))
    assert not _has_merged(_merged(b.finish(y)))


def test_names_in_use_are_left_alone() -> None:
    graph = Block().graph()
    name = f"{graph.outputs[0]}:inputs"
    taken = replace(graph, inputs=(*graph.inputs, name), shapes={**graph.shapes, name: (1,)})
    assert not _has_merged(_merged(taken))


@pytest.mark.parametrize("tile", [8, None])
def test_of_resnet_50_the_first_block(tile: int | None) -> None:
    """Its three others have a stride; pruned by the same tiles, it still is one."""
    model = Model(zoo.build("resnet50", input_size=32, classes=10), "resnet50")
    pruned = prune(model, 0.75, tile=tile) if tile else model
    graph = optimize(import_model(pruned.proto), merge=True)
    assert [node.name for node in graph.nodes if "+" in node.name] == ["layer1.0.downsample.0+layer1.0.conv3"]
