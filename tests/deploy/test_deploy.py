"""Folders for boards: what is in them, and that it works there with nothing else."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from commands import Command, assert_mistake
from layers import model_of, random_array, small_network
from model_bytes import with_checksum

from colonnade import api, zoo
from colonnade.deploy.folder import EXAMPLE, deploy, read_deployment
from colonnade.errors import ColonnadeError
from colonnade.modelfile import records
from colonnade.remote.process import qemu_command
from colonnade.target.targets import TARGET_NAMES, target_named
from colonnade.target.toolchain import find_compiler

TARGET = target_named("spacemit-x60")
SIZE = 64


def emulated(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of `folder` under qemu, there and without any environment."""
    call = [*qemu_command(TARGET), *arguments]
    return subprocess.run(call, cwd=folder, env={}, capture_output=True, text=True, check=False)


class Deployed:
    """ResNet-50, three quarters pruned, in a folder for RISC-V boards; an image and what ONNX Runtime makes of it."""

    def __init__(self, work: Path) -> None:
        self.folder = work / "board"
        pruned = api.prune(api.Model(zoo.build("resnet50", input_size=SIZE, batch=1), "resnet50"), 0.75)
        api.compile(pruned, target=TARGET.name, plan="default").save(work / "resnet50.colonnade")
        deploy(read_deployment(work / "resnet50.colonnade"), self.folder)
        image = random_array((1, 3, SIZE, SIZE), 7)
        np.save(self.folder / "x.npy", image)
        image.tofile(self.folder / "x.f32")
        session = onnxruntime.InferenceSession(pruned.proto.SerializeToString())
        self.scores = session.run(None, {session.get_inputs()[0].name: image})[0]
        self.top5 = [int(index) for index in np.argsort(-self.scores[0])[:5]]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    return Deployed(tmp_path_factory.mktemp("deployed"))


def test_contents(deployed: Deployed) -> None:
    files = {str(path.relative_to(deployed.folder)) for path in deployed.folder.rglob("*") if path.is_file()}
    assert files - {"x.npy", "x.f32", "y.npy", "example"} == {
        "colonnade-run",
        "resnet50.colonnade",
        "example.c",
        "include/colonnade.h",
        "lib/libcolonnade.a",
        "lib/libcolonnade.so",
    }
    assert (deployed.folder / "colonnade-run").stat().st_size < 1_300_000
    assert not list(deployed.folder.parent.glob(".colonnade-*"))


def test_runner_gives_the_same_top_5(deployed: Deployed) -> None:
    arguments = ("./colonnade-run", "resnet50.colonnade", "--input", "x.npy", "--output", "y.npy", "--threads", "2")
    done = emulated(deployed.folder, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    scores = np.load(deployed.folder / "y.npy")
    assert np.abs(scores - deployed.scores).max() <= 1e-4 * np.abs(deployed.scores).max()
    assert list(np.argsort(-scores[0])[:5]) == deployed.top5


def test_profile(deployed: Deployed) -> None:
    done = emulated(deployed.folder, "./colonnade-run", "resnet50.colonnade", "--bench", "1", "--profile")
    assert done.returncode == 0
    *steps, summary = done.stdout.splitlines()
    kinds = [kind for step in steps for kind in (" cnm ", " vertical ") if kind in step]
    assert (kinds.count(" cnm "), kinds.count(" vertical ")) == (51, 1)  # of 53 convolutions, two in one
    assert summary.endswith("1 runs, 1 threads, riscv64-v")


@pytest.fixture(scope="module")
def with_example(deployed: Deployed) -> Deployed:
    """Built by the line in the example, but for the compiler's name."""
    line = next(line for line in EXAMPLE.read_text().splitlines() if " build:" in line)
    compiler, *arguments = line.partition("build:")[2].split()
    assert compiler == "cc"
    find_compiler("riscv64", static=True).run([_within(deployed.folder, word) for word in arguments])
    return deployed


def test_example_builds_and_runs(with_example: Deployed) -> None:
    done = emulated(with_example.folder, "./example", "resnet50.colonnade", "x.f32")
    assert (done.returncode, done.stderr) == (0, "")
    assert [int(row.split()[0]) for row in done.stdout.splitlines()] == with_example.top5


def _within(folder: Path, word: str) -> str:
    """An argument of the compiler with its path, if it has one, in `folder`."""
    option = "-I" if word.startswith("-I") else ""
    return word if word.startswith("-") and not option else f"{option}{folder}/{word.removeprefix(option)}"


def test_example_says_what_is_wrong(with_example: Deployed) -> None:
    assert emulated(with_example.folder, "./example").stderr == "usage: example MODEL.colonnade IMAGE.f32\n"


def test_shared_library_has_what_the_example_needs(deployed: Deployed, tmp_path: Path) -> None:
    """Linked as a library, which needs less of the C library to be compiled."""
    folder, linked = deployed.folder, tmp_path / "example.so"
    options = ["-shared", "-fPIC", "-Wl,-z,defs", f"-I{folder}/include", f"-L{folder}/lib"]
    find_compiler("riscv64").run([*options, f"{folder}/example.c", "-lcolonnade", "-o", str(linked)])
    assert b"libcolonnade.so\0" in linked.read_bytes()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with good models for vectors, for RISC-V without them and for any CPU, and files that are no good."""
    folder = tmp_path_factory.mktemp("models")
    good = model_of(small_network(), TARGET).data
    (folder / "vector").write_bytes(good)
    (folder / "any").write_bytes(model_of(small_network(), target_named("generic")).data)
    (folder / "scalar").write_bytes(model_of(small_network(), target_named("riscv64")).data)
    (folder / "photo").write_bytes(b"\xff\xd8\xff")
    (folder / "short").write_bytes(good[:-64])
    (folder / "damaged").write_bytes(good[:-1] + b"\x01")
    fields = records.HEADER.unpack(good[: records.HEADER.size]) | {"target": b"z80"}
    (folder / "z80").write_bytes(with_checksum(records.HEADER.pack(**fields) + good[records.HEADER.size :]))
    return folder


@pytest.mark.parametrize(
    ("model", "arch", "words"),
    [
        ("nothing", None, "nothing: No such file"),
        (".", None, "Is a directory"),
        ("photo", None, "photo: not a Colonnade model file"),
        ("short", None, "short: the file is cut off"),
        ("damaged", None, "damaged: the file is damaged"),
        ("z80", None, "z80: compiled for 'z80', which this version does not know"),
        ("any", None, "any: runs on any CPU; say for which with --arch x86_64 or aarch64 or riscv64"),
        ("any", "z80", "--arch: 'z80' is not one of x86_64"),
        ("vector", "aarch64", "vector: compiled for riscv64-v, which is riscv64 and not aarch64"),
    ],
)
def test_models_that_cannot_be_deployed(
    colonnade: Command, models: Path, tmp_path: Path, model: str, arch: str | None, words: str
) -> None:
    options = ["--arch", arch] if arch else []
    assert_mistake(colonnade("deploy", models / model, "-o", tmp_path / "board", *options), words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("folder", "exists already"),
        ("file", "exists already"),
        ("link", "exists already"),
        ("none/board", "there is no directory"),
        ("file/board", "there is no directory"),
    ],
)
def test_places_that_cannot_be_used(colonnade: Command, models: Path, tmp_path: Path, place: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    assert_mistake(colonnade("deploy", models / "vector", "-o", tmp_path / place), words)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder", "link"]


def test_a_disk_that_runs_full(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the last file: nothing stays."""

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    deployment = read_deployment(models / "vector")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ColonnadeError, match=r"board: cannot be written: No space left on device$"):
        deploy(deployment, tmp_path / "board")
    assert not list(tmp_path.iterdir())


def test_command(colonnade: Command, models: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    done = colonnade("deploy", models / "any", "--arch", "riscv64", "-o", board)
    assert done.code == 0
    assert str(board) in done.out
    line = done.out.splitlines()[-1].split()
    for number, array in enumerate([random_array((1, 3, 9, 9)), random_array((1, 4, 5, 5))]):
        np.save(board / f"x{number}.npy", array)
    command = line[: line.index("--input")]
    ran = emulated(board, *command, "--input", "x0.npy", "--input", "x1.npy", "--output", "y.npy")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert np.load(board / "y.npy").shape == (1, 10)


@pytest.mark.parametrize(
    ("model", "arch", "expected"),
    [
        ("vector", None, "riscv64"),
        ("scalar", None, "riscv64"),
        ("scalar", "aarch64", "aarch64"),
        ("any", "x86_64", "x86_64"),
    ],
)
def test_architecture(models: Path, model: str, arch: str | None, expected: str) -> None:
    """The kernels', or for those that run anywhere the target's, or what the user says."""
    assert read_deployment(models / model, arch).arch == expected


def test_targets(colonnade: Command) -> None:
    rows = {line.split()[1]: line for line in colonnade("targets").out.splitlines() if line.startswith("│")}
    assert set(rows) == set(TARGET_NAMES)
    for words in ("riscv64", "256", "32 KiB", "512 KiB"):
        assert words in rows["spacemit-x60"]
    assert "512" in rows["sifive-x280"]
    assert "yes" in rows["generic"]
