"""A decode on several threads gives what one thread gives: values, order, reports and the first
error of the stream.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.samples import NAMES, SAMPLES
from helpers.sampling import sampled
from hypothesis import given
from hypothesis import strategies as st

from nnc_conformance.reference import BaseModel, EncoderOptions, decode, encode, side_by_side
from nnc_conformance.reference.composer import (
    TensorContent,
    aggregate_unit,
    data_unit,
    layer_parameter_set,
    model_parameter_set,
    simple_header,
    start_unit,
)
from nnc_conformance.reference.driver import Driver, Watcher
from nnc_conformance.reference.entropy import parallel
from nnc_conformance.reference.entropy.coding import EntryPoint
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.payload import PartCoding
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import Unit
from nnc_conformance.reference.updates.base_model import ParameterHistory

FOLDER = Path(__file__).parents[2] / "vectors"
TOOLS = [("row_skip",), ("tca",), ("hdsp",), ("pre",), ("row_skip", "tca", "hdsp", "pre")]
"""Tools of an update, alone and together."""


@pytest.fixture(autouse=True)
def worthwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every unit goes to a thread, whatever its size."""
    monkeypatch.setattr(side_by_side, "MIN_INDEXES_PER_THREAD", 0)
    monkeypatch.setattr(parallel, "MIN_INDEXES_PER_THREAD", 1)


def bits_of(tensors: Mapping[str, np.ndarray]) -> list[object]:
    return [(name, array.dtype, array.shape, array.tobytes()) for name, array in tensors.items()]


def outcome(stream: bytes, **options: Any) -> object:
    try:
        decoded = decode(stream, **options)
    except NNCError as error:
        return str(error)
    model = decoded.model
    kept = None if model is None else (bits_of(model.parameters), [history_bits(each) for each in model.histories.items()])
    return bits_of(decoded.parameters), decoded.differences, [str(report) for report in decoded.reports], kept


def history_bits(entry: tuple[str, ParameterHistory]) -> object:
    name, history = entry
    arrays = (history.indexes.base, history.indexes.seen, history.last_difference)
    return name, history.node_id, [None if array is None else array.tobytes() for array in arrays]


@pytest.mark.parametrize("path", SAMPLES, ids=NAMES)
def test_samples(path: Path) -> None:
    stream = path.read_bytes()
    assert outcome(stream, threads=3) == outcome(stream)


@pytest.mark.parametrize("least", [0, 40])
@pytest.mark.parametrize(("level", "lenient"), [("core", False), ("negative", True), ("negative", False)])
def test_vectors(level: str, lenient: bool, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "MIN_INDEXES_PER_THREAD", least)
    for path in sorted((FOLDER / level).glob("*/stream.nnr")):
        stream = path.read_bytes()
        assert outcome(stream, lenient=lenient, threads=2) == outcome(stream, lenient=lenient), path.parent.name


ROWS, COLUMNS, SIDE = 60, 9, 8


def scanned(dq: bool, quants: np.ndarray, **changed: int) -> bytes:
    """A stream of one tensor with eight block rows and their entry points, elements of the unit's
    header changed.
    """
    quantization = Quantization(2, -24)
    header = replace(simple_header(NNR_PT_FLOAT, "w", quants.shape, quantization, dq_flag=dq), scan_order=1)
    unit = data_unit(header, {"w": TensorContent(quants, 0, "search")})
    unit["nnr_unit_header"] |= changed
    return write_units([start_unit(), model_parameter_set(quantization), unit])


@pytest.fixture
def side_by_side_outcomes(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What each call of `decode_in_parallel` said."""
    said: list[bool] = []
    inner: Callable[..., bool] = parallel.decode_in_parallel

    def listening(*arguments: Any) -> bool:
        said.append(inner(*arguments))
        return said[-1]

    monkeypatch.setattr("nnc_conformance.reference.entropy.parallel.decode_in_parallel", listening)
    return said


@pytest.mark.parametrize("threads", [2, 3, 16])
def test_block_rows_are_decoded_side_by_side(side_by_side_outcomes: list[bool], threads: int) -> None:
    quants = np.random.default_rng(threads).integers(-3, 4, (ROWS, COLUMNS)).astype(np.int32)
    stream = scanned(False, quants)
    assert np.array_equal(decode(stream, threads=threads).parameters["w"], quants * np.float32(2.0**-6))
    assert side_by_side_outcomes == [True]
    assert outcome(stream, threads=threads) == outcome(stream)


@given(st.integers(0, 10**6), st.data())
def test_wrong_entry_points_change_nothing(seed: int, data: st.DataObject) -> None:
    quants = np.random.default_rng(seed).integers(-3, 4, (ROWS, COLUMNS)).astype(np.int32)
    stream = scanned(False, quants)
    stream = flipped(stream, *(data.draw(st.integers(0, 8 * len(stream) - 1)) for _ in range(data.draw(st.integers(1, 3)))))
    for lenient in (False, True):
        assert outcome(stream, threads=3, lenient=lenient) == outcome(stream, lenient=lenient)


def flipped(stream: bytes, *bits: int) -> bytes:
    """The stream with these bits flipped."""
    changed = bytearray(stream)
    for bit in bits:
        changed[bit >> 3] ^= 0x80 >> (bit & 7)
    return bytes(changed)


@pytest.mark.parametrize(("seed", "bit"), [(1130, 236)])
def test_an_entry_point_before_the_first_block_row_changes_nothing(seed: int, bit: int) -> None:
    """A promised position before the tensor's first bit was taken as the start of its first
    stretch: block rows were left out.
    """
    quants = np.random.default_rng(seed).integers(-3, 4, (ROWS, COLUMNS)).astype(np.int32)
    stream = flipped(scanned(False, quants), bit)
    for lenient in (False, True):
        assert outcome(stream, threads=3, lenient=lenient) == outcome(stream, lenient=lenient)
    assert "rule interval" in str(outcome(stream, threads=3, lenient=True))


def test_an_entry_point_beyond_int64_changes_nothing() -> None:
    quants = np.random.default_rng(1).integers(-3, 4, (ROWS, COLUMNS)).astype(np.int32)
    stream = scanned(False, quants, bit_offset_delta1=1 << 63)
    for lenient in (False, True):
        assert outcome(stream, threads=3, lenient=lenient) == outcome(stream, lenient=lenient)


@pytest.mark.parametrize("threads", [1, 3])
def test_an_empty_tensor_that_no_array_can_describe_is_refused(threads: int) -> None:
    header = simple_header(NNR_PT_FLOAT, "w", (1 << 40, 1 << 40, 0), Quantization(2, -24))
    unit = data_unit(header, {"w": TensorContent(np.zeros(0, np.int32))})
    stream = write_units([start_unit(), model_parameter_set(Quantization(2, -24)), unit], enforce=False)
    assert "rule limits" in str(outcome(stream, lenient=True, threads=threads))


def test_reports_of_an_aggregate_come_in_the_same_order() -> None:
    """Both units of the aggregate have bytes after their codeword, and the second a reserved bit
    that is set.
    """
    quantization = Quantization(2, -24)
    units = []
    for name in "ab":
        header = simple_header(NNR_PT_FLOAT, name, (4, 4), quantization)
        unit = data_unit(header, {name: TensorContent(np.ones((4, 4), np.int32))})
        unit["nnr_unit_payload"]["cabac_codeword"] += b"\0"
        units.append(unit)
    parameters = layer_parameter_set(quantization)
    parameters["nnr_unit_header"]["nnr_reserved_zero_7bits"] = 1
    stream = write_units([start_unit(), model_parameter_set(quantization), aggregate_unit([*units, parameters])], enforce=False)
    reports = [report.rule for report in decode(stream, lenient=True).reports]
    assert reports == ["reserved-bits", "payload-end", "payload-end"]
    assert outcome(stream, lenient=True, threads=3) == outcome(stream, lenient=True)


def test_stretches_are_of_equal_length() -> None:
    starts = [EntryPoint(0, 0, place) for place in (0, 100, 110, 120, 390, 400, 600)]
    assert [(part.first, part.after) for part in parallel.split_block_rows(starts, 800, 2)] == [(0, 5), (5, 7)]
    assert [(part.first, part.after) for part in parallel.split_block_rows(starts, 800, 100)][-1] == (6, 7)


def test_the_first_error_of_the_stream_is_told() -> None:
    quantization = Quantization(2, -24)
    units = [start_unit(), model_parameter_set(quantization)]
    for name in "abc":
        header = simple_header(NNR_PT_FLOAT, name, (4, 4), quantization)
        units.append(data_unit(header, {name: TensorContent(np.ones((4, 4), np.int32), 0, "default")}))
    stream = write_units(units)
    damaged = stream[:-1]
    assert outcome(damaged, threads=2) == outcome(damaged)
    twice = write_units([*units, units[2]])
    assert outcome(twice, threads=2) == outcome(twice)
    assert "coded twice" in str(outcome(twice, threads=2))


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_goes_up_to_all(threads: int) -> None:
    draw = np.random.default_rng(3)
    parameters = {name: draw.normal(size=(300, 100)).astype(np.float32) for name in "abc"}
    heard: list[tuple[int, int]] = []
    stream = encode(parameters, threads=threads, progress=lambda done, total: heard.append((done, total)))
    assert heard == [(30000, 90000), (60000, 90000), (90000, 90000)]
    heard.clear()
    decode(stream, threads=threads, progress=lambda done, total: heard.append((done, total)))
    assert heard == sorted(heard)
    assert heard[-1] == (len(stream), len(stream))


@pytest.mark.parametrize(("tools", "dq"), sampled([(f"{'-'.join(tools)}-{dq}", (tools, dq)) for tools in TOOLS for dq in (False, True)], 3))
def test_updates_with_each_tool(tools: tuple[str, ...], dq: bool, side_by_side_outcomes: list[bool]) -> None:
    """A damaged update gives the same error, or the same tensors and model, on any number of
    threads.
    """
    rng = np.random.default_rng(len(tools))
    on: dict[str, Any] = {tool: tool in tools for tool in ("row_skip", "tca", "hdsp", "pre")}
    options = EncoderOptions(edition=2024, qp=-24, nonweight_qp=-24, dq=dq, scan_order=1, **on)
    model = {"w": rng.standard_normal((60, 16)), "v": rng.standard_normal((30, 8)), "b": rng.standard_normal(60)}
    base, stream = BaseModel(), b""
    for number in range(4):
        stream = encode({name: values.astype(np.float32) for name, values in model.items()}, base=base if number else None, options=options)
        expected = outcome(stream, base=base)
        assert not isinstance(expected, str)
        for threads in (2, 3):
            assert outcome(stream, base=base, threads=threads) == expected
        before, base = base, decode(stream, base=base).model or base
        for values in model.values():
            values[::2] += 0.05 * rng.standard_normal(values[::2].shape)
    assert any(side_by_side_outcomes)
    for _ in range(60):
        damaged = flipped(stream, *rng.integers(0, 8 * len(stream), rng.integers(1, 4)).tolist())
        for lenient in (False, True):
            expected = outcome(damaged, base=before, lenient=lenient)
            for threads in (2, 3):
                assert outcome(damaged, base=before, lenient=lenient, threads=threads) == expected


class Codings(Watcher):
    """Keeps how each part is coded, and the order in which the watcher was called."""

    def __init__(self) -> None:
        self.order: list[tuple[str, tuple[str, ...]]] = []
        self.deltas: dict[str, int] = {}
        self.skipped: dict[str, list[int]] = {}

    def codeword(self, unit: Unit, header: DataUnitHeader, parts: Sequence[PartCoding]) -> None:
        self.order.append(("codeword", header.ids))
        self.deltas |= {each.part.id: each.qp_delta for each in parts}
        self.skipped |= {each.part.id: np.flatnonzero(each.skipped).tolist() for each in parts if each.skipped is not None}

    def tensors(self, unit: Unit, header: DataUnitHeader, tensors: Mapping[str, np.ndarray]) -> None:
        self.order.append(("tensors", header.ids))


@pytest.mark.parametrize("threads", [1, 3])
def test_a_watcher_gets_how_each_part_is_coded_before_its_values(threads: int) -> None:
    matrix = np.ones((8, 6), np.float32)
    matrix[[1, 2, 6]] = 0
    tensors = {"w": matrix, "i": np.arange(4), "v": np.ones(6, np.float32), "raw": np.array([np.nan, 1], np.float32)}
    options = EncoderOptions(qp=-8, nonweight_qp=-13, row_skip="on", edition=2024, exact=frozenset({"raw"}))
    seen = Codings()
    Driver(encode(tensors, options=options), seen, DecoderOptions(threads=threads)).run()
    assert seen.deltas == {"w": 0, "i": 0, "v": -5}
    assert seen.skipped == {"w": [1, 2, 6]}
    coded = [name for what, (name,) in seen.order if what == "codeword"]
    expected = [(what, (name,)) for name in coded for what in ("codeword", "tensors")]
    assert [entry for entry in seen.order if entry[1] != ("raw",)] == expected
    assert ("codeword", ("raw",)) not in seen.order
