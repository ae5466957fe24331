"""A board, and a network to run on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from layers import model_of, program_of, random_feeds, small_network
from ssh_board import TARGET, Board

from colonnade.graph.reference import run_reference
from colonnade.runtime.native import products
from colonnade.target.targets import Target


@dataclass(frozen=True)
class Sample:
    """A network with two inputs and three outputs, what is fed to it and what must come out."""

    feeds: dict[str, np.ndarray]
    expected: list[np.ndarray]

    def model(self, target: Target = TARGET, threads: int = 1, batch: int = 1) -> bytes:
        return model_of(small_network(batch), target, threads=threads).data

    def steps(self, target: Target = TARGET, threads: int = 1) -> int:
        """How many the model has, and so how many times of one run there are."""
        return len(program_of(small_network(), target, threads=threads).steps)


@pytest.fixture(scope="session")
def sample() -> Sample:
    graph = small_network()
    feeds = random_feeds(graph)
    outputs = run_reference(graph, feeds)
    return Sample(feeds, [outputs[name] for name in graph.outputs])


@pytest.fixture(scope="session")
def riscv_runner() -> Path:
    """`colonnade-run` for RISC-V; compiled by the first test that wants it."""
    return products("riscv64").runner


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, riscv_runner: Path) -> Iterator[Board]:
    """Running, known and trusted; the user's home directory is a temporary one."""
    home = tmp_path / "home"
    board = Board(tmp_path / "board", home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    yield board
    board.stop()
