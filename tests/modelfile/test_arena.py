"""Placement of storages in the arena."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import RUNNABLE, program_of, small_network, small_network_candidates

from colonnade.elements import DEFAULT
from colonnade.kernels.shapes import SLACK
from colonnade.modelfile.arena import ALIGNMENT, Lifetime, lifetimes, place
from colonnade.modelfile.program import Program, Step, Storage, View
from colonnade.target.targets import target_named

_lives = st.tuples(st.integers(0, 12), st.integers(0, 6)).map(lambda pair: Lifetime(pair[0], pair[0] + pair[1]))
_storages = st.lists(st.tuples(st.integers(0, 200), _lives), max_size=25)


@given(_storages)
def test_storages_alive_together_do_not_overlap_nor_their_slack(drawn: list[tuple[int, Lifetime]]) -> None:
    alive = {Storage(DEFAULT, count): life for count, life in drawn}
    offsets, size = place(alive)
    assert offsets.keys() == alive.keys()
    for storage, at in offsets.items():
        assert at >= 0
        assert at % ALIGNMENT == 0
        assert at + storage.bytes + SLACK <= size
    for first, second in itertools.combinations(alive, 2):
        if set(_steps(alive[first])) & set(_steps(alive[second])):
            a, b = offsets[first], offsets[second]
            assert a + first.bytes + SLACK <= b or b + second.bytes + SLACK <= a


@given(_storages)
def test_the_arena_is_no_larger_than_all_storages(drawn: list[tuple[int, Lifetime]]) -> None:
    alive = {Storage(DEFAULT, count): life for count, life in drawn}
    _, size = place(alive)
    rounded = [-(-(storage.bytes + SLACK) // ALIGNMENT) * ALIGNMENT for storage in alive]
    assert max(rounded, default=0) <= size <= sum(rounded)


def test_a_chain_needs_its_two_largest_neighbours() -> None:
    sizes = [6400, 12800, 1280, 640, 19200]
    alive = {Storage(DEFAULT, count): Lifetime(i, i + 1) for i, count in enumerate(sizes)}
    assert place(alive)[1] == max(a + b + 2 * SLACK for a, b in itertools.pairwise(sizes))


def test_lifetimes_reach_from_first_to_last_touch() -> None:
    a, b, given_in = Storage(DEFAULT, 4), Storage(DEFAULT, 4), Storage(DEFAULT, 4, "input")
    program = Program(target_named("generic"))
    for x, y in [(given_in, a), (a, b), (b, b), (a, b)]:
        program.steps.append(Step("unary", "", {"x": View(x), "y": View(y), "r": None}, {}))
    assert lifetimes(program) == {a: Lifetime(0, 3), b: Lifetime(1, 3)}


@pytest.mark.parametrize("batch", [1, 3])
def test_no_step_writes_over_what_a_later_one_reads(batch: int) -> None:
    """Follows every float of a network's arena: a read finds what the right storage last wrote there."""
    program = program_of(small_network(batch), RUNNABLE[-1], small_network_candidates(2), threads=2)
    offsets, size = place(lifetimes(program))
    owner: list[Storage | None] = [None] * size
    for step in program.steps:
        for name, view in step.views.items():
            if view is not None and view.storage in offsets:
                at = offsets[view.storage]
                region = range(at, at + view.storage.bytes)
                if name in ("y", "prepared", "strips"):
                    for i in region:
                        owner[i] = view.storage
                else:
                    assert all(owner[i] is view.storage for i in region)


def _steps(life: Lifetime) -> range:
    return range(life.first, life.last + 1)
