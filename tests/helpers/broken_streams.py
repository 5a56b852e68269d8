"""Streams that each break one rule, made by hand without code of the reference."""

import zlib
from typing import Any

from plain_decoder import handmade as hand
from plain_decoder.data_unit import (
    NNR_CPT_BI,
    NNR_CPT_DC,
    NNR_PT_BLOCK,
    NNR_PT_FLOAT,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
)
from plain_decoder.handmade import (
    START,
    aligned,
    codeword,
    data_unit_header,
    floats,
    ie,
    int_unit,
    octets,
    packed,
    raw_unit,
    st,
    u,
    ue,
    unit,
)
from plain_decoder.stream import NNR_AGG, NNR_LPS, NNR_MPS, NNR_NDU, NNR_QNT, NNR_STR, NNR_TPL
from plain_decoder.topology import NNR_TPL_NNEF, NNR_TPL_ONNX, NNR_TPL_PRUN, NNR_TPL_REFLIST

STR, MPS = hand.start_unit(), hand.model_parameter_set()
RAW = raw_unit("w", [1.0])
LPS = hand.layer_parameter_set()
HEADER = data_unit_header(NNR_PT_RAW_FLOAT, "w", [1])
REFLIST = unit(NNR_TPL, u(8, NNR_TPL_REFLIST) + u(8, 0) + aligned(ue(7, 0)) + st("x") + st("y"))
NO_QP = STR + hand.model_parameter_set(method_flags=4)
INDEXED = STR + hand.model_parameter_set(indexed=1)


def raw(bits: str, values: int = 1) -> bytes:
    """Build a stream with an NDU of this header and ``values`` raw floats."""
    return START + unit(NNR_NDU, bits + floats([1.0] * values))


def block(ids: list[str], dims: list[int] | None, **options: Any) -> bytes:
    """Build a stream with a BLOCK of these ids and dimensions."""
    return START + unit(NNR_NDU, data_unit_header(NNR_PT_BLOCK, ids, dims, **options) + "1" * 32)


def codebook(size: int, centre: int = 0, zero: int = 0, deltas: str = "", index: int = 0) -> bytes:
    """Build a stream with one index and this codebook."""
    bits = u(4, 0) + ue(2, size) + ie(2, centre) + ie(7, zero) + deltas
    return START + unit(NNR_NDU, data_unit_header(NNR_PT_FLOAT, "w", [1], codebook=bits) + codeword([index], qp_delta_bits=8))


def integers(payload: bytes, **options: Any) -> bytes:
    """Build a stream with three INT values and this payload."""
    return START + unit(NNR_NDU, data_unit_header(NNR_PT_INT, "w", [3], **options) + octets(payload))


def aggregate(units: bytes, count: int, entry_points: list[tuple[int, int]] | None = None, kind: int = 0) -> bytes:
    """Build a stream with an aggregate of ``count`` units."""
    head = u(8, kind) + u(1, entry_points is not None) + u(7, 0) + u(16, count - 2)
    head += "".join(u(6, unit_type) + u(34, start) for unit_type, start in entry_points or [])
    return START + unit(NNR_AGG, aligned(head + u(5, 8) * count) + octets(units))


def topology(storage: int, compression: int, data: bytes) -> bytes:
    """Build a stream with a topology unit of this data."""
    return STR + unit(NNR_TPL, u(8, storage) + u(8, compression) + octets(data))


def scanned(offset_bits: str) -> bytes:
    """Build nine rows of zeros in two block rows of 8 with this entry point."""
    bits = data_unit_header(NNR_PT_INT, "w", [9, 2], scan_order=1, entry_points=offset_bits)
    return START + unit(NNR_NDU, bits + codeword([0] * 18, (9, 2), scan_order=1))


CODEWORD = packed(codeword([1, -2, 3]))
MAPS = hand.model_parameter_set(map_flags="1000", maps=u(8, 1) + floats([1.0, 1.0, 1.0]) + u(8, 9) + ue(7, 0))
SCALAR = topology(NNR_TPL_NNEF, 0, b"graph g(x) -> (y) { w = variable(shape = [], label = 'w'); }")[len(STR) :]
SPLIT = u(8, 0) + ue(7, 0) + ue(1, 0) + ue(1, 0)

BROKEN: list[tuple[str, bytes]] = [
    ("unit-size-min", STR + b"\0\0"),
    ("unit-size-min", STR + b"\0\2" + b"\0\0"),
    ("unit-size-min", STR + b"\x80\0\0\4\4"),
    ("unit-size-end", START + RAW[:-1]),
    ("unit-size-end", START + RAW[:1]),
    ("unit-size-end", START + b"\x80\0\0"),
    ("header-in-unit", START + unit(NNR_NDU, HEADER[:32])),
    ("header-in-unit", unit(NNR_STR, "")),
    ("unit-size-end", aggregate(RAW, 2)),
    ("header-in-unit", STR + unit(NNR_TPL, u(8, 0))),
    ("string-end", START + unit(NNR_NDU, u(5, NNR_PT_RAW_FLOAT) + "000" + octets(b"name"))),
    ("string-utf8", START + unit(NNR_NDU, u(5, NNR_PT_RAW_FLOAT) + "000" + octets(b"\xff\0"))),
    ("unit-type", STR + unit(7, "")),
    ("unit-type", STR + unit(63, "")),
    ("first-unit", MPS),
    ("first-unit", b""),
    ("profile", unit(NNR_STR, u(8, 2))),
    ("mps-first", STR + RAW),
    ("mps-first", STR + LPS + RAW),
    ("mps-once", START + MPS),
    ("str-once", STR + STR),
    ("index-list", INDEXED + unit(NNR_NDU, data_unit_header(NNR_PT_RAW_FLOAT, 0, [1]) + floats([1.0]))),
    ("index-range", INDEXED + REFLIST + unit(NNR_NDU, data_unit_header(NNR_PT_RAW_FLOAT, 2, [1]) + floats([1.0]))),
    ("id-unique", START + RAW + RAW),
    ("id-unique", raw(data_unit_header(NNR_PT_RAW_FLOAT, ["a", "a"], [2], mapping=SPLIT), 2)),
    ("id-unique", block(["a", "a"], [2], parameter_types=NNR_CPT_BI)),
    ("payload-type", START + unit(NNR_NDU, u(5, 4) + "000" + st("w"))),
    ("data-format", raw(data_unit_header(NNR_PT_RAW_FLOAT, "w", [1], data_format=10))),
    ("scan-order", raw(data_unit_header(NNR_PT_RAW_FLOAT, "w", [1, 1], scan_order=5))),
    ("reserved-bits", STR + unit(NNR_MPS, aligned("0" * 8 + "0" + u(7, 1)))),
    ("reserved-bits", STR + unit(NNR_LPS, u(8, 1) + aligned(u(8, 0)))),
    ("reserved-bits", STR + unit(NNR_LPS, u(8, 0) + aligned("1" + u(7, 0)))),
    ("reserved-bits", STR + unit(NNR_LPS, u(8, 0) + aligned(u(8, 1)))),
    ("reserved-bits", STR + unit(NNR_TPL, u(8, NNR_TPL_PRUN) + u(8, 0) + u(8, 1))),
    ("alignment-one", STR + unit(NNR_MPS, u(16, 0) + u(8, 0x40))),
    ("dims-count", raw(data_unit_header(NNR_PT_RAW_FLOAT, "w", []))),
    ("dims-zero", raw(data_unit_header(NNR_PT_RAW_FLOAT, "w", [0]), 0)),
    ("dims-zero", raw(data_unit_header(NNR_PT_RAW_FLOAT, "w", [3, 0]), 0)),
    ("dims-product", raw(data_unit_header(NNR_PT_RAW_FLOAT, "w", [2**32]))),
    ("dims-product", raw(data_unit_header(NNR_PT_RAW_FLOAT, "w", [2**16, 2**16]))),
    ("dims-product", block(["g", "h"], [2**20, 1], parameter_types=NNR_CPT_DC, rank_and_rows=(2**20, 2**20))),
    ("dims-absent", raw(data_unit_header(NNR_PT_RAW_FLOAT, "w", None))),
    ("dims-absent", raw(data_unit_header(NNR_PT_RAW_FLOAT, "w", None, input_parameters=False))),
    (
        "qp-in-force",
        NO_QP + unit(NNR_NDU, data_unit_header(NNR_PT_FLOAT, "w", [1]) + codeword([0])),
    ),
    ("block-vectors", START + SCALAR + block(["w", "b"], None, parameter_types=NNR_CPT_BI)[len(START) :]),
    ("block-ids", block(["w", "b", "c"], [2], parameter_types=NNR_CPT_BI)),
    ("block-ids", block(["g", "h"], [2], parameter_types=NNR_CPT_DC | NNR_CPT_BI, rank_and_rows=(1, 1))),
    ("block-ids", START + unit(NNR_NDU, data_unit_header(NNR_PT_BLOCK, "w", [2]) + "1" * 32)),
    ("rank", block(["g", "h"], [4], parameter_types=NNR_CPT_DC, rank_and_rows=(0, 1))),
    ("rank", block(["g", "h"], [4], parameter_types=NNR_CPT_DC, rank_and_rows=(1, 0))),
    ("rank", block(["g", "h"], [4], parameter_types=NNR_CPT_DC, rank_and_rows=(1, 3))),
    ("codebook-size", codebook(0)),
    ("codebook-size", codebook(1, centre=1)),
    ("codebook-size", codebook(1, centre=-1)),
    ("codebook-index", codebook(1, index=1)),
    ("codebook-index", codebook(1, index=-1)),
    ("codebook-range", codebook(1, zero=2**31)),
    ("codebook-range", codebook(2, zero=-(2**31), deltas=ue(0, 0))),
    ("prefix", integers(packed(codeword([2**31, 0, 0])))),
    ("prefix", integers(packed(codeword([-(2**31) - 1, 0, 0])))),
    ("prefix", integers(packed(codeword([2**30, 0, 0], dq=True)), dq=1)),
    ("interval", integers(b"\xff\0\0\0")),
    ("terminate", integers(CODEWORD[:-1] + b"\0" * 9)),
    ("cabac-end", integers(CODEWORD[:-1])),
    ("cabac-end", integers(b"")),
    ("cabac-end", integers(b"\0")),
    ("stop-bits", integers(CODEWORD[:-1] + bytes([CODEWORD[-1] ^ 1]))),
    ("payload-end", integers(CODEWORD + b"\0")),
    ("payload-end", raw(HEADER, 2)),
    ("payload-end", aggregate(LPS + RAW + LPS, 2)),
    ("payload-end", unit(NNR_STR, u(8, 0) + u(8, 0))),
    ("payload-end", STR + unit(NNR_MPS, aligned(u(16, 0)) + u(8, 0))),
    ("payload-end", STR + unit(NNR_LPS, u(8, 0) + aligned(u(8, 0)) + u(8, 0))),
    ("payload-end", topology(NNR_TPL_PRUN, 0, b"\0\0")),
    ("raw-size", raw(HEADER, 0)),
    ("raw-size", raw(data_unit_header(NNR_PT_RAW_FLOAT, "w", [2]))),
    ("format-range", START + int_unit("w", [8], data_format=4)),
    ("deflate", topology(NNR_TPL_ONNX, 1, b"no deflated data")),
    ("deflate", topology(NNR_TPL_NNEF, 1, zlib.compress(b"graph" * 99)[:-1])),
    ("deflate", topology(NNR_TPL_NNEF, 1, zlib.compress(b"graph") + b"\0")),
    ("partial-order", START + unit(NNR_NDU, HEADER + floats([1.0]), counter=1)),
    ("partial-order", START + unit(NNR_NDU, HEADER, counter=2) + unit(NNR_NDU, HEADER + floats([1.0]), counter=0)),
    ("partial-order", START + unit(NNR_NDU, HEADER, counter=1) + RAW),
    ("partial-order", START + unit(NNR_NDU, HEADER, counter=1) + unit(NNR_QNT, u(16, 0), counter=0)),
    ("partial-order", START + unit(NNR_NDU, HEADER, counter=1) + unit(NNR_NDU, data_unit_header(NNR_PT_RAW_FLOAT, "v", [1]), counter=0)),
    ("aggregate-nest", aggregate(STR + RAW, 2)),
    ("aggregate-nest", aggregate(unit(NNR_AGG, u(40, 0)) + RAW, 2)),
    ("aggregate-entry", aggregate(LPS + RAW, 2, [(NNR_LPS, 0), (NNR_NDU, len(LPS) + 1)])),
    ("aggregate-entry", aggregate(LPS + RAW, 2, [(NNR_LPS, 0), (NNR_LPS, len(LPS))])),
    ("map-count", STR + MAPS),
    ("storage-format", topology(7, 0, b"")),
    ("storage-format", STR + unit(NNR_QNT, u(8, 7) + u(8, 0))),
    ("compression-format", topology(0, 2, b"")),
    ("rep-type", topology(NNR_TPL_PRUN, 0, bytes([2 << 6]))),
    ("aggregate-type", aggregate(LPS + RAW, 2, kind=1)),
    ("golomb-length", raw(data_unit_header(NNR_PT_RAW_FLOAT, "w", [2**64]))),
    ("mapping", raw(data_unit_header(NNR_PT_RAW_FLOAT, ["a", "b"], [2], mapping=u(8, 1) + ue(7, 0) + ue(1, 0) * 2), 2)),
    ("mapping", raw(data_unit_header(NNR_PT_RAW_FLOAT, ["a", "b"], [2], mapping=u(8, 0) + ue(7, 1) + ue(1, 0) * 2), 2)),
    ("mapping", raw(data_unit_header(NNR_PT_RAW_FLOAT, list("abc"), [4], mapping=u(8, 0) + ue(7, 2) + ue(7, 1) + ue(1, 0) * 3), 4)),
    ("mapping", raw(data_unit_header(NNR_PT_RAW_FLOAT, ["a", "b"], [2], mapping=SPLIT[:-2] + ue(1, 1) + ue(7, 1) + ue(1, 1)), 2)),
    ("mapping", raw(data_unit_header(NNR_PT_RAW_FLOAT, ["a", "b"], [2], mapping=SPLIT[:-2] + ue(1, 1) + ue(7, 0) + ue(1, 1)), 2)),
    ("mapping-absent", raw(data_unit_header(NNR_PT_RAW_FLOAT, ["a", "b"], None, input_parameters=False), 2)),
    ("dims-absent", raw(data_unit_header(NNR_PT_RAW_FLOAT, ["a", "b"], None, mapping=SPLIT), 2)),
    ("entry-points", scanned(u(8, 1) + ue(11, 0))),
]
"""Rules with a stream that breaks each."""
BROKEN_IDS = [f"{rule}-{number}" for number, (rule, _) in enumerate(BROKEN)]
