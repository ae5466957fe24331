"""`colonnade finetune` on digits: the whole way, killed and resumed, and with two processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from commands import Command, assert_mistake
from digits import read_metrics, write_recipe
from test_datasets import write_pictures

import colonnade
from colonnade.errors import ColonnadeError
from colonnade.sparse.convolutions import find_convolutions
from colonnade.train.finetune import Outcome, finetune

Whole = tuple[Path, Outcome, list[tuple[str, int, int]]]
# Dies in the second epoch, two steps after a checkpoint.
KILLED = """
import os, signal, sys
from pathlib import Path
from colonnade.train.finetune import finetune
finetune(Path(sys.argv[1]), lambda what, done, total: os.kill(os.getpid(), signal.SIGKILL) if done == 33 else None)
"""


def _run(path: Path) -> Outcome:
    outcome = finetune(path)
    assert outcome is not None
    return outcome


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The recipe of digits.py, run without a break: recipe, outcome, and what progress was told."""
    path = write_recipe(tmp_path_factory.mktemp("whole"))
    told: list[tuple[str, int, int]] = []
    outcome = finetune(path, lambda *what: told.append(what))
    assert outcome is not None
    return path, outcome, told


def test_files_metrics_and_progress(whole: Whole) -> None:
    path, outcome, told = whole
    metrics = read_metrics(path.parent / "out")
    assert [line["epoch"] for line in metrics] == [0, 1, 2, 3]
    assert metrics[0]["dense_accuracy"] == outcome.dense_accuracy
    assert metrics[1]["sparsity"] < metrics[2]["sparsity"] == metrics[3]["sparsity"]
    assert not metrics[1]["best"]  # the final sparsity is reached in the second epoch
    assert outcome.accuracy == max(line["accuracy"] for line in metrics[2:]) == metrics[outcome.epoch]["accuracy"]
    assert metrics[3]["loss"] < metrics[1]["loss"]
    assert (told[0], told[-1]) == (("epoch 1", 1, 66), ("epoch 3", 66, 66))
    assert {entry.name for entry in outcome.folder.iterdir()} == {
        "best.onnx",
        "best.pt",
        "checkpoint.pt",
        "metrics.jsonl",
    }


def test_the_best_network_is_exported_with_its_zeros(whole: Whole) -> None:
    state = torch.load(whole[1].folder / "best.pt", weights_only=True)
    stem, middle, last = (
        convolution.weights() for convolution in find_convolutions(onnx.load(whole[1].folder / "best.onnx"))
    )
    assert stem is not None
    assert middle is not None
    assert last is not None
    assert np.count_nonzero(stem) == stem.size
    assert np.array_equal(middle != 0, state["3.weight"].numpy() != 0)
    assert np.count_nonzero(middle) / middle.size == 0.25
    assert np.count_nonzero(last) / last.size == 0.25
    assert colonnade.compile(whole[1].folder / "best.onnx", plan="default").layers


def test_a_finished_run_is_not_repeated(whole: Whole) -> None:
    checkpoint = (whole[1].folder / "checkpoint.pt").stat().st_mtime_ns
    assert finetune(whole[0]) == whole[1]
    assert (whole[1].folder / "checkpoint.pt").stat().st_mtime_ns == checkpoint


def test_another_recipe_does_not_go_on_in_the_same_folder(whole: Whole, colonnade: Command) -> None:
    text = whole[0].read_text()
    other = whole[0].with_name("other.toml")
    other.write_text(text.replace("rate = 0.2", "rate = 0.3"))
    assert_mistake(colonnade("finetune", other), "is of another recipe; choose another output")


def test_a_killed_run_goes_on_to_the_same_result(whole: Whole, tmp_path: Path) -> None:
    path = write_recipe(tmp_path)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    stopped = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)["progress"]
    assert (stopped["epoch"], stopped["step"]) == (1, 9)
    (tmp_path / "out" / ".colonnade-left-over").touch()
    assert _run(path).accuracy == whole[1].accuracy
    assert read_metrics(tmp_path / "out") == read_metrics(whole[1].folder)
    first, second = (torch.load(out / "best.pt", weights_only=True) for out in (whole[1].folder, tmp_path / "out"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not list((tmp_path / "out").glob(".colonnade-*"))


def test_two_processes_train_one_network(whole: Whole, tmp_path: Path) -> None:
    """Batch norm sees half a batch in each process, so the result is near that of one process, not equal."""
    path = write_recipe(tmp_path)
    launch = (sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2")
    done = subprocess.run(
        [*launch, "--main_process_port", "0", "-m", "colonnade", "finetune", str(path)],
        env=os.environ | {"ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("best.onnx: top-1") == 1
    two, one = read_metrics(tmp_path / "out"), read_metrics(whole[1].folder)
    assert two[0] == one[0]
    assert two[1]["loss"] == pytest.approx(one[1]["loss"], rel=0.05)
    assert two[1]["loss"] != one[1]["loss"]
    assert [line["sparsity"] for line in two[1:]] == pytest.approx([line["sparsity"] for line in one[1:]], abs=0.01)


def test_distillation_from_a_trained_network(tmp_path: Path) -> None:
    dense = write_recipe(tmp_path, "dense", prune="", sparsity="", masks="", distill="", weight="", epochs="epochs = 6")
    trained = _run(dense)
    assert trained.accuracy > 0.9
    pruned = write_recipe(
        tmp_path,
        source='source = "network.py:digits_net"\nweights = "dense/best.pt"',
        sparsity="sparsity = 0.5",
        masks='masks = { kind = "straight-through", every = 10, until = 44 }',
        weight='weight = 0.9\nfeatures = ["2"]',
        rate="rate = 0.05\nclip = 1.0",
    )
    outcome = _run(pruned)
    assert outcome.dense_accuracy == trained.accuracy
    assert outcome.accuracy > trained.accuracy - 0.03
    assert read_metrics(outcome.folder)[0]["accuracy"] < outcome.accuracy


def test_bfloat16_is_for_training_only(whole: Whole, tmp_path: Path) -> None:
    """What is measured and exported computes in float32, near what training in float32 gives."""
    outcome = _run(write_recipe(tmp_path, rate='rate = 0.2\nprecision = "bf16"'))
    nodes = onnx.load(outcome.folder / "best.onnx").graph.node
    assert [node.op_type for node in nodes] == [
        node.op_type for node in onnx.load(whole[1].folder / "best.onnx").graph.node
    ]
    losses = [[line["loss"] for line in read_metrics(folder)[1:]] for folder in (outcome.folder, whole[1].folder)]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    assert losses[0] != losses[1]


def test_patience_ends_a_run_that_gets_no_better(tmp_path: Path) -> None:
    path = write_recipe(
        tmp_path,
        epochs="epochs = 30\npatience = 2",
        rate="rate = 1e-12",
        masks="",
        shift="shift = 0",
        batch="batch = 720",
    )
    outcome = _run(path)
    assert read_metrics(outcome.folder)[-1]["epoch"] == outcome.epoch + 2 < 30


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", count=4)
    (tmp_path / "network.py").write_text(
        "from torch import nn\n"
        "def net():\n"
        "    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.AdaptiveAvgPool2d(1),\n"
        "                         nn.Flatten(), nn.Linear(8, 2))\n"
    )
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'output = "out"\nmodel.source = "network.py:net"\nprune.sparsity = 0.5\n'
        'data = { kind = "folder", path = "pictures", size = 16, flip = true, workers = 1 }\n'
        'train = { epochs = 4, batch = 4, optimizer = "adamw", rate = 0.02, channels_last = true }\n'
    )
    assert _run(recipe).accuracy == 1.0


MISTAKES = [
    ("source", 'source = "network.py"', "write FILE.py:FUNCTION"),
    ("source", 'source = "none.py:net"', "there is no file"),
    ("source", 'source = "network.py:net"', "has no function 'net'"),
    ("source", 'source = "no_such_module:net"', "no_such_module cannot be imported"),
    ("source", 'source = "math:sqrt"\narguments = {x = 2}', "does not take {'x': 2}"),
    ("source", 'source = "builtins:dict"', "returns dict, not an nn.Module"),
    ("source", 'source = "network.py:digits_net"\nweights = "none.pt"', "none.pt: there is no such file"),
    ("source", 'source = "network.py:digits_net"\nweights = "network.py"', "cannot be read as a state_dict"),
    ("source", 'source = "network.py:digits_net"\narguments = {classes = 5}', "has 5 classes, but the data has 10"),
    ("source", 'source = "torch.nn:Flatten"\narguments = {start_dim = 0}', "must return one tensor of logits"),
    (
        "source",
        'source = "torch.nn:Linear"\narguments = {in_features = 3, out_features = 10}',
        "images of shape [1, 8, 8]",
    ),
    ("batch", "batch = 2000", "there are only 1437 training images"),
    ("masks", 'masks = { kind = "gradual", steps = 100 }', "reached after 100 steps, but the run has 66"),
    ("sparsity", 'sparsity = 0.5\nskip = ["fc"]', "no convolution is called 'fc'"),
    ("weight", 'features = ["x"]', "no module is called 'x'"),
    ("rate", "rate = 1e30", "the loss is not finite"),
]


@pytest.mark.parametrize(("word", "line", "message"), MISTAKES, ids=[message for _, _, message in MISTAKES])
def test_mistakes_are_one_line(word: str, line: str, message: str, tmp_path: Path, colonnade: Command) -> None:
    assert_mistake(colonnade("finetune", write_recipe(tmp_path, **{word: line})), message)


def test_weights_of_another_network(tmp_path: Path) -> None:
    torch.save({"x": torch.zeros(1)}, tmp_path / "weights.pt")
    path = write_recipe(tmp_path, source='source = "network.py:digits_net"\nweights = "weights.pt"')
    with pytest.raises(ColonnadeError, match="does not fit the model"):
        finetune(path)


def test_too_many_unreadable_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures")
    (tmp_path / "pictures/train/dog/1.png").write_bytes(b"broken")
    (tmp_path / "network.py").write_text(
        "from torch import nn\ndef net():\n    return nn.Sequential(nn.Flatten(), nn.Linear(768, 2))\n"
    )
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'output = "out"\nmodel.source = "network.py:net"\n'
        'data = { kind = "folder", path = "pictures", size = 16 }\ntrain = { epochs = 1, batch = 6 }\n'
    )
    with pytest.raises(ColonnadeError, match=r"1 of 6 training images cannot be read.*dog/1.png"):
        finetune(recipe)
