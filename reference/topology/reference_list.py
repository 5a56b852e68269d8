"""NNR_TPL_REFLIST: the ids of a stream's tensors once, in a list, and indexes into it wherever an id stands."""

from collections.abc import Sequence
from typing import Final

from nnc_conformance.reference.composer import ids_list, topology_unit
from nnc_conformance.reference.decoder import Decoding
from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.payload import DataUnitDecoder
from nnc_conformance.reference.syntax.bitstream import read_units, write_units
from nnc_conformance.reference.syntax.context import StreamContext, Unit
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_PRUN, NNR_TPL_REFLIST, RAW
from nnc_conformance.reference.syntax.structures.unit import NNR_AGG, NNR_MPS, NNR_NDU, NNR_TPL
from nnc_conformance.reference.syntax.walker import Values

LEAST_IDS: Final = 2
"""A list of ids has two entries at least."""


def indexed(stream: bytes) -> bytes:
    """The stream with an NNR_TPL_REFLIST after its parameter set, and indexes in place of ids; it decodes to the same.

    Raises `StreamError` for a broken stream, `EncodeError` for one that has such a list already, fewer than two ids, aggregates or partial
    units.
    """
    units, _ = _read(stream)
    if any(unit.unit_type == NNR_AGG or not unit.complete or len(unit.payload_pieces) > 1 for unit in units):
        raise EncodeError("ids in aggregates and partial units are not replaced by indexes")
    if any(unit.header.get("topology_storage_format") == NNR_TPL_REFLIST for unit in units):
        raise EncodeError("the stream has a list of references already")
    names = list(dict.fromkeys(name for unit in units for name in _ids(unit)))
    if len(names) < LEAST_IDS:
        raise EncodeError(f"a list of references has {LEAST_IDS} ids at least, the stream {len(names)}")
    written: list[Values] = []
    for unit in units:
        written.append(_with_indexes(unit, names))
        if unit.unit_type == NNR_MPS:
            written.append(topology_unit(NNR_TPL_REFLIST, RAW, {"topology_elements_ids_list": ids_list(names)}))
    return write_units(written, context=_context())


def _ids(unit: Unit) -> Sequence[str]:
    if unit.unit_type == NNR_NDU:
        return tuple(unit.facts.ids)
    if _is_pruning(unit):
        return tuple(element["element_id"] for element in unit.payload["nnr_pruning_topology_container"].get("pruned_element", ()))
    return ()


def _is_pruning(unit: Unit) -> bool:
    return unit.unit_type == NNR_TPL and unit.header["topology_storage_format"] == NNR_TPL_PRUN


def _with_indexes(unit: Unit, names: list[str]) -> Values:
    """A unit's values with an index wherever they have an id."""
    header, payload = dict(unit.header), dict(unit.payload)
    if unit.unit_type == NNR_MPS:
        payload["mps_topology_indexed_reference_flag"] = 1
    elif unit.unit_type == NNR_NDU and "topology_elements_ids_list" in header:
        header["topology_elements_ids_list"] = ids_list(unit.facts.ids, names)
    elif unit.unit_type == NNR_NDU:
        header["topology_elem_id_index"] = names.index(header.pop("topology_elem_id"))
    elif _is_pruning(unit):
        container = dict(payload["nnr_pruning_topology_container"])
        elements = container.get("pruned_element", ())
        container["pruned_element"] = [
            {
                **{key: value for key, value in element.items() if key != "element_id"},
                "element_id_index": names.index(element["element_id"]),
            }
            for element in elements
        ]
        payload["nnr_pruning_topology_container"] = container
    return {"nnr_unit_header": header, "nnr_unit_payload": payload}


def reference_list(stream: bytes) -> tuple[str, ...]:
    """The list of references of a stream, () where it has none; raises `StreamError` for a broken stream."""
    return _read(stream)[1].reference_list or ()


def _read(stream: bytes) -> tuple[list[Unit], StreamContext]:
    """All units, and what they leave behind."""
    context = _context()
    return list(read_units(stream, context, interpretation=Interpretation())), context


def _context() -> StreamContext:
    """A new stream's, which learns shapes from topologies."""
    return Decoding(DecodeLimits(), DataUnitDecoder(Interpretation(), lenient=False, threads=1, reports=[])).context()
