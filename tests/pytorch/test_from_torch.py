"""PyTorch modules as models, against PyTorch itself."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch_modules import MODULES, Block, assert_like

import colonnade
from colonnade.errors import ColonnadeError


@pytest.mark.parametrize("name", list(MODULES))
def test_modules(name: str) -> None:
    module, x = MODULES[name]()
    model = colonnade.from_torch(module, x)
    assert model.name == type(module).__name__
    session = colonnade.Session(colonnade.compile(model, plan="default"))
    (y,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with torch.no_grad():
        assert_like(torch.from_numpy(y), module(x))


def test_a_model_from_torch_is_pruned_like_any_other() -> None:
    module, x = Block(32).eval(), torch.randn(1, 32, 14, 14)
    pruned = colonnade.prune(colonnade.from_torch(module, (x,), name="block"), sparsity=0.5)
    assert pruned.name == "block"
    assert pruned.report is not None
    assert pruned.report.pruned
    assert colonnade.Session(colonnade.compile(pruned, plan="default", batch=3)).get_inputs()[0].shape[0] == 3


@pytest.mark.parametrize("name", list(MODULES))
def test_files_of_the_older_exporter(name: str, tmp_path: Path) -> None:
    module, x = MODULES[name]()
    path = tmp_path / "old.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it is old
        torch.onnx.export(module, (x,), path, dynamo=False, input_names=["x"])
    (y,) = colonnade.Session(colonnade.compile(path, plan="default")).run(None, {"x": x.numpy()})
    with torch.no_grad():
        assert_like(torch.from_numpy(y), module(x))


def test_several_inputs() -> None:
    class Two(nn.Module):
        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return torch.relu(a) + b

    a, b = torch.randn(1, 4, 5, 5), torch.randn(1, 4, 5, 5)
    session = colonnade.Session(colonnade.compile(colonnade.from_torch(Two().eval(), [a, b]), plan="default"))
    assert [entry.name for entry in session.get_inputs()] == ["a", "b"]
    (y,) = session.run(None, {"a": a.numpy(), "b": b.numpy()})
    np.testing.assert_allclose(y, (torch.relu(a) + b).numpy(), rtol=1e-6)


def test_the_module_stays_as_it_is() -> None:
    module, x = Block(8).eval(), torch.randn(1, 8, 6, 6)
    before = {name: (id(value), value._version) for name, value in module.state_dict(keep_vars=True).items()}
    colonnade.from_torch(module, x)
    assert before == {name: (id(value), value._version) for name, value in module.state_dict(keep_vars=True).items()}
    assert not module.training


class Unexportable(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum().item() > 0 else -x


@pytest.mark.parametrize(
    ("module", "inputs", "says"),
    [
        (Block(8), torch.zeros(1, 8, 6, 6), "Block: the module is in training mode; call module.eval"),
        (nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3)).eval(), torch.zeros(1, 3, 2, 2), "its part '1' is in training"),
        (Unexportable().eval(), torch.zeros(1, 3, 2, 2), "Unexportable: PyTorch cannot export it: "),
        (Block(8).eval(), torch.zeros(1, 9, 6, 6), "Block: PyTorch cannot export it: "),
        (Block(8).eval(), (), "Block: example_inputs must be a tensor or a sequence"),
        (Block(8).eval(), [np.zeros(3)], "Block: example_inputs must be a tensor or a sequence"),
        (len, torch.zeros(1), "takes a torch.nn.Module, not builtin_function_or_method"),
    ],
)
def test_what_cannot_be_exported(module: nn.Module, inputs: Tensor, says: str) -> None:
    if "its part" in says:
        module[1].train()  # type: ignore[index, operator]
    with pytest.raises(ColonnadeError, match=says) as caught:
        colonnade.from_torch(module, inputs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["torch", "onnxscript"])
def test_without_the_extra(missing: str) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None
import colonnade
try:
    colonnade.from_torch(None, None)
except colonnade.ColonnadeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"from_torch: needs {missing}; pip install 'colonnade[torch]'\n"
