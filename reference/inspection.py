"""What each unit of a stream says, in a line."""

from collections.abc import Iterator
from typing import Any

from nnc_conformance.reference.decoder import Decoding
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.payload import DataUnitDecoder
from nnc_conformance.reference.syntax.bitstream import read_units
from nnc_conformance.reference.syntax.context import Unit
from nnc_conformance.reference.syntax.structures.data_unit import PAYLOAD_TYPE_NAMES, DataUnitHeader
from nnc_conformance.reference.syntax.structures.topology import STORAGE_FORMAT_NAMES
from nnc_conformance.reference.syntax.structures.unit import NNR_NDU, NNR_TPL, unit_type_name
from nnc_conformance.reference.syntax.walker import Values


def unit_rows(
    stream: bytes, *, interpretation: Interpretation | None = None, lenient: bool = False, limits: DecodeLimits | None = None
) -> Iterator[dict[str, Any]]:
    """Yields number, offset and size in bytes, depth (in aggregates), type and what it says, of each unit; raises `StreamError`."""
    interpretation = interpretation or Interpretation()
    decoding = Decoding(limits or DecodeLimits(), DataUnitDecoder(interpretation, lenient, 1, []))
    for unit in read_units(stream, decoding.context(), interpretation=interpretation, lenient=lenient):
        yield from _rows(unit, 0)


def _rows(unit: Unit, depth: int) -> Iterator[dict[str, Any]]:
    yield {
        "number": unit.number,
        "offset": unit.offset,
        "size": unit.size,
        "depth": depth,
        "type": unit_type_name(unit.unit_type),
        "says": says(unit),
    }
    for inner in unit.units:
        yield from _rows(inner, depth + 1)


def says(unit: Unit) -> str:
    """The elements of a unit that matter to a reader, in one line."""
    partial = unit.header.get("partial_data_counter")
    prefix = "" if partial is None else f"partial data, {partial} to come; "
    if unit.unit_type == NNR_NDU:
        return prefix + data_unit_says(unit.facts)
    if unit.unit_type == NNR_TPL:
        return prefix + topology_says(unit)
    common = ("nnr_unit_type", "independently_decodable_flag", "partial_data_counter_present_flag", "partial_data_counter")
    elements = {name: value for name, value in (unit.header | unit.payload).items() if name not in common}
    return prefix + ", ".join(f"{name}={value}" for name, value in elements.items() if isinstance(value, int) and value)


def topology_says(unit: Unit) -> str:
    """Format and size of a topology."""
    storage = unit.header["topology_storage_format"]
    name = STORAGE_FORMAT_NAMES[storage] if storage < len(STORAGE_FORMAT_NAMES) else f"reserved {storage}"
    compression = "deflated" if unit.header["topology_compression_format"] else "raw"
    listed: Values = unit.payload.get("topology_elements_ids_list", {})
    ids = listed.get("topology_elem_id_list")
    return f"{name}, {compression}" + (f", {len(ids)} ids" if ids else "")


def data_unit_says(header: DataUnitHeader) -> str:
    """Payload type, ids, dimensions and tools of an NDU."""
    words = [PAYLOAD_TYPE_NAMES[header.payload_type], ", ".join(map(repr, header.ids)), "x".join(map(str, header.dimensions)) or "scalar"]
    if header.quantization:
        words.append(f"qp {header.quantization.quantization_parameter} density {header.quantization.qp_density}")
    if header.dq_flag:
        words.append("dq")
    if header.codebook is not None:
        words.append(f"codebook of {len(header.codebook.values)}")
    if header.scan_order:
        words.append(f"scan {header.scan_order}, {len(header.entry_points)} entry points")
    return "; ".join(words)
