"""Lowers an optimised graph to a program: one small function per operator, convolutions by the chosen candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph import ir
from colonnade.kernels.shapes import SLACK, Shape, shapes
from colonnade.modelfile.program import Program, Step, Storage, Value, View
from colonnade.modelfile.writer import floats_of
from colonnade.plan.candidate import Candidate
from colonnade.plan.conv import FLOAT_BYTES, activation_fields
from colonnade.plan.copy import Strided, copy_step, dense, row_major
from colonnade.plan.follow import unchain
from colonnade.plan.layout import Order, Places, same_in_both_orders, swapped
from colonnade.plan.planes import Borders
from colonnade.plan.problem import ConvProblem, conv_problem
from colonnade.plan.step import convolution_step
from colonnade.target.targets import Target


def conv_problems(graph: ir.Graph) -> dict[str, ConvProblem]:
    """The problem of every convolution, by node name, in running order."""
    return {node.name: _problem(graph, node) for node in graph.nodes if isinstance(node.op, ir.Conv)}


def _problem(graph: ir.Graph, node: ir.Node) -> ConvProblem:
    assert isinstance(node.op, ir.Conv)
    x, w, b = node.inputs[:3]
    x_shape, y_shape = graph.shape(x), graph.shape(node.output)
    return conv_problem(node.name, node.op, x_shape, y_shape, graph.constants[w], graph.constants[b])


_ORDERS: tuple[Order, ...] = ("cn", "plain", "bordered")


def borders_of(graph: ir.Graph, problems: Mapping[str, ConvProblem]) -> dict[str, Borders]:
    """The values that have borders in memory, as the problems of the convolutions that make and read them say."""
    found: dict[str, Borders] = {}
    for node in graph.nodes:
        if node.name in problems and isinstance(node.op, ir.Conv):
            geometry = problems[node.name].geometry
            found |= {node.inputs[0]: geometry.x_borders, node.output: geometry.y_borders}
    return {value: borders for value, borders in found.items() if any(borders)}


def lower(
    graph: ir.Graph,
    target: Target,
    problems: Mapping[str, ConvProblem],
    chosen: Mapping[str, Candidate],
    borders: Mapping[str, Borders] | None = None,
) -> Program:
    """The program of `graph` for `target`; `problems` and `chosen` by the names of the convolutions. `borders`: of the
    values that have some in memory, unless the problems say so."""
    program = Program(target)
    for index, name in enumerate(graph.inputs):
        storage = Storage(floats_of(graph.shape(name)), "input", index)
        program.inputs.append(Value(name, graph.shape(name), storage))
    made: dict[str, tuple[Order, View]] = {value.name: ("plain", View(value.storage)) for value in program.inputs}
    lower_into(program, graph, made, problems, chosen, borders)
    return program


def lower_into(
    program: Program,
    graph: ir.Graph,
    made: Mapping[str, tuple[Order, View]],
    problems: Mapping[str, ConvProblem],
    chosen: Mapping[str, Candidate],
    borders: Mapping[str, Borders] | None = None,
) -> None:
    """Append the steps of `graph`, and its outputs, to `program`; `made`: where its inputs are, and in what order. The
    others as in `lower`."""
    lowering = _Lowering(graph, program, made, problems, chosen, borders or borders_of(graph, problems))
    for node in graph.nodes:
        lowering.node(node)
    for value in graph.outputs:
        lowering.output(value)
    unchain(program)


class _Lowering:
    def __init__(
        self,
        graph: ir.Graph,
        program: Program,
        made: Mapping[str, tuple[Order, View]],
        problems: Mapping[str, ConvProblem],
        chosen: Mapping[str, Candidate],
        borders: Mapping[str, Borders],
    ) -> None:
        self.graph = graph
        self.target = program.target
        self.problems = problems
        self.chosen = chosen
        self.places = Places(graph, borders)
        self.program = program
        self.makers = graph.producers()
        self.readers = graph.consumers()
        self.place = {node.output: index for index, node in enumerate(graph.nodes)}
        for name, (order, view) in made.items():
            self.places.bind(name, order, view)
        for index, name in enumerate(graph.outputs):
            storage = Storage(floats_of(graph.shape(name)), "output", index)
            self.program.outputs.append(Value(name, graph.shape(name), storage))

    # Values

    def emit(self, op: str, name: str, views: dict[str, View | None], **fields: object) -> None:
        self.program.steps.append(Step(op, name, views, fields))

    def read(self, value: str, order: Order) -> View:
        """A value in `order`, converted if it was made in the other."""
        known = self.places.known(value, order)
        if known is not None:
            return known
        if value in self.graph.constants:
            view = self._constant(self.graph.constants[value], order)
            self.places.bind(value, order, view)
            return view
        source = next(other for other in _ORDERS if self.places.known(value, other))
        target = self.places.view(value, order)
        name = f"layout:{value}"
        if order == "bordered":
            self.emit("fill", name, {"y": target}, count=target.storage.floats, value=0.0)
        walked = (self.places.walked(value, o, self.places.view(value, o)) for o in (source, order))
        self.copy(name, self.graph.shape(value), *walked)
        return target

    def _constant(self, array: np.ndarray, order: Order) -> View:
        stored = array if order == "plain" or array.ndim < 2 else np.swapaxes(array, 0, 1)
        return View(Storage(array.size, "constant", self.program.constants.add_floats(stored)))

    def read_image(self, value: str) -> View:
        """A value as convolutions and pools take it."""
        return self.read(value, self.places.image_order(value))

    def write(self, node: ir.Node, order: Order) -> View:
        """Where a node's output goes: straight to the caller's buffer if that is its only use and its order."""
        value = node.output
        is_output = value in self.graph.outputs and value not in self.readers
        plain = order == "plain" or (order == "cn" and same_in_both_orders(self.graph.shape(value)))
        if is_output and plain and self.graph.outputs.count(value) == 1:
            index = self.graph.outputs.index(value)
            self.places.bind(value, order, View(self.program.outputs[index].storage))
        return self.places.view(value, order)

    def output(self, value: str) -> None:
        """Copy a graph output that was not written in place."""
        for target in (v for v in self.program.outputs if v.name == value):
            source = self.read(value, "plain")
            if source.storage is not target.storage:
                self.copy(value, target.shape, dense(source, target.shape), dense(View(target.storage), target.shape))

    def copy(self, name: str, shape: tuple[int, ...], source: Strided, target: Strided) -> None:
        self.program.steps.append(copy_step(name, shape, source, target))

    # Operators

    def node(self, node: ir.Node) -> None:
        handlers: dict[type, Callable[[ir.Node], None]] = {
            ir.Conv: self.conv,
            ir.Dense: self.dense,
            ir.Pool: self.pool,
            ir.GlobalPool: self.global_pool,
            ir.Affine: self.affine,
            ir.Act: self.act,
            ir.Binary: self.binary,
            ir.Concat: self.concat,
            ir.Pad: self.pad,
            ir.Reshape: self.reshape,
            ir.Transpose: self.transpose,
            ir.Softmax: self.softmax,
            ir.LRN: self.lrn,
        }
        handlers[type(node.op)](node)

    def conv(self, node: ir.Node) -> None:
        assert isinstance(node.op, ir.Conv)
        problem, candidate = self.problems[node.name], self.chosen[node.name]
        x = self.read_image(node.inputs[0])
        order = self.places.image_order(node.output)
        residual = self.read(node.inputs[3], order) if node.op.residual else None
        if residual is not None and self._replaces(node, node.inputs[3], order):
            self.places.bind(node.output, order, residual)  # what has just been read is written
        y = self.write(node, order)
        as_is = problem.geometry.reads_as_is and not candidate.packed
        lines_as_they_are = candidate.vertical > 1  # but for the caller's array, whose lines are copied
        if (as_is and x.storage.kind != "arena") or ((as_is or lines_as_they_are) and self._meets(node, x, y)):
            x = self._in_arena(node.inputs[0], x)
        constants = self.program.constants
        self.program.steps.append(convolution_step(problem, candidate, self.target, constants, x, y, residual))

    def _replaces(self, node: ir.Node, value: str, order: Order) -> bool:
        """Whether a node's output may take the memory of `value`, which it is the last to read."""
        view = self.places.known(value, order)
        ends = value not in self.graph.outputs and self.readers[value][-1] is node and node.inputs.count(value) == 1
        free = node.output not in self.graph.outputs and not self.places.is_slice(node.output)
        if not (ends and free and view is not None and view.storage.kind == "arena"):
            return False
        return not self.places.is_slice(value) and all(self._is_over(v, node) for v in self.places.beside(value))

    def _is_over(self, value: str, node: ir.Node) -> bool:
        """Whether nothing reads `value` from `node` on."""
        read_later = any(self.place[reader.output] >= self.place[node.output] for reader in self.readers.get(value, ()))
        return value not in self.graph.outputs and not read_later

    def _meets(self, node: ir.Node, x: View, y: View) -> bool:
        """Whether the floats right after `x`, which are read although they mean nothing, are written meanwhile: as `y`,
        another slice of the same storage."""
        end = x.at + floats_of(self.graph.shape(node.inputs[0]))
        return x.storage is y.storage and x.at < y.at < end + SLACK

    def _in_arena(self, value: str, source: View) -> View:
        """A copy that strips may read past the end of, as slack follows it."""
        shape = (floats_of(self.graph.shape(value)),)
        target = View(Storage(shape[0]))
        self.copy(f"{value}:copy", shape, dense(source, shape), dense(target, shape))
        return target

    def dense(self, node: ir.Node) -> None:
        assert isinstance(node.op, ir.Dense)
        x_name, w_name, b_name = node.inputs
        batch, columns = self.graph.shape(x_name)
        shape = dense_shape(self.target, batch)
        width = shape.vectors * self.target.lanes
        weights, bias = self.graph.constants[w_name], self.graph.constants[b_name]
        outputs = weights.shape[0]
        strips = -(-outputs // width)
        padded = np.zeros((strips * width, columns), np.float32)
        padded[:outputs] = weights
        constants = self.program.constants
        x = self.read(x_name, "cn")
        self.emit(
            "dense",
            node.name,
            {"x": x, "y": self.write(node, "plain")},
            weights=constants.add_floats(padded.reshape(strips, width, columns).transpose(0, 2, 1)),
            bias=constants.add_floats(np.pad(bias, (0, strips * width - outputs))),
            off_table=constants.add_ints(np.arange(columns, dtype=np.int64) * width * FLOAT_BYTES),
            columns=columns,
            batch=batch,
            outputs=outputs,
            vectors=shape.vectors,
            chunk=shape.rows,
            **activation_fields(node.op.act),
        )

    def pool(self, node: ir.Node) -> None:
        op = node.op
        assert isinstance(op, ir.Pool)
        batch, channels, in_h, in_w = self.graph.shape(node.inputs[0])
        out_h, out_w = self.graph.shape(node.output)[2:]
        top, left, bottom, right = op.pads
        source, target = self.places.planes(node.inputs[0]), self.places.planes(node.output)
        x, y = self.read_image(node.inputs[0]), self.write(node, self.places.image_order(node.output))
        if any(target.borders):
            self.emit("fill", f"{node.name}:border", {"y": y}, count=y.storage.floats, value=0.0)
        self.emit(
            "pool",
            node.name,
            {"x": x.shifted(source.origin), "y": y.shifted(target.origin)},
            average=op.kind == "avg",
            planes=batch * channels,
            in_h=in_h,
            in_w=in_w,
            x_pitch=source.pitch,
            x_plane=source.floats,
            out_h=out_h,
            out_w=out_w,
            y_pitch=target.pitch,
            y_plane=target.floats,
            kernel_h=op.kernel[0],
            kernel_w=op.kernel[1],
            stride_h=op.strides[0],
            stride_w=op.strides[1],
            dilation_h=op.dilations[0],
            dilation_w=op.dilations[1],
            pad_top=top,
            pad_left=left,
            end_h=in_h + bottom,
            end_w=in_w + right,
            count_pad=op.count_include_pad,
            **activation_fields(ir.IDENTITY),
        )

    def global_pool(self, node: ir.Node) -> None:
        assert isinstance(node.op, ir.GlobalPool)
        batch, channels = self.graph.shape(node.inputs[0])[:2]
        planes = self.places.planes(node.inputs[0])
        x, y = self.read_image(node.inputs[0]).shifted(planes.origin), self.write(node, "cn")
        self.emit(
            "global_pool",
            node.name,
            {"x": x, "y": y},
            average=node.op.kind == "avg",
            planes=batch * channels,
            height=planes.height,
            width=planes.width,
            x_pitch=planes.pitch,
            x_plane=planes.floats,
        )

    def affine(self, node: ir.Node) -> None:
        assert isinstance(node.op, ir.Affine)
        x, scale, shift = node.inputs
        channels = self.graph.shape(x)[1]
        self.emit(
            "affine",
            node.name,
            {"x": self.read(x, "cn"), "y": self.write(node, "cn")},
            scale=self.program.constants.add_floats(self.graph.constants[scale]),
            shift=self.program.constants.add_floats(self.graph.constants[shift]),
            channels=channels,
            inner=floats_of(self.graph.shape(x)) // channels,
            **activation_fields(node.op.act),
        )

    def any_order(self, value: str) -> Order:
        """The order in which a value is at hand, for operators that work in either."""
        return "cn" if self.places.known(value, "cn") is not None or value in self.graph.constants else "plain"

    def act(self, node: ir.Node) -> None:
        assert isinstance(node.op, ir.Act)
        order = self.any_order(node.inputs[0])
        views: dict[str, View | None] = {"x": self.read(node.inputs[0], order), "y": self.write(node, order)}
        count = floats_of(self.graph.shape(node.output))
        self.emit("unary", node.name, views, count=count, **activation_fields(node.op.act))

    def binary(self, node: ir.Node) -> None:
        assert isinstance(node.op, ir.Binary)
        a, b = node.inputs
        shape = self.graph.shape(a)
        order = self.any_order(a)
        per_plane = self.graph.shape(b) == (*shape[:2], 1, 1) and shape[2:] != (1, 1)
        if b in self.graph.constants and not per_plane:
            full = np.broadcast_to(self.graph.constants[b], shape)
            second = self._constant(full, order)
        elif self.graph.shape(b) == shape or per_plane:
            second = self.read(b, order)
        else:
            raise ColonnadeError(f"node '{node.name}': cannot combine shapes {shape} and {self.graph.shape(b)}")
        count = floats_of(shape)
        outer = floats_of(shape[:2]) if per_plane else max((d for d in shape[:2] if count), default=1)
        self.emit(
            "binary",
            node.name,
            {"a": self.read(a, order), "b": second, "y": self.write(node, order)},
            multiply=node.op.kind == "mul",
            broadcast=per_plane,
            outer=outer,
            inner=count // outer,
            **activation_fields(node.op.act),
        )

    def concat(self, node: ir.Node) -> None:
        """Parts not made in place are copied; along other axes than the channels all are."""
        assert isinstance(node.op, ir.Concat)
        axis, shape = node.op.axis, self.graph.shape(node.output)
        order: Order = "cn" if axis == 1 else "plain"
        whole = self.write(node, order)
        stored_axis = 0 if axis == 1 else axis
        stored = swapped(shape) if order == "cn" else shape
        strides = row_major(stored)
        at = 0
        for part in node.inputs:
            part_shape = self.graph.shape(part)
            part_stored = swapped(part_shape) if order == "cn" else part_shape
            target = View(whole.storage, whole.at + at * strides[stored_axis])
            source = self.read(part, order)
            if source != target:
                self.copy(f"{node.name}:{part}", part_stored, dense(source, part_stored), Strided(target, strides))
            at += part_stored[stored_axis]

    def pad(self, node: ir.Node) -> None:
        assert isinstance(node.op, ir.Pad)
        stored = swapped(self.graph.shape(node.inputs[0]))
        padded = swapped(self.graph.shape(node.output))
        x, y = self.read(node.inputs[0], "cn"), self.write(node, "cn")
        strides = row_major(padded)
        top, left = node.op.pads[:2]
        self.emit("fill", f"{node.name}:border", {"y": y}, count=floats_of(padded), value=node.op.value)
        inside = View(y.storage, y.at + top * strides[2] + left)
        self.copy(node.name, stored, dense(x, stored), Strided(inside, strides))

    def reshape(self, node: ir.Node) -> None:
        """The same bytes: in `cn` order when only what follows the first two axes changes, else in `plain`."""
        source, shape = self.graph.shape(node.inputs[0]), self.graph.shape(node.output)
        keeps = len(source) >= 2 and len(shape) >= 2 and source[:2] == shape[:2]
        order: Order = "cn" if keeps and self.places.known(node.inputs[0], "cn") is not None else "plain"
        view = self.read(node.inputs[0], order)
        if node.output in self.graph.outputs or self.places.is_slice(node.output):
            flat = (floats_of(shape),)
            self.copy(node.name, flat, dense(view, flat), dense(self.write(node, order), flat))
        else:
            self.places.bind(node.output, order, view)

    def transpose(self, node: ir.Node) -> None:
        assert isinstance(node.op, ir.Transpose)
        strides = row_major(self.graph.shape(node.inputs[0]))
        walked = tuple(strides[axis] for axis in node.op.perm)
        source, shape = Strided(self.read(node.inputs[0], "plain"), walked), self.graph.shape(node.output)
        self.copy(node.name, shape, source, dense(self.write(node, "plain"), shape))

    def softmax(self, node: ir.Node) -> None:
        assert isinstance(node.op, ir.Softmax)
        shape, axis = self.graph.shape(node.output), node.op.axis
        views: dict[str, View | None] = {"x": self.read(node.inputs[0], "plain"), "y": self.write(node, "plain")}
        outer, inner = floats_of(shape[:axis]), floats_of(shape[axis + 1 :])
        self.emit("softmax", node.name, views, outer=outer, count=shape[axis], inner=inner)

    def lrn(self, node: ir.Node) -> None:
        op = node.op
        assert isinstance(op, ir.LRN)
        shape = self.graph.shape(node.output)
        views: dict[str, View | None] = {"x": self.read(node.inputs[0], "cn"), "y": self.write(node, "cn")}
        inner = floats_of(shape) // shape[1]
        fields = {"size": op.size, "alpha": op.alpha, "beta": op.beta, "bias": op.bias}
        self.emit("lrn", node.name, views, channels=shape[1], inner=inner, **fields)


def dense_shape(target: Target, batch: int) -> Shape:
    """Micro-kernel of a fully connected layer: T rows of the batch at once, as many vectors of outputs as fit."""
    fitting = [shape for shape in shapes(target.isa) if shape.rows <= batch]
    return max(fitting, key=lambda shape: (min(shape.rows, 4), shape.rows * shape.vectors, shape.vectors))
