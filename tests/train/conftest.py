"""One thread for all of PyTorch's work: the networks are tiny, and sums come out the same in every process."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _one_thread_in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that tests start."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
