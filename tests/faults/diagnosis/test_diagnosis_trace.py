"""``trace --html``: one file, every element with its bits, the coder's pictures, nothing from
outside.
"""

import base64
import hashlib
import json
import re
import tracemalloc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from helpers.samples import SAMPLES

from nnc_conformance.cli import main
from nnc_conformance.cli import trace as trace_command
from nnc_conformance.reference import EncoderOptions, encode
from nnc_conformance.reference.tracer import TraceLine, trace
from nnc_conformance.reports import trace as trace_page
from nnc_conformance.reports.trace import BYTES_SHOWN, LINES_SHOWN, build_trace, render_trace

STREAM = bytes.fromhex("0004000000080401001ffc80000e1409610020e0a002340080fe")
"""One data unit with one index."""


class Rows(HTMLParser):
    """The bit ranges of rows, the bytes, the polylines and every address in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ranges: list[tuple[int, int]] = []
        self.bytes: list[str] = []
        self.lines: dict[str, list[str]] = {}
        self.addresses: list[str] = []
        self.scripts = 0
        self._in_byte = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [given[name] for name in ("src", "href", "action") if given.get(name)]
        self.scripts += tag == "script"
        if given.get("class") == "e":
            self.ranges.append((int(given["data-first"]), int(given["data-last"])))
        self._in_byte = given.get("class") == "b"
        if tag == "polyline":
            self.lines[given["class"]] = given["points"].split()

    def handle_data(self, data: str) -> None:
        if self._in_byte:
            self.bytes.append(data)
            self._in_byte = False


def test_every_element_and_bin_has_its_bits() -> None:
    rows = Rows(render_trace(build_trace("one.nnr", STREAM)))
    met = list(trace(STREAM, bins=True))
    assert sorted(rows.ranges) == sorted((8 * line.byte + line.bit, 8 * line.byte + line.bit + line.length - 1) for line in met)
    assert bytes.fromhex("".join(rows.bytes)) == STREAM
    covered = {bit for first, last in rows.ranges for bit in range(first, last + 1)}
    assert covered >= set(range(8 * 23))  # all but the codeword's end, which the coder reads ahead of its bins


def test_the_coder_is_drawn_bin_by_bin() -> None:
    rows = Rows(render_trace(build_trace("one.nnr", STREAM)))
    bins = [line for line in trace(STREAM, bins=True) if line.bin is not None]
    assert len(rows.lines["range"]) == len(rows.lines["offset"]) == len(bins)
    assert rows.lines["range"][0] == "0.0,0.7"  # 510 of 512, 180 units high
    assert sum(len(points) for name, points in rows.lines.items() if name.startswith("c")) <= len(bins)


def test_the_page_is_one_file_and_escapes_what_it_is_given() -> None:
    page = render_trace(build_trace("</script><img src=http://evil.example/x>\x1b", STREAM))
    rows = Rows(page)
    assert rows.addresses == ["data:,", "#elements"]
    assert rows.scripts == 1
    script = re.search(r"<script>(.*)</script>", page, re.DOTALL)[1]
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in page.split("<title>")[0]


def test_a_broken_stream_is_shown_up_to_its_error() -> None:
    page = build_trace("cut.nnr", STREAM[:20])
    assert "unit of 14 bytes" in page.error
    assert [unit.unit_type for unit in page.units[:2]] == ["NNR_STR", "NNR_MPS"]
    assert "The stream is invalid" in render_trace(page)


def test_a_long_stream_is_shown_in_part_and_says_so() -> None:
    stream = max((path for path in SAMPLES if path.stat().st_size < 4000), key=lambda path: path.stat().st_size)
    page = build_trace(stream.name, stream.read_bytes())
    assert page.left_out > 0
    assert len(page.data) == min(page.size, BYTES_SHOWN)
    assert "are left out here" in render_trace(page)


def test_a_page_holds_no_more_lines_than_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    one = next(trace(STREAM))
    alive: weakref.WeakSet[TraceLine] = weakref.WeakSet()
    most = 0

    def many(*_: object, **options: object) -> Iterator[TraceLine]:
        nonlocal most
        for number in range(3 * LINES_SHOWN):
            line = replace(one, byte=number)
            alive.add(line)
            most = max(most, len(alive))
            yield line

    monkeypatch.setattr(trace_page, "trace", many)
    page = build_trace("large.nnr", STREAM)
    assert (page.lines, page.left_out) == (3 * LINES_SHOWN, 2 * LINES_SHOWN)
    assert most < LINES_SHOWN + 5


def test_a_large_tensor_is_traced_in_bounded_memory() -> None:
    """A bin takes 72 bytes, and this tensor has more than a million."""
    values = np.random.default_rng(1).normal(size=300_000).astype(np.float32)
    stream = encode({"w": values}, options=EncoderOptions(qp=-20))
    tracemalloc.start()
    page = build_trace("large.nnr", stream)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert page.lines - page.left_out <= LINES_SHOWN
    assert page.left_out > 1_000_000
    assert most < 30_000_000
    assert f"The last {page.left_out:,} of them are left out here" in render_trace(page)


def test_bins_beyond_the_most_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = [line for line in trace(STREAM, bins=True) if line.bin is not None]
    (tmp_path / "one.nnr").write_bytes(STREAM)
    monkeypatch.setattr(trace_command, "MOST_BINS", 3)
    with pytest.raises(SystemExit):
        main.main(["trace", str(tmp_path / "one.nnr"), "--bins", "--json"])
    printed = capsys.readouterr()
    bins = [line for line in map(json.loads, printed.out.splitlines()) if line["bin"] is not None]
    assert [line["element"] for line in bins] == [line.element for line in whole[:3]]
    assert f"unit 2: {len(whole) - 3} bins left out after 3 of the stream" in printed.err


@pytest.mark.parametrize("path", SAMPLES[:6], ids=lambda path: path.stem)
def test_without_bins_only_heads_of_tensors_are_kept(path: Path) -> None:
    stream = path.read_bytes()
    heads = [line for line in trace(stream, bins=True) if line.bin is None or line.bin.index < 0]
    assert list(trace(stream)) == heads


@pytest.mark.parametrize("unit", [0, 1, 2])
def test_one_unit_is_chosen(unit: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.nnr").write_bytes(STREAM)
    with pytest.raises(SystemExit) as ended:
        main.main(["trace", str(tmp_path / "one.nnr"), "--unit", str(unit), "--json"])
    assert ended.value.code == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    own = [line for line in trace(STREAM) if line.unit == unit]
    assert [line["element"] for line in shown] == [line.element for line in own]
    assert {line["unit_type"] for line in shown} == {own[-1].unit_type}
    assert [rows.number for rows in build_trace("one.nnr", STREAM, unit=unit).units] == [unit]


def test_a_unit_that_a_stream_lacks_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.nnr").write_bytes(STREAM)
    for more in ([], ["--html", str(tmp_path / "page.html")]):
        with pytest.raises(SystemExit) as ended:
            main.main(["trace", str(tmp_path / "one.nnr"), "--unit", "99", *more])
        assert ended.value.code == 2
        assert "there is no unit 99; the units of the stream are 0 to 2" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.nnr").write_bytes(STREAM)
    with pytest.raises(SystemExit) as ended:
        main.main(["trace", str(tmp_path / "one.nnr"), "--html", str(tmp_path / "page.html")])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "page.html")
    assert "Trace of <code>one.nnr</code>" in (tmp_path / "page.html").read_text()
