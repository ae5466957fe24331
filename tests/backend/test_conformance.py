"""The onnx wheel's backend tests, run by its own runner through `colonnade.backend`.

Which of them are run is decided by one rule: the importer takes the model (`bench.conformance.refusal_of`). Others are
not in the classes below at all, rather than skipped. How many are claimed is counted, so that none leaves unnoticed.
"""

from __future__ import annotations

import unittest
from functools import cache

import pytest
from onnx.backend.test import BackendTest

from colonnade import backend
from colonnade.bench.conformance import (
    Case,
    fault_of,
    judge,
    light_cases,
    model_cases,
    node_cases,
    reason,
    refusal_of,
    table,
)

LEAST_CLAIMED = 800  # of all below: raise it when more is supported
NEEDS_LARGE_MEMORY = {"light_vgg19", "light_bvlc_alexnet", "light_zfnet512"}  # their weights take most of a minute


@cache
def claimed_cases() -> dict[str, Case]:
    """Whole models that need values of inputs to be stored are run by `judge` alone: the runner asks for the model."""
    models = (case for case in model_cases() if backend.is_compatible(case.model))
    return {case.name: case for case in (*node_cases(), *models) if refusal_of(case) is None}


def _claimed_tests() -> dict[str, type[unittest.TestCase]]:
    """The classes of the wheel's runner, each with those of its tests that are claimed."""
    found = {}
    for name, tests in BackendTest(backend, __name__).test_cases.items():
        for test in [test for test in vars(tests) if test.startswith("test_")]:
            if test.removesuffix("_cpu") not in claimed_cases():
                delattr(tests, test)
        if any(test.startswith("test_") for test in vars(tests)):
            found[name] = tests
    return found


globals().update(_claimed_tests())


def test_every_claimed_case_is_run() -> None:
    run = [
        test.removesuffix("_cpu")
        for tests in globals().values()
        if isinstance(tests, type) and issubclass(tests, unittest.TestCase)
        for test in vars(tests)
        if test.startswith("test_")
    ]
    assert sorted(run) == sorted(claimed_cases())
    assert len(run) >= LEAST_CLAIMED


@pytest.mark.parametrize(
    "case", [case for case in light_cases() if case.name not in NEEDS_LARGE_MEMORY], ids=lambda case: case.name
)
def test_light_models(case: Case) -> None:
    assert refusal_of(case) is None
    assert fault_of(case) is None


def test_the_table_counts_every_case() -> None:
    cases = [case for case in node_cases() if case.operator in ("Relu", "MaxPool", "StringSplit")]
    verdicts = [judge(case) for case in cases]
    _, _, everything, *rows = table(verdicts)
    assert everything.split(" | ")[1] == str(len(cases))
    assert [row.split(" | ")[0] for row in rows] == ["| MaxPool", "| Relu", "| StringSplit"]
    assert all(verdict.refusal or verdict.fault is None for verdict in verdicts)
    refused = next(verdict for verdict in verdicts if verdict.case.operator == "StringSplit")
    assert refused.refusal
    assert "'" not in reason(refused)
