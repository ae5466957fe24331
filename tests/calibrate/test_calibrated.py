"""Whole models pruned on images: any runtime runs them, counts are exact, and what was done is not done again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from small_network import CLASSES, PRUNED, Builder, constants, images, residual_network, run_onnx

from colonnade import api
from colonnade.calibrate import prune as module
from colonnade.calibrate.prune import calibrate_model
from colonnade.calibrate.settings import METHODS, Calibration, Method
from colonnade.errors import ColonnadeError
from colonnade.runtime.session import Session
from colonnade.sparse import Pattern, convolution_mask, prune_model, recover_tiles
from colonnade.sparse.pattern import kept_columns

UNSEEN = images(64, seed=99)


def output_error(model: onnx.ModelProto, dense: onnx.ModelProto) -> float:
    expected = run_onnx(dense, UNSEEN)
    return float(np.square(run_onnx(model, UNSEEN) - expected).mean() / expected.var())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("group", "tile"), [(None, 8), (16, 5)])
def test_counts_are_exact_and_all_runtimes_agree(method: Method, group: int | None, tile: int) -> None:
    model = residual_network()
    before = model.SerializeToString(deterministic=True)
    pruned, report = calibrate_model(
        model, images(), sparsity=0.75, group=group, tile=tile, settings=Calibration(method)
    )
    assert model.SerializeToString(deterministic=True) == before
    onnx.checker.check_model(pruned, full_check=True)
    assert tuple(layer.name for layer in report.pruned) == PRUNED
    stored = constants(pruned)
    for layer in report.pruned:
        weights, dense = stored[f"{layer.name}.w"], constants(model)[f"{layer.name}.w"]
        groups = 2 if layer.name == "grouped" else 1
        magnitude = convolution_mask(dense, groups, Pattern(0.75, tile, group))
        rows = (weights.reshape(len(weights), -1) != 0).sum(axis=1)
        assert np.array_equal(rows, magnitude.reshape(len(weights), -1).sum(axis=1))
        assert layer.kept_columns == rows[0]
        assert layer.error is not None
        assert 0 < layer.error < 1
        for matrix in weights.reshape(groups, -1, weights[0].size):
            tiles = recover_tiles(matrix, tile)
            assert sorted(len(t.rows) for t in tiles) == sorted(
                min(tile, len(matrix) - start) for start in range(0, len(matrix), tile)
            )
    compiled = api.compile(api.Model(pruned, "small"), plan="default", batch=4)
    (ours,) = Session(compiled).run(None, {"x": UNSEEN[:4]})
    assert ours.shape == (4, CLASSES)
    assert np.allclose(ours, run_onnx(pruned, UNSEEN[:4]), atol=1e-4)


@pytest.mark.parametrize("sparsity", [0.5, 0.75])
def test_far_closer_to_the_dense_network_than_magnitude(sparsity: float) -> None:
    model = residual_network()
    by_images, _ = calibrate_model(model, images(256), sparsity=sparsity)
    by_magnitude, _ = prune_model(model, sparsity=sparsity)
    assert output_error(by_images, model) < 0.3 * output_error(by_magnitude, model)


@pytest.mark.parametrize(("size", "made_up"), [(12, True), (6, False)])
def test_few_positions_make_up_for_nothing(size: int, made_up: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The projection ends a residual branch with 16 columns: 36 positions of 24 images are enough, 9 are not."""
    model, samples = residual_network(plane=("H", "W")), images(size=size)
    found, _ = calibrate_model(model, samples, sparsity=0.5)
    monkeypatch.setattr(module, "_POSITIONS_TO_MAKE_UP", 10**9)
    without, _ = calibrate_model(model, samples, sparsity=0.5)
    same = {name: np.array_equal(constants(found)[f"{name}.w"], constants(without)[f"{name}.w"]) for name in PRUNED[:3]}
    assert same == {"first": True, "second": True, "down": not made_up}


def test_magnitude_without_clustering_keeps_what_the_mask_rule_keeps() -> None:
    model = residual_network()
    by_images, _ = calibrate_model(
        model, images(), sparsity=0.5, settings=Calibration("magnitude", cluster=False, rectify=0)
    )
    by_rule, _ = prune_model(model, sparsity=0.5)
    for name in PRUNED:
        found, expected = (constants(m)[f"{name}.w"] for m in (by_images, by_rule))
        assert np.array_equal(found != 0, expected != 0)
        assert not np.allclose(found, expected)


def test_each_channel_keeps_its_mean() -> None:
    model = residual_network()
    model.graph.output.append(onnx.ValueInfoProto(name="first.out"))
    samples = images(40)
    pruned, _ = calibrate_model(model, samples, sparsity=0.75, settings=Calibration(positions=10**6, rectify=0))
    dense, found = (_output(m, samples, "first.out").mean(axis=(0, 2, 3)) for m in (model, pruned))
    assert np.allclose(found, dense, atol=1e-4)


def _output(model: onnx.ModelProto, x: np.ndarray, name: str) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run([name], {"x": x})[0])


def test_nothing_but_weights_and_biases_changes() -> None:
    model = residual_network()
    pruned, _ = calibrate_model(model, images(), sparsity=0.5)
    old, new = constants(model), constants(pruned)
    changed = {f"{name}.w" for name in PRUNED}
    assert all(np.array_equal(value, new[name]) for name, value in old.items() if name not in {*changed, "shared.bias"})
    assert new.keys() - old.keys() == {f"{name}.out/bias" for name in PRUNED}
    assert "shared.bias" not in new  # nothing reads it any more
    assert all(not np.array_equal(old[name], new[name]) for name in changed)


def test_files_that_list_their_constants_as_inputs() -> None:
    pruned, _ = calibrate_model(residual_network(ir_version=3), images(), sparsity=0.5)
    onnx.checker.check_model(pruned)
    assert {entry.name for entry in pruned.graph.input} == {"x", *constants(pruned)}


def test_images_give_the_size_that_the_file_leaves_open() -> None:
    model = residual_network(plane=("H", "W"))
    pruned, report = calibrate_model(model, images(size=20), sparsity=0.5)
    assert len(report.pruned) == len(PRUNED)
    assert run_onnx(pruned, images(2, size=20)).shape == (2, CLASSES)


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, samples, folder = residual_network(), images(), tmp_path / "work"
    expected, expected_report = calibrate_model(model, samples, sparsity=0.5)

    def kill(_: str, done: int, __: int) -> None:
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        calibrate_model(model, samples, sparsity=0.5, work_folder=folder, progress=kill)
    assert len(list(folder.glob("*.npz"))) == 2
    left = folder / "colonnade-activations" / "dense-0.f32"  # what kill -9 would leave
    left.parent.mkdir()
    left.write_bytes(b"old")

    solved = []
    original = module._prune_layer

    def counted(graph, layer, *rest):  # type: ignore[no-untyped-def]
        solved.append(layer.convolution.name)
        return original(graph, layer, *rest)

    monkeypatch.setattr(module, "_prune_layer", counted)
    pruned, report = calibrate_model(model, samples, sparsity=0.5, work_folder=folder)
    assert solved == list(PRUNED[2:])
    assert pruned.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)
    assert report == expected_report
    assert not folder.exists()


@pytest.mark.parametrize("changed", ["samples", "sparsity", "seed", "model"])
def test_layers_of_another_request_are_not_taken(changed: str, tmp_path: Path) -> None:
    model, samples, folder = residual_network(), images(), tmp_path / "work"

    def kill(_: str, done: int, __: int) -> None:
        if done == 1:
            raise Killed

    with pytest.raises(Killed):
        calibrate_model(model, samples, sparsity=0.5, work_folder=folder, progress=kill)
    sparsity, settings = 0.75 if changed == "sparsity" else 0.5, Calibration(seed=int(changed == "seed"))
    if changed == "samples":
        samples = images(seed=5)
    if changed == "model":
        model.graph.initializer[0].raw_data = bytes(len(model.graph.initializer[0].raw_data))
    expected, _ = calibrate_model(model, samples, sparsity=sparsity, settings=settings)
    found, _ = calibrate_model(model, samples, sparsity=sparsity, settings=settings, work_folder=folder)
    assert found.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)


def test_a_damaged_layer_is_made_again(tmp_path: Path) -> None:
    model, samples, folder = residual_network(), images(), tmp_path / "work"
    expected, _ = calibrate_model(model, samples, sparsity=0.5)

    def damage(_: str, done: int, __: int) -> None:
        if done == 2:
            for path in folder.glob("*.npz"):
                path.write_bytes(path.read_bytes()[:100])
            raise Killed

    with pytest.raises(Killed):
        calibrate_model(model, samples, sparsity=0.5, work_folder=folder, progress=damage)
    found, _ = calibrate_model(model, samples, sparsity=0.5, work_folder=folder)
    assert found.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)


def test_nothing_of_the_users_is_removed(tmp_path: Path) -> None:
    own = tmp_path / "activations"
    own.write_text("mine")
    calibrate_model(residual_network(), images(), sparsity=0.5, work_folder=tmp_path)
    assert list(tmp_path.iterdir()) == [own]


def test_a_run_that_fails_at_once_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "work"

    def fail(*_: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        calibrate_model(residual_network(), images(), sparsity=0.5, work_folder=folder, progress=fail)
    assert not folder.exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(ColonnadeError, match="unfinished work cannot be kept there: No such file"):
        calibrate_model(residual_network(), images(), sparsity=0.5, work_folder=tmp_path / "no" / "work")


def test_two_processes_do_not_work_in_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "work"

    def again(_: str, __: int, ___: int) -> None:
        calibrate_model(residual_network(), images(), sparsity=0.5, work_folder=folder)

    with pytest.raises(ColonnadeError, match="work: another process is at work there"):
        calibrate_model(residual_network(), images(), sparsity=0.5, work_folder=folder, progress=again)


def test_convolutions_that_share_weights_stay_dense() -> None:
    net = Builder()
    x = net.op("Relu", "relu0", net.conv("stem", "x", (8, 3, 3, 3)))
    x = net.op("Relu", "relu1", net.conv("once", x, (8, 8, 3, 3)))
    x = net.op("Relu", "relu2", net.conv("twice", x, (8, 8, 3, 3)))
    net.op("Conv", "again", x, "twice.w", pads=[1, 1, 1, 1])
    _, report = calibrate_model(net.model(rank=4), images(), sparsity=0.5)
    assert [layer.reason for layer in report.layers[2:]] == ["shares its weights with another convolution"] * 2
    assert [layer.name for layer in report.pruned] == ["once"]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (images(15), "^there are 15 samples; calibration needs at least 16"),
        (images()[0], r"^samples are float32 of shape \[3, 12, 12\]; they must be float32 \[N, C, H, W\]"),
        (images().astype(np.float64), "^samples are float64 of shape"),
        (images(size=10), r"^samples have shape \[3, 10, 10\] \(C, H, W\), but the model takes \[3, 12, 12\]"),
        (images()[:, :2], r"^samples have shape \[2, 12, 12\]"),
        (np.where(np.arange(24)[:, None, None, None] == 7, np.nan, images()).astype(np.float32), "^sample 7 holds NaN"),
    ],
)
def test_samples_that_cannot_be_used(samples: np.ndarray, message: str) -> None:
    with pytest.raises(ColonnadeError, match=message):
        calibrate_model(residual_network(), samples, sparsity=0.5)


def test_activations_that_are_not_finite() -> None:
    model = residual_network()
    for tensor in model.graph.initializer:
        if tensor.name == "stem.w":
            tensor.raw_data = (constants(model)["stem.w"] * np.float32(1e38)).tobytes()
    with pytest.raises(ColonnadeError, match=r"^convolution 'first': its input holds NaN or infinity for sample 0;"):
        calibrate_model(model, images(), sparsity=0.5)


def test_outputs_beyond_float32() -> None:
    """Their inputs are finite, and their squares in float64."""
    model = residual_network()
    for tensor in model.graph.initializer:
        if tensor.name == "second.w":
            tensor.raw_data = (constants(model)["second.w"] * np.float32(1e38)).tobytes()
    with pytest.raises(ColonnadeError, match=r"^convolution 'second': its output on the samples is beyond float32;"):
        calibrate_model(model, images(), sparsity=0.5)


def test_a_model_without_a_layer_to_prune() -> None:
    net = Builder()
    net.conv("stem", "x", (8, 3, 3, 3))
    with pytest.raises(ColonnadeError, match="nothing to prune, all 1 convolutions stay dense: 1 x stem"):
        calibrate_model(net.model(rank=4), images(), sparsity=0.5)


def test_a_model_with_two_inputs() -> None:
    net = Builder()
    net.conv("body", net.op("Relu", "relu", net.conv("stem", "x", (8, 3, 3, 3))), (8, 8, 1, 1))
    net.op("Add", "add", "body.out", "z")
    model = net.model(rank=4)
    model.graph.input.append(helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [1, 8, 12, 12]))
    with pytest.raises(ColonnadeError, match="small: has 2 inputs; calibration needs a model with one"):
        calibrate_model(model, images(), sparsity=0.5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "best"}, "method is 'best': it must be one of magnitude, activation, obs"),
        ({"damping": 0.0}, "damping is 0.0: it must be above 0"),
        ({"rectify": -1}, "rectify is -1: it must be at least 0"),
        ({"positions": 0}, "positions is 0: it must be at least 1"),
        ({"seed": -1}, "seed is -1: it must be at least 0"),
    ],
)
def test_settings_out_of_range(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ColonnadeError, match=message):
        Calibration(**wrong)  # type: ignore[arg-type]


def test_kept_counts_at_the_edges() -> None:
    """A tile always keeps at least one column."""
    pruned, report = calibrate_model(residual_network(), images(), sparsity=0.999)
    assert all(layer.kept_columns == kept_columns(layer.columns, 0.999) == 1 for layer in report.pruned)
    assert np.isfinite(run_onnx(pruned, UNSEEN)).all()
