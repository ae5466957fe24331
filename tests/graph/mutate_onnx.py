"""Mutated ONNX files: each is imported, or refused in one line, in bounded time and memory.

`python tests/graph/mutate_onnx.py --files 100000` tries that many; the first failure of each kind is written to the
folder of --keep. test_mutated.py runs a few hundred.
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from onnx import TensorProto, helper
from onnx_checks import make_model, random_array

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Graph
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.plan.compiler import compile_graph

SECONDS = 30  # for one file; the slowest takes a few on a busy machine
MEMORY = 2 * 2**30  # beyond what the process had before
INTEGERS = (0, 1, -1, 2, 3, 7, 255, 2**15, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1, -(2**31), -(2**63))
REALS = (0.0, -1.0, 1e-40, 1e38, float("inf"), float("-inf"), float("nan"))
TEXTS = (
    "",
    "x",
    "y",
    "w",
    "c",
    "none",
    "Conv",
    "Reshape",
    "Cast",
    "ConstantOfShape",
    "If",
    "local",
    "axis",
    "\x1b[31m",
)


def seeds() -> list[onnx.ModelProto]:
    """Small models that between them have most of what a file may hold."""
    return [_network(), _shape_arithmetic(), _constants(), _quantised(), _functions(), _branches()]


def _network() -> onnx.ModelProto:
    w, v = random_array((4, 2, 3, 3)), random_array((3, 4))
    statistics = {name: np.abs(random_array([4], i)) for i, name in enumerate("sbmv")}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4, strides=[1, 1], group=1),
        helper.make_node("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"], epsilon=1e-5),
        helper.make_node("Relu", ["n"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER"),
        helper.make_node("LRN", ["p"], ["l"], size=3, alpha=0.1),
        helper.make_node("Pad", ["l", "pads"], ["q"], mode="constant"),
        helper.make_node("GlobalAveragePool", ["q"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "fc"], ["o"], transB=1, alpha=1.0),
        helper.make_node("Softmax", ["o"], ["y"], axis=1),
    ]
    constants = {"w": w, "fc": v, "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]), **statistics}
    return make_model(nodes, {"x": (1, 2, 6, 6)}, constants=constants)


def _shape_arithmetic() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"], axis=0),
        helper.make_node("Unsqueeze", ["n", "axes"], ["u"]),
        helper.make_node("Concat", ["u", "rest"], ["t"], axis=0),
        helper.make_node("Reshape", ["x", "t"], ["r"], allowzero=0),
        helper.make_node("Transpose", ["r"], ["p"], perm=[0, 2, 1]),
        helper.make_node("Cast", ["p"], ["y"], to=TensorProto.FLOAT),
    ]
    constants = {"zero": np.array(0), "axes": np.array([0]), "rest": np.array([4, -1])}
    return make_model(nodes, {"x": (2, 4, 3, 3)}, constants=constants)


def _constants() -> onnx.ModelProto:
    value = onnx.numpy_helper.from_array(np.array([0.5], np.float32))
    nodes = [
        helper.make_node("Constant", [], ["a"], value_ints=[1, 2, 1, 1]),
        helper.make_node("ConstantOfShape", ["a"], ["c"], value=value),
        helper.make_node("Expand", ["c", "e"], ["d"]),
        helper.make_node("Range", ["i0", "i6", "i1"], ["g"]),
        helper.make_node("OneHot", ["g", "i6", "values"], ["h"], axis=-1),
        helper.make_node("Tile", ["h", "reps"], ["k"]),
        helper.make_node("Slice", ["k", "starts", "ends"], ["l"]),
        helper.make_node("TopK", ["l", "two"], ["v", "i"], axis=-1, largest=1),
        helper.make_node("ReduceSum", ["l"], ["m"], keepdims=0),
        helper.make_node("Pad", ["d", "pads"], ["q"], mode="edge"),
        helper.make_node("CumSum", ["q", "i1"], ["z"], exclusive=1),
        helper.make_node("MatMul", ["h", "h"], ["mm"]),
        helper.make_node("ScatterND", ["mm", "at", "up"], ["sc"]),
        helper.make_node("Add", ["m", "z"], ["b"]),
        helper.make_node("Conv", ["b", "kernel"], ["cv"]),
        helper.make_node("Add", ["x", "cv"], ["y"]),
    ]
    constants = {
        "e": np.array([1, 2, 6, 6]),
        "i0": np.array(0),
        "i6": np.array(6),
        "i1": np.array(1),
        "values": np.array([0, 1], np.float32),
        "reps": np.array([1, 2]),
        "starts": np.array([0, 1]),
        "ends": np.array([6, 12]),
        "two": np.array([2]),
        "pads": np.array([0, 0, 0, 0, 0, 0, 0, 0]),
        "at": np.array([[0, 0]]),
        "up": np.array([3], np.float32),
        "kernel": random_array((2, 2, 1, 1)),
    }
    return make_model(nodes, {"x": (1, 2, 6, 6)}, constants=constants)


def _quantised() -> onnx.ModelProto:
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=0),
        helper.make_node("QuantizeLinear", ["w", "s", "z"], ["q2"], axis=0),
        helper.make_node("DequantizeLinear", ["q2", "s", "z"], ["w2"], axis=0, block_size=0),
        helper.make_node("Conv", ["x", "w2"], ["y"]),
    ]
    constants = {"q": np.ones((4, 2, 3, 3), np.int8), "s": np.ones(4, np.float32), "z": np.zeros(4, np.int8)}
    return make_model(nodes, {"x": (1, 2, 6, 6)}, constants=constants, opset=21)


def _functions() -> onnx.ModelProto:
    node = helper.make_node("LeakyRelu", ["a"], ["b"])
    node.attribute.add(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    body = [node, helper.make_node("Add", ["b", "a"], ["c"])]
    model = make_model(
        [
            helper.make_node("F", ["x"], ["t"], domain="local", slope=0.5),
            helper.make_node("F", ["t"], ["y"], domain="local", slope=0.25),
        ],
        {"x": (1, 2, 3, 3)},
    )
    model.opset_import.append(helper.make_opsetid("local", 1))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    model.functions.append(helper.make_function("local", "F", ["a"], ["c"], body, opsets, ["slope"]))
    return model


def _branches() -> onnx.ModelProto:
    then = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["t"])], "then", [], [helper.make_tensor_value_info("t", 1, None)]
    )
    nodes = [
        helper.make_node("If", ["flag"], ["i"], then_branch=then, else_branch=then),
        helper.make_node("Sigmoid", ["x"], ["s"]),
        helper.make_node("Mul", ["x", "s"], ["y"]),
    ]
    return make_model(nodes, {"x": (1, 2, 3, 3)}, constants={"flag": np.array(True)})


def mutated(models: list[onnx.ModelProto], rng: random.Random) -> bytes:
    """One file: a model with a few bytes or fields changed."""
    model = onnx.ModelProto()
    model.CopyFrom(rng.choice(models))
    if rng.random() < 0.25:
        return _changed_bytes(bytearray(model.SerializeToString()), rng)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        _change_field(model, rng)
    return model.SerializeToString()


def _changed_bytes(data: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randrange(1, 9)]
            case 2:
                data[at:at] = rng.randbytes(rng.randrange(1, 9))
            case _:
                data[at : at + 4] = data[: rng.randrange(1, 40)]
    return bytes(data)


def _change_field(model: onnx.ModelProto, rng: random.Random) -> None:
    """Change a field of a random message: remove it, repeat it, or give it an extreme value."""
    message: Any = rng.choice(list(_messages(model)))
    if isinstance(message, TensorProto) and rng.random() < 0.5 and _change_numbers(message, rng):
        return
    descriptor = rng.choice(list(message.DESCRIPTOR.fields))
    repeated = descriptor.is_repeated
    try:
        if descriptor.type == FieldDescriptor.TYPE_MESSAGE:
            _change_message(message, descriptor.name, repeated, rng)
        elif not repeated:
            setattr(message, descriptor.name, _value(descriptor, rng))
        else:
            items = getattr(message, descriptor.name)
            if items and rng.random() < 0.7:
                items[rng.randrange(len(items))] = _value(descriptor, rng)
            else:
                items.extend(_value(descriptor, rng) for _ in range(rng.choice((1, 1, 3, 70))))
    except (ValueError, TypeError, OverflowError):
        message.ClearField(descriptor.name)  # the value does not fit the field


def _messages(message: Message) -> Iterator[Message]:
    yield message
    for descriptor, value in message.ListFields():
        if descriptor.type == FieldDescriptor.TYPE_MESSAGE:
            for part in value if descriptor.is_repeated else [value]:
                yield from _messages(part)


def _change_numbers(tensor: TensorProto, rng: random.Random) -> bool:
    """Give one number that a tensor stores an extreme value."""
    try:
        array = onnx.numpy_helper.to_array(tensor).copy()
        array.reshape(-1)[rng.randrange(array.size)] = rng.choice(INTEGERS if array.dtype.kind in "iu" else REALS)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    except Exception:  # the tensor was changed before, and is no longer whole
        return False
    return True


def _change_message(message: Any, name: str, repeated: bool, rng: random.Random) -> None:
    value = getattr(message, name)
    if not repeated:
        message.ClearField(name) if rng.random() < 0.5 else value.SetInParent()
    elif not value:
        value.add()
    else:
        item = value[rng.randrange(len(value))]
        match rng.randrange(3):
            case 0:
                value.remove(item)
            case 1:
                value.add().CopyFrom(item)
            case _:
                order = list(value)
                rng.shuffle(order)
                copies = [type(part).FromString(part.SerializeToString()) for part in order]
                message.ClearField(name)
                getattr(message, name).extend(copies)


def _value(descriptor: Any, rng: random.Random) -> Any:
    match descriptor.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            text = rng.choice(TEXTS)
            return text.encode() if descriptor.type == FieldDescriptor.TYPE_BYTES else text
        case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
            return rng.choice(REALS)
        case FieldDescriptor.CPPTYPE_ENUM:
            return rng.choice(list(descriptor.enum_type.values_by_number))
        case _:
            return rng.choice(INTEGERS)


class _TooSlowError(BaseException):
    """A file took longer than SECONDS. Not an Exception: nothing in the importer catches it."""


@dataclass
class Tally:
    """What became of the files. `faults`: the first file of each kind of fault, and its traceback."""

    imported: int = 0
    refused: int = 0
    slowest: float = 0.0
    faults: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)

    def fault(self, kind: str, data: bytes, text: str) -> None:
        self.times[kind] += 1
        self.faults.setdefault(kind, (data, text))


def run(files: int, seed: int, finish: Callable[[Graph], object] = optimize) -> Tally:
    """Try that many files. `finish` gets the graph of each that is imported."""
    rng, models, tally = random.Random(seed), seeds(), Tally()
    signal.signal(signal.SIGALRM, _too_slow)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        for _ in range(files):
            data = mutated(models, rng)
            path.write_bytes(data)
            _try(path, data, tally, finish)
    return tally


def _too_slow(signal_number: int, frame: FrameType | None) -> None:
    raise _TooSlowError


def _try(path: Path, data: bytes, tally: Tally, finish: Callable[[Graph], object]) -> None:
    start = time.monotonic()
    signal.alarm(SECONDS)
    try:
        finish(import_model(path))
        tally.imported += 1
    except ColonnadeError as error:
        tally.refused += 1
        if not str(error).isprintable():
            tally.fault("a message of several lines", data, repr(str(error)))
    except (Exception, _TooSlowError) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        tally.fault(f"{type(error).__name__} in {Path(last.filename).name}:{last.name}", data, traceback.format_exc())
    finally:
        signal.alarm(0)
    tally.slowest = max(tally.slowest, time.monotonic() - start)


def _compiled(graph: Graph) -> object:
    return compile_graph(optimize(graph, merge=True), plan="default")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compile", action="store_true", help="compile and open what is imported as well")
    parser.add_argument("--keep", type=Path, help="folder for a file of each kind of fault")
    options = parser.parse_args()
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY, hard))
    tally = run(options.files, options.seed, _compiled if options.compile else optimize)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - used
    print(
        f"{options.files} files: {tally.imported} imported, {tally.refused} refused, "
        f"{tally.times.total()} faults of {len(tally.faults)} kinds; "
        f"slowest {tally.slowest:.1f} s, at most {most / 2**20:.0f} MiB more than before"
    )
    for number, (kind, (data, text)) in enumerate(tally.faults.items()):
        print(f"\n{tally.times[kind]} times: {kind}\n{text}")
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{number}.onnx").write_bytes(data)
    return 1 if tally.faults else 0


def _address_space() -> int:
    """Bytes of addresses that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main())
