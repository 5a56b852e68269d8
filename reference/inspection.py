"""The units of a stream, a row of fields for each, and in words."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.driver import Driver, Tensors, Watcher
from nnc_conformance.reference.entropy.codeword import read_qp_deltas
from nnc_conformance.reference.entropy.compiled import interpreted
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.quantization.reconstruction import step_size
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_BLOCK, NNR_PT_FLOAT, PAYLOAD_TYPE_NAMES, DataUnitHeader
from nnc_conformance.reference.syntax.structures.topology import STORAGE_FORMAT_NAMES
from nnc_conformance.reference.syntax.structures.unit import NNR_TPL, Unit, unit_type_name
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.updates.base_model import BaseModel

Row = dict[str, Any]
"""A row of facts on one unit, by column name, as JSON holds it."""

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
    """Yield a row for each unit of a stream.

    Raise `StreamError` at the first unit that is wrong, after the rows of the units before it.

    A row has the unit's ``number``, ``offset`` and ``size`` in bytes, ``depth`` in aggregates,
    ``type`` and ``content``, its elements that matter to a reader; of a data unit with steps also
    ``qp`` and ``step``: quantization parameter and step size by tensor. `row_text` puts a row in
    words. Nothing is compiled: the qp of a tensor behind more than `MOST_INDEXES_BEFORE_QP` indexes
    is left out.

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
        """Keep the row of a unit; ``depth`` counts the aggregates around it."""
        row: Row = {
            "number": unit.number,
            "offset": unit.offset,
            "size": unit.size,
            "depth": depth,
            "type": unit_type_name(unit.unit_type),
            "content": content_of(unit),
        }
        header = unit.data_unit_header
        if header is not None and (qps := self._quantization_parameters(unit, header)):
            assert header.quantization is not None
            density = header.quantization.qp_density
            row |= {"qp": qps, "step": {name: finite(step_size(density, qp)) for name, qp in qps.items()}}
        self.rows.append(row)

    def tensors(self, unit: Unit, header: DataUnitHeader, tensors: Tensors) -> None:
        """Add the values of a data unit to its row."""
        row = next(row for row in reversed(self.rows) if row["number"] == unit.number)
        row["tensors"] = {name: summary(array) for name, array in tensors.items()}

    def _quantization_parameters(self, unit: Unit, header: DataUnitHeader) -> dict[str, int]:
        """Return the qp of each tensor of a unit, by id.

        Those behind many indexes are missing unless values are decoded. Units without a step give
        none.
        """
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


def content_of(unit: Unit) -> Row:
    """Return the elements of a unit that matter to a reader, by name.

    Other units than data units and topologies give their integers that are not 0.
    """
    partial = unit.header.get("partial_data_counter")
    content: Row = {} if partial is None else {"partial_data_counter": partial}
    if unit.data_unit_header is not None:
        return content | _data_unit_content(unit.data_unit_header)
    if unit.unit_type == NNR_TPL:
        return content | _topology_content(unit)
    elements = {name: value for name, value in (unit.header | unit.payload).items() if name not in _COMMON}
    return content | {name: value for name, value in elements.items() if isinstance(value, int) and value}


def _topology_content(unit: Unit) -> Row:
    """Return ``storage_format``, ``deflated`` and the number of ``ids`` of a topology."""
    storage = unit.header["topology_storage_format"]
    listed: Values = unit.payload.get("topology_elements_ids_list", {})
    return {
        "storage_format": STORAGE_FORMAT_NAMES[storage] if storage < len(STORAGE_FORMAT_NAMES) else f"reserved {storage}",
        "deflated": bool(unit.header["topology_compression_format"]),
        "ids": len(listed.get("topology_elem_id_list", ())),
    }


def _data_unit_content(header: DataUnitHeader) -> Row:
    """Describe a data unit: payload type, ids, dimensions, tools, and place in a session."""
    content: Row = {
        "payload_type": PAYLOAD_TYPE_NAMES[header.payload_type],
        "ids": list(header.ids),
        "dimensions": list(header.dimensions),
    }
    if header.quantization and header.payload_type in (NNR_PT_FLOAT, NNR_PT_BLOCK):
        content |= {
            "coded": [part.id for part in coded_parts(header)],
            "qp_density": header.quantization.qp_density,
            "quantization_parameter": header.quantization.quantization_parameter,
        }
    content["dq"] = header.dq_flag
    content["codebook_size"] = 0 if header.codebook is None else len(header.codebook.values)
    content |= {"scan_order": header.scan_order, "entry_points": len(header.entry_points)}
    if header.node_id is not None:
        content["node"] = asdict(header.node_id)
    if header.update is not None:
        content |= {"difference": header.parent_id is not None, "tca": header.tca, "dimension_shift": header.dimension_shift}
    return content


def row_text(row: Row) -> str:
    """Return the content of a row of `unit_rows` in words, in one line."""
    content = dict(row["content"])
    partial = content.pop("partial_data_counter", None)
    words = [] if partial is None else [f"partial data, {partial} to come"]
    if "payload_type" in content:
        words += _data_unit_words(content, row.get("qp", {}))
    elif "storage_format" in content:
        ids = f", {content['ids']} ids" if content["ids"] else ""
        words.append(f"{content['storage_format']}, {'deflated' if content['deflated'] else 'raw'}{ids}")
    elif content:
        words.append(", ".join(f"{name}={value}" for name, value in content.items()))
    words += [f"{name!r} {_summary_words(found)}" for name, found in row.get("tensors", {}).items()]
    return "; ".join(words)


def _data_unit_words(content: Row, qps: Mapping[str, int]) -> Iterator[str]:
    """Yield the words for a data unit, such as "raw float" or "12x3".

    Args:
        content: The elements of the unit, as in a row's ``content``.
        qps: The quantization parameter of each tensor.
    """
    yield content["payload_type"]
    yield ", ".join(map(repr, content["ids"]))
    yield "x".join(map(str, content["dimensions"])) or "scalar"
    if "qp_density" in content:
        yield f"qp {_qp_words(content, qps)} density {content['qp_density']}"
    if content["dq"]:
        yield "dq"
    if content["codebook_size"]:
        yield f"codebook of {content['codebook_size']}"
    if node := content.get("node"):
        yield f"node of device {node['device_id']}, parameter {node['parameter_id']}, depth {node['put_node_depth']}"
    if content.get("difference"):
        yield "difference to its parent" + (" with TCA" if content["tca"] else "")
    if content.get("dimension_shift"):
        yield f"first dimension moves to place {content['dimension_shift']}"
    if content["scan_order"]:
        yield f"scan {content['scan_order']}, {content['entry_points']} entry points"


def _qp_words(content: Row, qps: Mapping[str, int]) -> str:
    """Return the qp of a unit's tensors as text.

    For a tensor whose qp is not known, it is that of the parameter set, plus qp_delta.
    """
    unknown = f"{content['quantization_parameter']} + qp_delta"
    words = {name: str(qps.get(name, unknown)) for name in content["coded"]}
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return ", ".join(f"{name!r} {word}" for name, word in words.items())


def finite(value: np.generic) -> float | str:
    """Return a finite number as it is, any other as text such as ``inf``.

    JSON has no numbers that are not finite.
    """
    number: float = value.item()
    return number if np.isfinite(number) else str(number)


def summary(array: np.ndarray) -> Row:
    """Return ``dtype`` and ``shape`` of a tensor, and what its values are.

    Unless it is empty, these are ``least``, ``greatest`` and ``zeros``, the share of zeros from 0
    to 1.
    """
    found: Row = {"dtype": str(array.dtype), "shape": list(array.shape)}
    if array.size == 0:
        return found
    zeros = 1 - np.count_nonzero(array) / array.size
    return found | {"least": finite(array.min()), "greatest": finite(array.max()), "zeros": zeros}


def _summary_words(found: Row) -> str:
    """Return type, shape, range and share of zeros of a tensor in words."""
    words = f"{found['dtype']} {'x'.join(map(str, found['shape'])) or 'scalar'}"
    if "zeros" not in found:
        return words
    return f"{words} from {float(found['least']):g} to {float(found['greatest']):g}, {found['zeros']:.1%} zeros"
