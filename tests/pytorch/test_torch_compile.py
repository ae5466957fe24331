"""torch.compile with the backend "colonnade", against eager PyTorch."""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor, nn
from torch_modules import MODULES, Block, assert_like

from colonnade.errors import ColonnadeError, ColonnadeWarning
from colonnade.pytorch import dynamo
from colonnade.runtime.session import Session

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """TorchDynamo remembers what it has compiled."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Counts the calls that Colonnade answers."""
    counted = Mock(side_effect=dynamo._run)
    monkeypatch.setattr(dynamo, "_run", counted)
    return counted


def compiled(module: nn.Module | Callable[..., object], **options: object) -> Callable[..., Tensor]:
    return torch.compile(module, backend=dynamo.colonnade, options=options or None)  # type: ignore[return-value, call-overload, no-any-return]


@pytest.mark.parametrize("name", list(MODULES))
def test_modules(name: str, runs: Mock) -> None:
    module, x = MODULES[name]()
    fast = compiled(module)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error", ColonnadeWarning)
        for scale in (1, 2, 3):
            assert_like(fast(scale * x), module(scale * x))
    assert runs.call_count == 2  # all but the first, which shows what must come out


def test_the_entry_point() -> None:
    """What `backend="colonnade"` is looked up by, once the package is installed."""
    (name, value), *others = tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"][
        "torch_dynamo_backends"
    ].items()
    assert others == []
    assert EntryPoint(name, value, "torch_dynamo_backends").load() is dynamo.colonnade
    assert name == "colonnade"


def test_other_shapes(runs: Mock) -> None:
    """Each set of shapes is compiled for itself, also where TorchDynamo takes sizes as variables."""
    module, _ = MODULES["classifier"]()
    fast = compiled(module)
    with torch.no_grad():
        for _ in range(3):
            for batch in (2, 3, 5):
                x = torch.randn(batch, 3, 32, 32)
                assert_like(fast(x), module(x))
    assert runs.call_count >= 5  # all but the first of each; one size may be in two parts


def test_more_shapes_than_are_compiled(monkeypatch: pytest.MonkeyPatch, runs: Mock) -> None:
    monkeypatch.setattr(dynamo, "MOST_SHAPES", 1)
    module, _ = MODULES["conv"]()
    fast = torch.compile(module, backend=dynamo.colonnade, dynamic=True)

    def run() -> None:
        for size in (9, 10, 11, 9):
            x = torch.randn(2, 3, size, size)
            assert_like(fast(x), module(x))

    with torch.no_grad(), pytest.warns(ColonnadeWarning, match="more than 1 sets of shapes") as caught:
        run()
    assert len(caught) == 1
    assert runs.call_count == 1


def test_weights_that_change(runs: Mock) -> None:
    module, x = MODULES["block"]()
    fast = compiled(module)
    with torch.no_grad():
        fast(x)
        for parameter in module.parameters():
            parameter.mul_(1.5)
        for _ in range(2):
            assert_like(fast(x), module(x))
        module.load_state_dict({name: value * 0.5 for name, value in module.state_dict().items()})
        for _ in range(2):
            assert_like(fast(x), module(x))
    assert runs.call_count == 2


def _in_eager(module: nn.Module, x: Tensor, says: str, runs: Mock) -> None:
    """All calls equal eager PyTorch's, and one warning of one line tells why."""
    fast = compiled(module)

    def run() -> None:
        for _ in range(3):
            torch.manual_seed(0)
            actual = fast(x)
            torch.manual_seed(0)
            torch.testing.assert_close(actual, module(x))

    with pytest.warns(ColonnadeWarning, match=f"^torch.compile: a part runs in eager PyTorch: .*{says}") as caught:
        run()
    assert len([warning for warning in caught if warning.category is ColonnadeWarning]) == 1
    assert "\n" not in str(caught[0].message)
    assert not runs.called


class Kept(nn.Module):
    """Counts its calls in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.calls


class Long(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.fft(x).real


@torch.no_grad()
def test_what_falls_back(runs: Mock) -> None:
    x = torch.randn(2, 4)
    _in_eager(Long().eval(), x, "", runs)
    _in_eager(nn.Dropout(0.5).train(), x, "", runs)
    _in_eager(nn.BatchNorm2d(3).train(), torch.randn(2, 3, 4, 4), "", runs)
    _in_eager(nn.Linear(4, 4).double().eval(), x.double(), "torch.float64 on cpu", runs)


@torch.no_grad()
def test_what_is_changed_in_place(runs: Mock) -> None:
    module = Kept().eval()
    fast, x = compiled(module), torch.ones(2, 4)
    with pytest.warns(ColonnadeWarning, match="it changes a tensor in place"):
        assert [float(fast(x)[0, 0]) for _ in range(3)] == [1.0, 2.0, 3.0]
    assert not runs.called


@torch.inference_mode()
def test_tensors_made_in_inference_mode(runs: Mock) -> None:
    """They do not count their changes."""
    module, x = MODULES["block"]()
    fast = compiled(module)
    for _ in range(3):
        assert_like(fast(x), module(x))
    assert runs.call_count == 2
    kept = Kept().eval()
    fast = compiled(kept)
    with pytest.warns(ColonnadeWarning, match="it changes a tensor in place"):
        assert [float(fast(torch.ones(2, 4))[0, 0]) for _ in range(3)] == [1.0, 2.0, 3.0]


def test_gradients(runs: Mock) -> None:
    module = Block(4).eval()
    fast, x = compiled(module), torch.randn(1, 4, 6, 6)
    with pytest.warns(ColonnadeWarning, match="gradients are asked for"):
        fast(x).sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    with torch.inference_mode():
        fast(x)
        assert_like(fast(x), module(x))
    assert runs.call_count == 1


def test_a_graph_in_parts(runs: Mock) -> None:
    """What TorchDynamo cannot trace lies between two parts."""

    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.first(x)
            torch._dynamo.graph_break()
            return torch.relu(self.second(y))

    module, x = Broken().eval(), torch.randn(1, 3, 4, 4)
    fast = compiled(module)
    with torch.no_grad():
        for _ in range(2):
            assert_like(fast(x), module(x))
    assert runs.call_count == 2


def test_options(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    class Watched(Session):
        def __init__(self, model: object, *, threads: int) -> None:
            seen(threads)
            super().__init__(model, threads=threads)  # type: ignore[arg-type]

    seen = threads.append
    monkeypatch.setattr(dynamo, "Session", Watched)
    module, x = MODULES["conv"]()
    with torch.no_grad():
        compiled(module, threads=2)(x)
        compiled(module)(x)
    assert threads == [2, torch.get_num_threads()]
    with pytest.raises(ColonnadeError, match="unknown option 'cores'; known: threads"):
        dynamo.colonnade(Mock(), [], options={"cores": 1})
