"""What a model file says about itself."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import model_of, random_feeds, small_network

from colonnade.elements import DEFAULT
from colonnade.errors import ColonnadeError
from colonnade.modelfile.reader import Argument, describe
from colonnade.runtime.session import Session
from colonnade.target.targets import target_named

GENERIC = target_named("generic")
MODEL = model_of(small_network(2), GENERIC)


def test_same_as_the_runtime_says() -> None:
    description, session = describe(MODEL.data), Session(MODEL)
    assert description.target == session.target == "generic"
    assert description.planned_for == "generic"
    assert description.inputs == tuple(Argument(arg.name, arg.shape, DEFAULT) for arg in session.get_inputs())
    assert description.outputs == tuple(Argument(arg.name, arg.shape, DEFAULT) for arg in session.get_outputs())
    feeds = random_feeds(small_network(2))
    assert description.steps == tuple((name, op) for name, op, _ in session.profile(feeds, repeat=1))


def test_not_a_model() -> None:
    with pytest.raises(ColonnadeError, match=r"^photo\.jpg: not a Colonnade model file$"):
        describe(b"\xff\xd8\xff\xe0", "photo.jpg")


def test_cut_off() -> None:
    with pytest.raises(ColonnadeError, match="cut off"):
        describe(MODEL.data[:-1])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1200), st.binary(min_size=1, max_size=8))
def test_damage_is_never_a_crash(at: int, noise: bytes) -> None:
    damaged = MODEL.data[:at] + noise + MODEL.data[at + len(noise) :]
    with suppress(ColonnadeError):
        describe(damaged)
