"""What all runners have in common, on this machine and under qemu; `colonnade-run` itself."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from colonnade.errors import ColonnadeError
from colonnade.remote.open import open_runner
from colonnade.remote.process import ProcessHost, qemu_command
from colonnade.remote.program import ProgramRunner
from colonnade.remote.runner import relative_error
from colonnade.target.targets import TARGETS, Target, target_named

if TYPE_CHECKING:
    from tests.remote.conftest import Sample

GENERIC, SCALAR, VECTOR = (target_named(name) for name in ("generic", "riscv64", "riscv64-v"))
PLACES = [("local", GENERIC), *(("qemu", target) for target in TARGETS if target.arch == "riscv64")]


@pytest.mark.parametrize(("name", "target"), PLACES, ids=lambda value: getattr(value, "name", value))
@pytest.mark.parametrize("threads", [1, 2])
def test_outputs(sample: Sample, riscv_runner: Path, name: str, target: Target, threads: int) -> None:
    """One RISC-V runner for all targets: scalar and vector kernels, any vector length."""
    with open_runner(name, target) as runner:
        model = sample.model(target, threads)
        outputs = runner.run(model, sample.feeds, threads)
        for actual, expected in zip(outputs, sample.expected, strict=True):
            np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
        trial, same = runner.time([model, model], sample.feeds, threads=threads, rounds=2, expected=sample.expected)
    assert trial.error is not None
    assert trial.error < 1e-5
    assert trial.error == same.error
    assert runner.clock == ("measured" if name == "local" else "none")
    assert trial.ms.shape == (2 if name == "local" else 0, sample.steps(target, threads))


def test_local_error_and_eviction(sample: Sample) -> None:
    with open_runner("local", GENERIC) as runner:
        wrong = [*sample.expected[:2], sample.expected[2] * 2]
        scale = max(np.abs(array).max() for array in wrong)
        trial = runner.time([sample.model(GENERIC)], sample.feeds, expected=wrong, evict_bytes=1 << 20)[0]
        assert trial.error == pytest.approx(np.abs(sample.expected[2]).max() / scale, rel=1e-3)
        assert runner.time([sample.model(GENERIC)], sample.feeds)[0].error is None
        assert "build" in runner.machine


def test_relative_error() -> None:
    one = np.ones(3, np.float32)
    assert relative_error([one, one], [one, 4 * one]) == 0.75
    assert relative_error([one], [0 * one]) == 1
    assert np.isnan(relative_error([one, one * np.float32(np.nan)], [one, one]))
    assert relative_error([np.empty((0, 2), np.float32)], [np.empty((0, 2), np.float32)]) == 0


@pytest.mark.parametrize("name", ["local", "qemu"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x0": None}, "input 'x0' is missing"),
        ({"y": np.zeros(1, np.float32)}, "no input 'y'"),
        ({"x1": np.zeros((1, 4, 5, 6), np.float32)}, r"input 'x1' must .*\(1, 4, 5, 5\)"),
        ({"x1": np.zeros((1, 4, 5, 5))}, "input 'x1' must be float32"),
    ],
)
def test_wrong_inputs(
    sample: Sample, riscv_runner: Path, name: str, change: dict[str, np.ndarray | None], words: str
) -> None:
    target = GENERIC if name == "local" else SCALAR
    feeds = {key: value for key, value in (sample.feeds | change).items() if value is not None}
    with open_runner(name, target) as runner, pytest.raises(ColonnadeError, match=words):
        runner.run(sample.model(target), feeds)


def test_models_with_other_inputs(sample: Sample, riscv_runner: Path) -> None:
    other = sample.model(SCALAR, batch=2)
    with open_runner("qemu", SCALAR) as runner:
        with pytest.raises(ColonnadeError, match="qemu: its inputs and outputs are not those of the first model"):
            runner.time([sample.model(SCALAR), other], sample.feeds)
        with pytest.raises(ColonnadeError, match="qemu: the file is damaged"):
            runner.run(sample.model(SCALAR)[:-4] + b"\1\1\1\1", sample.feeds)
        with pytest.raises(ColonnadeError, match="not a Colonnade model file"):
            runner.run(b"\x7fELF", sample.feeds)


def test_scalar_and_vector_kernels_in_one_program(sample: Sample, riscv_runner: Path) -> None:
    """The same program on a CPU without vectors runs the scalar kernels and refuses what needs vectors."""
    runner = ProgramRunner("no V", "none", ProcessHost(riscv_runner, qemu_command(SCALAR), "rv64"))
    error = runner.time([sample.model(SCALAR)], sample.feeds, expected=sample.expected)[0].error
    assert error is not None
    assert error < 1e-5
    with pytest.raises(ColonnadeError, match=r"^no V: compiled for riscv64-v, which this CPU does not have"):
        runner.run(sample.model(VECTOR), sample.feeds)


def test_nothing_is_left_here(
    sample: Sample, riscv_runner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    host = ProcessHost(riscv_runner, ["/nonexistent/emulator"], "")
    with pytest.raises(ColonnadeError, match="/nonexistent/emulator: No such file"):
        ProgramRunner("here", "none", host).run(sample.model(SCALAR), sample.feeds)
    with open_runner("qemu", SCALAR) as runner:
        runner.run(sample.model(SCALAR), sample.feeds)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no model file"),
        (("m", "m"), "but for --turns"),
        (("m", "--evict", "1"), "--evict: needs --turns"),
        (("m", "--expect", "e.npy"), "--expect: needs --turns"),
        (("m", "--turns", "1", "--bench", "2"), "--turns: cannot be together"),
        (("m", "--turns", "1", "--output", "y.npy"), "--turns: cannot be together"),
        (("m", "--turns", "-1"), "--turns: must be a whole number from 0"),
        (("m", "--threads", "0"), "--threads: must be a whole number from 1 to 1024"),
        (("m", "--bench", "ten"), "--bench: must be a whole number"),
        (("m", "--colour", "red"), "--colour: unknown option"),
        (("m", "--turns"), "--turns: a value or another option is missing"),
        (("m", "--input", "x.npy"), "x.npy: the model has 2 of these, not 1"),
        (("m", *("--output", "y.npy") * 4), "m: has only 3 outputs"),
        (("m", *("--input", "none.npy") * 65), "--input: too many of them"),
        (("m",) * 257, "m: too many model files"),
        (("none", "--turns", "1"), "none: No such file"),
        (("m", "--turns", "0", *("--expect", "none.npy") * 3), "none.npy: No such file"),
        (("m", "--output", "none/y.npy"), "none/y.npy: No such file"),
    ],
)
def test_mistakes_on_the_command_line(
    sample: Sample, riscv_runner: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "m").write_bytes(sample.model(SCALAR))
    call = [*qemu_command(SCALAR), str(riscv_runner), *arguments]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["m"]


def _write_results(riscv_runner: Path, folder: Path, limit: int) -> str:
    """What `colonnade-run` says when no file may be longer than `limit` bytes."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    call = [*qemu_command(SCALAR), str(riscv_runner), "m", "--output", "y.npy"]
    # Python ignores SIGXFSZ, and so does the program then: it sees a failed write, as on a full disk.
    done = subprocess.run(
        call, cwd=folder, capture_output=True, text=True, check=False, preexec_fn=limited, restore_signals=False
    )
    assert done.returncode == (2 if done.stderr else 0)
    return done.stderr


def test_results_that_do_not_fit(sample: Sample, riscv_runner: Path, tmp_path: Path) -> None:
    """An error, and neither a short file nor a temporary one."""
    (tmp_path / "m").write_bytes(sample.model(SCALAR))
    assert _write_results(riscv_runner, tmp_path, 64) == "error: y.npy: File too large\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["m"]
    assert _write_results(riscv_runner, tmp_path, 1 << 20) == ""
    assert np.load(tmp_path / "y.npy").shape == (1, 10)


def test_what_is_not_a_file_is_not_replaced(sample: Sample, riscv_runner: Path, tmp_path: Path) -> None:
    """Such as a device, by root; here a pipe."""
    (tmp_path / "m").write_bytes(sample.model(SCALAR))
    os.mkfifo(tmp_path / "y.npy")
    said = _write_results(riscv_runner, tmp_path, 1 << 20)
    assert said == "error: y.npy: is not a file; choose another name\n"
    assert (tmp_path / "y.npy").is_fifo()


def test_output_that_cannot_be_written(sample: Sample, riscv_runner: Path, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(sample.model(SCALAR))
    with Path("/dev/full").open("w") as full:
        call = [*qemu_command(SCALAR), str(riscv_runner), "m", "--turns", "1"]
        done = subprocess.run(call, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: standard output: No space left on device\n")
