"""JSON, table, plot, and the files they are written to."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from colonnade.bench.plot import write_plot
from colonnade.bench.report import Absence, Report, table, write_json
from colonnade.errors import ColonnadeError
from colonnade.files import check_writable, write_atomic

RESULT_KEYS = {"model", "runtime", "sparsity", "threads", "batch", "median_ms", "min_ms", "max_abs_err"}


def _text(report: Report) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table(report))
    return console.export_text()


def test_json_has_the_published_keys(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write_json(report, path)
    read = json.loads(path.read_text())
    assert read["machine"] == {"cpu": "A CPU", "cpus": 2}
    assert [(row["runtime"], row["sparsity"]) for row in read["results"]] == [
        ("mnn", 0),
        ("ncnn", 0),
        ("colonnade", 0),
        ("colonnade", 0.75),
    ]
    assert all(row.keys() >= RESULT_KEYS for row in read["results"])
    assert [(row["runtime"], row["status"]) for row in read["absent"]] == [("openvino", "absent")]


def test_both_dense_baselines(report: Report) -> None:
    assert report.fastest_peer is not None
    assert report.fastest_peer.runtime == "ncnn"
    assert report.own_dense is not None
    assert report.own_dense.median_ms == 24


def test_table_shows_ratios_to_both_baselines_and_who_is_absent(report: Report) -> None:
    text = _text(report)
    sparse = next(line for line in text.splitlines() if "75%" in line)
    assert "3.75x" in sparse  # 30 ms of ncnn over 8
    assert "3.00x" in sparse  # 24 ms of our own dense over 8
    assert "openvino, absent: openvino is not installed" in text


def test_table_without_peers_has_no_ratio_to_them(report: Report) -> None:
    own = replace(report, results=report.results[2:])
    assert own.fastest_peer is None
    assert "3.00x" in _text(own)


def test_own_rows_without_a_time_are_faults(report: Report) -> None:
    wrong = Absence("resnet18", "colonnade", 0.5, 1, 1, "wrong result", "off by 1")
    assert report.own_faults == ()
    assert replace(report, absent=(*report.absent, wrong)).own_faults == (wrong,)


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".PNG", b"\x89PNG")])
def test_plot_format_follows_the_suffix(report: Report, tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f"bars{suffix}"
    write_plot(report, path)
    assert path.read_bytes().startswith(start)


def test_plot_of_another_suffix_is_refused(report: Report, tmp_path: Path) -> None:
    with pytest.raises(ColonnadeError, match=r"\.png or \.svg"):
        write_plot(report, tmp_path / "bars.jpg")
    assert not list(tmp_path.iterdir())


def test_plot_without_results_is_refused(report: Report, tmp_path: Path) -> None:
    with pytest.raises(ColonnadeError, match="nothing to draw"):
        write_plot(replace(report, results=()), tmp_path / "bars.svg")


def test_write_replaces_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old and longer")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ColonnadeError, match="No space left on device"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("where", ["missing/out", "file/out", "."])
def test_place_that_cannot_be_written_is_one_line(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ColonnadeError, match="directory") as caught:
        check_writable(tmp_path / where)
    assert "\n" not in str(caught.value)
