"""The units of a stream in one line each."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.driver import Driver, Tensors, Watcher
from nnc_conformance.reference.entropy.codeword import read_qp_deltas
from nnc_conformance.reference.entropy.compiled import interpreted
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_BLOCK, NNR_PT_FLOAT, PAYLOAD_TYPE_NAMES, DataUnitHeader
from nnc_conformance.reference.syntax.structures.topology import STORAGE_FORMAT_NAMES
from nnc_conformance.reference.syntax.structures.unit import NNR_TPL, Unit, unit_type_name
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.updates.base_model import BaseModel

Row = dict[str, Any]

MOST_INDEXES_BEFORE_QP: Final = 4096
"""Indexes that the inspection decodes without the compiler to reach the qp of a tensor behind them.
"""
_COMMON: Final = ("nnr_unit_type", "independently_decodable_flag", "partial_data_counter_present_flag", "partial_data_counter")


def unit_rows(
    stream: bytes,
    *,
    interpretation: Interpretation | None = None,
    lenient: bool = False,
    limits: DecodeLimits | None = None,
    values: bool = False,
    base: BaseModel | None = None,
) -> Iterator[Row]:
    """Yield a row for each unit of a stream; raise `StreamError`, after the rows before that place.

    A row has the unit's ``number``, ``offset`` and ``size`` in bytes, ``depth`` in aggregates,
    ``type``, and ``says``, its elements in words; of a data unit also ``qp``: the quantization
    parameter by tensor. Nothing is compiled: the qp of a tensor behind more than
    `MOST_INDEXES_BEFORE_QP` indexes is left out.

    Args:
        stream: The bitstream.
        interpretation: One choice for each disputed point; the defaults if None.
        lenient: Forgive broken rules of policy ``may``.
        limits: Bounds on the decode; the defaults if None.
        values: Decode the payloads too; rows then have every qp, and ``tensors``, a `summary` by
            tensor.
        base: The model before the stream, as for `decode` (second edition).
    """
    options = DecoderOptions(interpretation or Interpretation(), lenient, limits or DecodeLimits(), base=base)
    rows = _Rows(options.interpretation, values=values)
    return Driver(stream, rows, options, values=values).noted(rows.rows)


class _Rows(Watcher):
    """Keeps rows until they are yielded."""

    def __init__(self, interpretation: Interpretation, *, values: bool) -> None:
        self.interpretation = interpretation
        self.values = values
        self.rows: list[Row] = []

    def unit(self, unit: Unit, depth: int) -> None:
        """Keep the row of a unit."""
        header = unit.data_unit_header
        qps = {} if header is None else self._quantization_parameters(unit, header)
        row = {
            "number": unit.number,
            "offset": unit.offset,
            "size": unit.size,
            "depth": depth,
            "type": unit_type_name(unit.unit_type),
            "says": says(unit, qps),
        }
        self.rows.append(row | ({"qp": qps} if qps else {}))

    def tensors(self, unit: Unit, header: DataUnitHeader, tensors: Tensors) -> None:
        """Add the values of a data unit to its row."""
        row = next(row for row in reversed(self.rows) if row["number"] == unit.number)
        row["tensors"] = {name: summary(array) for name, array in tensors.items()}
        row["says"] += "".join(f"; {name!r} {words}" for name, words in row["tensors"].items())

    def _quantization_parameters(self, unit: Unit, header: DataUnitHeader) -> dict[str, int]:
        """Return the quantization parameter of each tensor that can be reached, in coded order."""
        if header.quantization is None or header.payload_type not in (NNR_PT_FLOAT, NNR_PT_BLOCK):
            return {}
        parts = coded_parts(header)
        codings = [coding_of(part, header, self.interpretation) for part in parts]
        payload = unit.payload["cabac_codeword"]
        if self.values:
            deltas = read_qp_deltas(payload, codings)
        else:
            with interpreted():
                deltas = read_qp_deltas(payload, codings, most=MOST_INDEXES_BEFORE_QP, kernel="plain")
        base = header.quantization.quantization_parameter
        return {part.id: base + delta for part, delta in zip(parts, deltas, strict=False)}


def says(unit: Unit, qps: Mapping[str, int] | None = None) -> str:
    """Return the elements of a unit that matter to a reader, in one line.

    ``qps``: the known qp of its tensors.
    """
    partial = unit.header.get("partial_data_counter")
    prefix = "" if partial is None else f"partial data, {partial} to come; "
    if unit.data_unit_header is not None:
        return prefix + data_unit_says(unit.data_unit_header, qps or {})
    if unit.unit_type == NNR_TPL:
        return prefix + topology_says(unit)
    elements = {name: value for name, value in (unit.header | unit.payload).items() if name not in _COMMON}
    return prefix + ", ".join(f"{name}={value}" for name, value in elements.items() if isinstance(value, int) and value)


def topology_says(unit: Unit) -> str:
    """Return the format, compression and number of ids of a topology."""
    storage = unit.header["topology_storage_format"]
    name = STORAGE_FORMAT_NAMES[storage] if storage < len(STORAGE_FORMAT_NAMES) else f"reserved {storage}"
    compression = "deflated" if unit.header["topology_compression_format"] else "raw"
    listed: Values = unit.payload.get("topology_elements_ids_list", {})
    ids = listed.get("topology_elem_id_list")
    return f"{name}, {compression}" + (f", {len(ids)} ids" if ids else "")


def data_unit_says(header: DataUnitHeader, qps: Mapping[str, int]) -> str:
    """Return the payload type, ids, dimensions and tools of a data unit."""
    words = [PAYLOAD_TYPE_NAMES[header.payload_type], ", ".join(map(repr, header.ids)), "x".join(map(str, header.dimensions)) or "scalar"]
    if header.quantization and header.payload_type in (NNR_PT_FLOAT, NNR_PT_BLOCK):
        words.append(f"qp {_qp_words(header, qps)} density {header.quantization.qp_density}")
    if header.dq_flag:
        words.append("dq")
    if header.codebook is not None:
        words.append(f"codebook of {len(header.codebook.values)}")
    words += update_says(header)
    if header.scan_order:
        words.append(f"scan {header.scan_order}, {len(header.entry_points)} entry points")
    return "; ".join(words)


def update_says(header: DataUnitHeader) -> list[str]:
    """Return the place of a data unit in a session: its node, its parent, and what it takes from
    there.
    """
    words = []
    if header.node_id is not None:
        node = header.node_id
        words.append(f"node of device {node.device_id}, parameter {node.parameter_id}, depth {node.put_node_depth}")
    if header.parent_id is not None:
        words.append("difference to its parent" + (" with TCA" if header.tca else ""))
    if header.dimension_shift:
        words.append(f"first dimension moves to place {header.dimension_shift}")
    return words


def _qp_words(header: DataUnitHeader, qps: Mapping[str, int]) -> str:
    """Return the qp of a unit's tensors; of a tensor whose qp is not known that of the parameter
    set, plus qp_delta.
    """
    assert header.quantization is not None
    unknown = f"{header.quantization.quantization_parameter} + qp_delta"
    words = [str(qps.get(part.id, unknown)) for part in coded_parts(header)]
    if len(set(words)) == 1:
        return words[0]
    return ", ".join(f"{part.id!r} {word}" for part, word in zip(coded_parts(header), words, strict=True))


def summary(array: np.ndarray) -> str:
    """Return the type, shape, least and greatest value and share of zeros of a tensor, in words."""
    shape = "x".join(map(str, array.shape)) or "scalar"
    if array.size == 0:
        return f"{array.dtype} {shape}"
    zeros = 1 - np.count_nonzero(array) / array.size
    return f"{array.dtype} {shape} from {array.min():g} to {array.max():g}, {zeros:.1%} zeros"
