"""The bare-metal image, built once, and a runner on it."""

from __future__ import annotations

import pytest

from colonnade.remote.spike import SpikeRunner, open_spike
from colonnade.target.targets import target_named


@pytest.fixture(scope="session")
def runner() -> SpikeRunner:
    return open_spike(target_named("spacemit-x60"))
