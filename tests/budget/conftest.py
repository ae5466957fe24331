"""Digits and networks that read them."""

from __future__ import annotations

import pytest
from digit_networks import Digits, make_digits


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    return make_digits(tmp_path_factory.mktemp("digits"))
