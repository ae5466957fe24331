"""What of an ONNX file cannot be imported: all of it in one message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from colonnade.errors import ColonnadeError

ADVICE = "compile with --fallback onnxruntime to run {them} there"


class DamagedModelError(ColonnadeError):
    """After this the importer does not go on: values are missing or made twice, or too much memory is asked for."""


@dataclass(frozen=True)
class Refusal:
    """A node that cannot be imported. reason: in words; None if no node of its operator can be."""

    node: str
    op_type: str
    domain: str
    reason: str | None

    @property
    def operator(self) -> str:
        """With the domain, if that is not the default one."""
        return f"{self.op_type} ({self.domain})" if self.domain else self.op_type


def refusal_message(refusals: Sequence[Refusal], faults: Sequence[str] = ()) -> str:
    """One line about all that cannot be imported: faults of inputs and outputs, in words, and nodes."""
    return "; ".join([*faults, *([_nodes_message(refusals)] if refusals else [])])


def _nodes_message(refusals: Sequence[Refusal]) -> str:
    """The node and the reason of a single one, otherwise operators with counts, the commonest first, and the first
    node."""
    first = refusals[0]
    if len(refusals) == 1:
        advice = ADVICE.format(them="it")
        if first.reason is not None:
            return f"node '{first.node}' ({first.operator}): {first.reason}; {advice}"
        return f"node '{first.node}' has operator {first.operator}, which is not supported; {advice}"
    counts = Counter(refusal.operator for refusal in refusals)
    listed = ", ".join(f"{operator} ({count})" for operator, count in counts.most_common())
    reason = "" if first.reason is None else f": {first.reason}"
    return (
        f"{len(refusals)} nodes are not supported: {listed}; first '{first.node}' ({first.operator}){reason}; "
        f"{ADVICE.format(them='them')}"
    )
