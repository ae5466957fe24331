"""Session: the calls of onnxruntime.InferenceSession, its refusals, and several threads at once."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from layers import (
    CONVOLUTIONS,
    RUNNABLE,
    Compiled,
    GraphBuilder,
    assert_close,
    check_graph,
    model_of,
    random_array,
    random_feeds,
    run_graph,
    small_network,
    small_network_candidates,
)
from model_bytes import open_sections, with_checksum

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import RELU, Act, Activation, Binary, Concat, Conv, Graph, Reshape
from colonnade.graph.reference import run_reference
from colonnade.modelfile.records import STEPS
from colonnade.runtime.session import NodeArg, Session
from colonnade.target.targets import Target

BEST = RUNNABLE[-1]
X1 = {"x1": np.zeros((2, 4, 5, 5), np.float32)}
ALONE = "; other batches are refused, for the network is not known to compute each image by itself"


@pytest.fixture(scope="module")
def network() -> Graph:
    return small_network(2)


@pytest.fixture(scope="module")
def compiled(network: Graph) -> Compiled:
    return model_of(network, BEST, small_network_candidates(2), threads=2)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_kind_of_step_together(target: Target, batch: int, threads: int) -> None:
    check_graph(small_network(batch), target, None, small_network_candidates(threads), threads)


def test_inputs_and_outputs_are_described(compiled: Compiled) -> None:
    session = Session(compiled)
    f32 = ("tensor(float)", np.dtype(np.float32))
    assert session.get_inputs() == [NodeArg("x0", (2, 3, 9, 9), *f32), NodeArg("x1", (2, 4, 5, 5), *f32)]
    assert [(arg.name, arg.shape) for arg in session.get_outputs()] == [
        ("y29", (2, 10)),
        ("y28", (2, 10)),
        ("y9", (2, 4, 5, 5)),
    ]
    assert {arg.type for arg in session.get_outputs()} == {"tensor(float)"}
    assert session.target == BEST.name
    assert session.arena_bytes >= 4 * 2 * 12 * 36


def test_outputs_come_in_the_order_asked_for(network: Graph, compiled: Compiled) -> None:
    session, feeds = Session(compiled), random_feeds(network)
    every = dict(zip(network.outputs, session.run(None, feeds), strict=True))
    for names in (["y9", "y29"], ["y28"], ["y29", "y29"], []):
        found = session.run(names, feeds)
        assert len(found) == len(names)
        for name, value in zip(names, found, strict=True):
            np.testing.assert_array_equal(value, every[name])


@pytest.mark.parametrize(
    ("feeds", "says"),
    [
        ({}, "input 'x0' is missing"),
        ({"x0": np.zeros((2, 3, 9, 9), np.float32)}, "input 'x1' is missing"),
        ({"z": np.zeros(1, np.float32)}, "no input 'z'; inputs: x0, x1"),
        ({"x0": np.zeros((2, 3, 9, 9))}, "input 'x0' must be float32, not float64"),
        ({"x0": np.zeros((2, 3, 9, 9), ">f4")}, "input 'x0' must be float32, not >f4"),
        (
            X1 | {"x0": np.zeros((1, 3, 9, 9), np.float32)},
            f"input 'x0' must have shape (2, 3, 9, 9), not (1, 3, 9, 9){ALONE}",
        ),
        (X1 | {"x0": np.zeros((2, 243), np.float32)}, "input 'x0' must have shape (2, 3, 9, 9), not (2, 243)"),
        ({"x0": [[1.0]]}, "input 'x0' must be float32, not float64"),
        ({"x0": "text"}, "input 'x0' must be float32, not <U4"),
    ],
)
def test_wrong_feeds_are_refused(compiled: Compiled, feeds: dict[str, np.ndarray], says: str) -> None:
    session = Session(compiled)
    with pytest.raises(ColonnadeError, match=f"^compiled model: {re.escape(says)}$"):
        session.run(None, feeds)


def test_unknown_output_is_refused(network: Graph, compiled: Compiled) -> None:
    with pytest.raises(ColonnadeError, match=r"^compiled model: no output 'y0'; outputs: y29, y28, y9$"):
        Session(compiled).run(["y0"], random_feeds(network))


@pytest.mark.parametrize("threads", [0, -1, 1025])
def test_wrong_number_of_threads_is_refused(compiled: Compiled, threads: int) -> None:
    with pytest.raises(ColonnadeError, match=f"threads must be 1 to 1024, not {threads}"):
        Session(compiled, threads=threads)


@pytest.mark.parametrize("threads", [2.5, "2", True, None, 2**31, -(2**31), 2**80], ids=repr)
def test_threads_that_are_no_number_of_cores(compiled: Compiled, threads: object) -> None:
    says = f"^compiled model: threads must be a number of cores, not {re.escape(repr(threads))}$"
    with pytest.raises(ColonnadeError, match=says):
        Session(compiled, threads=threads)  # type: ignore[arg-type]


def test_numpy_counts_threads_too(network: Graph, compiled: Compiled) -> None:
    assert len(Session(compiled, threads=np.int64(2)).run(None, random_feeds(network))) == 3  # type: ignore[arg-type]


def test_names_that_move_the_cursor(compiled: Compiled) -> None:
    session = Session(compiled)
    with pytest.raises(ColonnadeError, match=r"no output '\?\[2J'"):
        session.run(["\x1b[2J"], {})
    with pytest.raises(ColonnadeError, match=r"no input '\?\[2J'"):
        session.run([], {"\x1b[2J": np.zeros(1, np.float32)})


def test_names_of_a_file_that_move_the_cursor() -> None:
    """The same in what a model file calls its inputs and outputs."""
    b = GraphBuilder()
    data = model_of(b.graph(b.add(Act(RELU), (1, 1), b.input(1, 1))), BEST).data
    strings = open_sections(data)["strings"]
    assert strings.count(b"\0x0\0") == 1
    session = Session(with_checksum(data, {**open_sections(data), "strings": strings.replace(b"\0x0\0", b"\0\x1b0\0")}))
    assert session.get_inputs()[0].name == "\x1b0"
    for feeds in ({}, {"z": np.zeros(1)}, {"\x1b0": np.zeros(1)}):
        with pytest.raises(ColonnadeError, match=r"\?0") as caught:
            session.run(None, feeds)
        assert str(caught.value).isprintable()


def test_outputs_that_no_memory_holds() -> None:
    """As many elements as a model file may have: one line that says how many bytes they are."""
    b = GraphBuilder()
    data = model_of(b.graph(b.add(Act(RELU), (1, 1), b.input(1, 1))), BEST).data
    session = Session(data)
    session._programs[0].outputs[0] = replace(session.get_outputs()[0], shape=(2**38,))
    says = r"^compiled model: not enough memory for outputs of 1099511627776 bytes$"
    feeds = {"x0": np.zeros((1, 1), np.float32)}
    for run in (lambda: session.run(None, feeds), lambda: session.profile_once(feeds)):
        with pytest.raises(ColonnadeError, match=says):
            run()


# In processes of their own: a fault here is a run that never ends.
FORK = """
import gc, os, signal, sys
import numpy as np
from colonnade.runtime.session import Session
session = Session(sys.argv[1], threads=int(sys.argv[2]))
feeds = {arg.name: np.ones(arg.shape, arg.dtype) for arg in session.get_inputs()}
expected = session.run(None, feeds)
child = os.fork()
signal.alarm(50)  # ends a child, too, that waits for ever
for _ in range(20):
    for first, second in zip(expected, session.run(None, feeds), strict=True):
        np.testing.assert_array_equal(first, second)
    session.profile_once(feeds)
session.fma_rate(10)
session.read_rate(np.zeros(1 << 16))
threads = len(os.listdir("/proc/self/task"))
del session
gc.collect()
if child == 0:
    sys.exit(threads != int(sys.argv[2]))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("used", [True, False], ids=["used", "unused"])
def test_a_child_of_fork(batch: int, used: bool, tmp_path: Path) -> None:
    """It runs, with threads of its own, and ends, whether or not it ran the session that it got."""
    path = tmp_path / "model.colonnade"
    path.write_bytes(model_of(small_network(batch), BEST, small_network_candidates(2), threads=2).data)
    script = (
        FORK if used else FORK.replace("range(20)", "range(20 if child else 0)").replace("threads != int", "0 and int")
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    if not used:
        script = script.replace("session.fma_rate(10)", "").replace("session.read_rate(np.zeros(1 << 16))", "")
    subprocess.run([sys.executable, "-c", script, str(path), "2"], check=True, timeout=60, env=environment)


def test_inputs_need_not_be_contiguous(network: Graph, compiled: Compiled) -> None:
    session, feeds = Session(compiled), random_feeds(network)
    expected = session.run(None, feeds)
    spread = {name: np.repeat(array, 2, axis=-1)[..., ::2] for name, array in feeds.items()}
    turned = {name: np.asfortranarray(array) for name, array in feeds.items()}
    for name, array in feeds.items():
        read_only = array.copy()
        read_only.flags.writeable = False
        turned[name] = turned[name] if name == "x0" else read_only
    for other in (spread, turned):
        assert not any(array.flags.c_contiguous and array.flags.writeable for array in other.values())
        for first, second in zip(expected, session.run(None, other), strict=True):
            np.testing.assert_array_equal(first, second)


def test_unaligned_inputs(network: Graph, compiled: Compiled) -> None:
    session, feeds = Session(compiled), random_feeds(network)
    expected = session.run(None, feeds)
    shifted = {}
    for name, array in feeds.items():
        raw = np.zeros(array.nbytes + 1, np.uint8)
        shifted[name] = raw[1:].view(np.float32).reshape(array.shape)
        shifted[name][:] = array
    for first, second in zip(expected, session.run(None, shifted), strict=True):
        np.testing.assert_array_equal(first, second)


def test_inputs_stay_as_they_were(network: Graph, compiled: Compiled) -> None:
    feeds = random_feeds(network)
    Session(compiled, threads=2).run(None, feeds)
    for name, array in random_feeds(network).items():
        np.testing.assert_array_equal(feeds[name], array)


def test_runs_do_not_depend_on_earlier_runs(network: Graph, compiled: Compiled) -> None:
    """NaN everywhere in the arena after the first run must not reach the second."""
    session, feeds = Session(compiled, threads=2), random_feeds(network)
    expected = Session(compiled, threads=2).run(None, feeds)
    session.run(None, {name: np.full_like(array, np.nan) for name, array in feeds.items()})
    for first, second in zip(expected, session.run(None, feeds), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("threads", [1, 2])
def test_concurrent_runs(network: Graph, compiled: Compiled, threads: int) -> None:
    session = Session(compiled, threads=threads)
    inputs = [random_feeds(network, seed) for seed in range(4)]
    expected = [run_reference(network, feeds) for feeds in inputs]
    together = threading.Barrier(4)

    def work(index: int) -> list[dict[str, np.ndarray]]:
        together.wait()
        return [dict(zip(network.outputs, session.run(None, inputs[index]), strict=True)) for _ in range(50)]

    with ThreadPoolExecutor(4) as pool:
        for index, results in enumerate(pool.map(work, range(4))):
            for result in results:
                for name in network.outputs:
                    assert_close(result[name], expected[index][name])


def test_memory_and_file_give_the_same(network: Graph, compiled: Compiled, tmp_path: Path) -> None:
    path = tmp_path / "model é.colonnade"
    path.write_bytes(compiled.data)
    feeds = random_feeds(network)
    expected = Session(compiled).run(None, feeds)
    data = compiled.data
    for source in (
        path,
        str(path),
        data,
        bytearray(data),
        memoryview(data),
        memoryview(np.repeat(bytearray(data), 2))[::2],
    ):
        for first, second in zip(expected, Session(source).run(None, feeds), strict=True):
            np.testing.assert_array_equal(first, second)


def test_a_path_with_a_zero_byte(compiled: Compiled, tmp_path: Path) -> None:
    """It names no file, not even the one whose name is what comes before that byte."""
    path = tmp_path / "model.colonnade"
    path.write_bytes(compiled.data)
    for name in (f"{path}\0", f"{path}\0.onnx"):
        for source in (name, Path(name)):
            with pytest.raises(ColonnadeError, match=r"a path with a zero byte names no file$"):
                Session(source)


@pytest.mark.parametrize("model", [None, 5, [b""], np.zeros(3)], ids=["None", "int", "list", "array"])
def test_what_is_no_model(model: object) -> None:
    with pytest.raises(
        ColonnadeError, match=r"^(a model is a path, bytes or a compiled model, not of type|compiled model: )"
    ):
        Session(model)  # type: ignore[arg-type]


def test_a_session_outlives_its_file_name(network: Graph, compiled: Compiled, tmp_path: Path) -> None:
    path = tmp_path / "model.colonnade"
    path.write_bytes(compiled.data)
    session, feeds = Session(path), random_feeds(network)
    path.unlink()
    np.testing.assert_array_equal(session.run(None, feeds)[0], Session(compiled).run(None, feeds)[0])


def _held() -> tuple[int, int, int]:
    """Open files, mapped regions and threads of this process."""
    process = Path("/proc/self")
    files, threads = len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))
    return files, len((process / "maps").read_text().splitlines()), threads


def test_sessions_leave_nothing_behind(network: Graph, compiled: Compiled, tmp_path: Path) -> None:
    path = tmp_path / "model.colonnade"
    path.write_bytes(compiled.data)
    damaged = tmp_path / "damaged.colonnade"
    damaged.write_bytes(compiled.data[:-1])
    feeds = random_feeds(network)

    def one_round() -> None:
        Session(path, threads=2).run(None, feeds)
        with pytest.raises(ColonnadeError):
            Session(damaged)

    for _ in range(5):
        one_round()
    gc.collect()
    before = _held()
    for _ in range(100):
        one_round()
    gc.collect()
    after = _held()
    assert after[0] == before[0]
    assert after[1] <= before[1] + 10  # the allocator's own
    assert after[2] == before[2]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_steps_take_all_of_a_run_and_no_more(network: Graph, compiled: Compiled, threads: int) -> None:
    """A step ends with its last thread, so none is lost where the threads do not run side by side."""
    session, feeds = Session(compiled, threads=threads), random_feeds(network)
    for _ in range(20):
        began = time.perf_counter_ns()
        steps = session.profile_once(feeds)
        assert (steps >= 0).all()
        assert 0 < steps.sum() <= time.perf_counter_ns() - began


def test_profile_names_every_step(network: Graph, compiled: Compiled) -> None:
    session = Session(compiled, threads=2)
    steps = session.profile(random_feeds(network), repeat=3)
    named = [name for name, op, _ in steps if op in CONVOLUTIONS]
    assert named == ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"]
    assert {op for _, op, _ in steps} == {record.name for record in STEPS}
    assert all(ms >= 0 for _, _, ms in steps)
    assert any(ms > 0 for _, _, ms in steps)


# Graphs with unusual outputs


def test_output_that_is_used_inside(target: Target) -> None:
    b = GraphBuilder()
    x = b.input(2, 3, 4, 4)
    first = b.add(Act(Activation("sigmoid")), (2, 3, 4, 4), x)
    second = b.conv(Conv(residual=True, act=RELU), first, random_array((3, 3, 1, 1)), first)
    check_graph(b.graph(first, second), target)
    check_graph(b.graph(second, first), target, threads=2)


def test_graph_input_that_is_an_output(target: Target) -> None:
    b = GraphBuilder()
    x = b.input(2, 3, 4, 4)
    y = b.add(Act(RELU), (2, 3, 4, 4), x)
    check_graph(b.graph(x), target)
    check_graph(b.graph(y, x), target, threads=2)


def test_reshaped_input_that_is_an_output(target: Target) -> None:
    for batch in (1, 2):
        b = GraphBuilder()
        x = b.input(batch, 3, 4, 4)
        flat = b.add(Reshape(), (batch, 48), x)
        check_graph(b.graph(flat, b.add(Reshape(), (batch * 48,), flat)), target)


def test_output_that_is_part_of_a_concat(target: Target) -> None:
    for batch in (1, 2):
        b = GraphBuilder()
        x = b.input(batch, 3, 4, 4)
        part = b.add(Act(RELU), (batch, 3, 4, 4), x)
        whole = b.add(Concat(1), (batch, 9, 4, 4), x, part, part)
        total = b.add(Binary("add"), (batch, 9, 4, 4), whole, whole)
        check_graph(b.graph(part, total), target)
        check_graph(b.graph(whole, part), target)


def test_input_read_in_place_by_a_convolution(target: Target) -> None:
    """Strips read past their data's end: a caller's buffer must be copied first, at its end lies foreign memory."""
    b = GraphBuilder()
    x = b.input(1, 3, 5, 5)
    y = b.conv(Conv(), x, random_array((4, 3, 3, 3)))
    feeds = {"x0": random_array((1, 3, 5, 5))}
    assert_close(run_graph(b.graph(y), target, feeds)["y0"], run_reference(b.graph(y), feeds)["y0"])


def test_constant_as_an_output(target: Target) -> None:
    b = GraphBuilder()
    x = b.input(2, 3)
    y = b.add(Act(RELU), (2, 3), x)
    c = b.random(2, 3, 4, 4)
    graph = b.graph(y, c)
    graph = Graph(graph.inputs, graph.outputs, graph.nodes, graph.constants, {**graph.shapes, c: (2, 3, 4, 4)})
    check_graph(graph, target)
