"""A backend of `torch.compile`: parts of a network, as TorchDynamo cuts them out, compiled and run by Colonnade.

What Colonnade cannot take runs in eager PyTorch, as it would without `torch.compile`, and one warning says why. A part
is compiled when it is first called, once for each set of shapes. Weights are constants of what is compiled; it is
compiled anew when they have changed.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from colonnade import api
from colonnade.errors import ColonnadeError, ColonnadeWarning
from colonnade.pytorch.export import export
from colonnade.runtime.session import Session

MOST_SHAPES = 8  # for which one part is compiled; more run in eager PyTorch
_STATIC = "_dynamo_static_input_type"  # TorchDynamo's mark on inputs that are parameters or buffers

Key = tuple[Any, ...]


def colonnade(
    part: fx.GraphModule, example_inputs: Sequence[Any], *, options: Mapping[str, Any] | None = None
) -> CompiledPart:
    """The entry point of the backend "colonnade". options: `threads`, by default as many as PyTorch uses."""
    unknown = sorted(set(options or {}) - {"threads"})
    if unknown:
        raise ColonnadeError(f"torch.compile: unknown option '{unknown[0]}'; known: threads")
    return CompiledPart(part, (options or {}).get("threads", torch.get_num_threads()))


class CompiledPart:
    """A part of a network that can be called as the part itself."""

    def __init__(self, part: fx.GraphModule, threads: int) -> None:
        self._part, self._threads = part, threads
        placeholders = [node for node in part.graph.nodes if node.op == "placeholder"]
        self._static = [_STATIC in node.meta.get("tensor_dict", {}) for node in placeholders]
        self._sessions: dict[Key, Session | None] = {}  # None: runs in eager PyTorch
        self._weights: list[Any] = []
        self._versions: list[int] = []
        self._has_warned = False

    def __call__(self, *values: Any) -> Any:
        """What the part gives for these inputs."""
        fixed = [value for value, static in zip(values, self._static, strict=True) if static]
        inputs = [value for value, static in zip(values, self._static, strict=True) if not static]
        if torch.is_grad_enabled() and any(isinstance(v, Tensor) and v.requires_grad for v in values):
            return self._eager(values, "gradients are asked for; call the model in torch.no_grad()")
        versions = [_version(weight) for weight in fixed]
        if versions != self._versions or any(a is not b for a, b in zip(fixed, self._weights, strict=True)):
            self._weights, self._versions, self._sessions = fixed, versions, {}
        key = tuple((v.shape, v.dtype, v.device) if isinstance(v, Tensor) else v for v in inputs)
        if key not in self._sessions:
            if len(self._sessions) == MOST_SHAPES:
                return self._eager(values, f"it is called with more than {MOST_SHAPES} sets of shapes")
            return self._first_call(key, values)
        session = self._sessions[key]
        return self._part(*values) if session is None else _run(session, inputs)

    def _first_call(self, key: Key, values: Sequence[Any]) -> Any:
        """In eager PyTorch, for what comes out is what the compiled part must give."""
        before = [_content(value) for value in values]
        expected = self._part(*values)
        try:
            if not all(_is_same(*pair) for pair in zip(before, map(_content, values), strict=True)):
                raise ColonnadeError("it changes a tensor in place")
            self._sessions[key] = self._compiled(values, expected)
        except ColonnadeError as error:
            self._sessions[key] = None
            self._warn(str(error))
        return expected

    def _compiled(self, values: Sequence[Any], expected: Any) -> Session:
        inputs = [v for v, static in zip(values, self._static, strict=True) if not static and isinstance(v, Tensor)]
        if not isinstance(expected, tuple | list) or not all(isinstance(y, Tensor) for y in expected):
            raise ColonnadeError("it gives something else than tensors")
        for value in (*inputs, *expected):
            if (value.dtype, value.device.type) != (torch.float32, "cpu"):
                raise ColonnadeError(
                    f"it has data of type {value.dtype} on {value.device}; only float32 on cpu is taken"
                )
        bound = _Bound(self._part, values, self._static)
        proto = export(bound, tuple(value.detach() for value in inputs), "a part of the model").model_proto
        compiled = api.compile(api.Model(proto, "part"), plan="default", threads=self._threads)
        session = Session(compiled, threads=self._threads)
        if [arg.shape for arg in session.get_inputs()] != [tuple(value.shape) for value in inputs]:
            raise ColonnadeError("one of its inputs has no effect")
        if [arg.shape for arg in session.get_outputs()] != [tuple(y.shape) for y in expected]:
            raise ColonnadeError("its outputs have other shapes than in PyTorch")
        return session

    def _eager(self, values: Sequence[Any], reason: str) -> Any:
        self._warn(reason)
        return self._part(*values)

    def _warn(self, reason: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(f"torch.compile: a part runs in eager PyTorch: {reason}", ColonnadeWarning, stacklevel=4)


class _Bound(nn.Module):
    """A part whose weights and sizes are its own; its inputs are the tensors that are left."""

    def __init__(self, part: fx.GraphModule, values: Sequence[Any], static: Sequence[bool]) -> None:
        super().__init__()
        self._part, self._count = part, len(values)
        self._sizes: dict[int, Any] = {}
        for index, (value, is_static) in enumerate(zip(values, static, strict=True)):
            if not isinstance(value, Tensor):
                self._sizes[index] = value
            elif is_static:
                # In another layout a reshape would become a copy by strides.
                self.register_buffer(f"w{index}", value.detach().contiguous())
        self.eval()

    def forward(self, *inputs: Tensor) -> Any:
        left = iter(inputs)
        values = []
        for index in range(self._count):
            if index in self._sizes:
                values.append(self._sizes[index])
            else:
                own = getattr(self, f"w{index}", None)
                values.append(next(left) if own is None else own)
        return self._part(*values)


def _version(value: Any) -> int:
    """Counts changes in place. Tensors made in inference mode have no such count, and are taken to be constant."""
    return 0 if not isinstance(value, Tensor) or value.is_inference() else value._version


def _content(value: Any) -> Any:
    """Something that tells whether a value has changed between two calls."""
    return value.clone() if isinstance(value, Tensor) and value.is_inference() else _version(value)


def _is_same(before: Any, after: Any) -> bool:
    return torch.equal(before, after) if isinstance(before, Tensor) else bool(before == after)


def _run(session: Session, inputs: Sequence[Any]) -> list[Tensor]:
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    feeds = {arg.name: x.detach().numpy() for arg, x in zip(session.get_inputs(), tensors, strict=True)}
    return [torch.from_numpy(y) for y in session.run(None, feeds)]
