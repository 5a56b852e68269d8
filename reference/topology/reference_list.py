"""NNR_TPL_REFLIST: a list of all tensor ids in a stream, and indexes into it in place of ids."""

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
"""Fewest ids that a list can hold."""


def with_reference_list(stream: bytes) -> bytes:
    """Add an NNR_TPL_REFLIST after the parameter set, and replace ids by indexes.

    The result decodes to the same tensors.

    Raises:
        StreamError: for a broken stream.
        EncodeError: if the stream has a list already, fewer than two ids, aggregates or partial
            units.
    """
    units, _ = _read(stream)
    if any(unit.unit_type == NNR_AGG or not unit.complete or len(unit.payload_pieces) > 1 for unit in units):
        raise EncodeError("ids in aggregates and partial units cannot be replaced by indexes")
    if any(unit.header.get("topology_storage_format") == NNR_TPL_REFLIST for unit in units):
        raise EncodeError("the stream already has a list of references")
    names = list(dict.fromkeys(name for unit in units for name in _ids(unit)))
    if len(names) < LEAST_IDS:
        raise EncodeError(f"a list of references needs at least {LEAST_IDS} ids; the stream has {len(names)}")
    written: list[Values] = []
    for unit in units:
        written.append(_with_indexes(unit, names))
        if unit.unit_type == NNR_MPS:
            written.append(topology_unit(NNR_TPL_REFLIST, RAW, {"topology_elements_ids_list": ids_list(names)}))
    return write_units(written, context=_context())


def _ids(unit: Unit) -> Sequence[str]:
    """Return the tensor ids in a unit."""
    if unit.unit_type == NNR_NDU:
        return tuple(unit.facts.ids)
    if _is_pruning(unit):
        return tuple(element["element_id"] for element in unit.payload["nnr_pruning_topology_container"].get("pruned_element", ()))
    return ()


def _is_pruning(unit: Unit) -> bool:
    """Whether a unit is an NNR_TPL_PRUN."""
    return unit.unit_type == NNR_TPL and unit.header["topology_storage_format"] == NNR_TPL_PRUN


def _with_indexes(unit: Unit, names: list[str]) -> Values:
    """Return the values of a unit with indexes in place of ids."""
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
    """Return the list of ids in a stream, or ().

    Raises:
        StreamError: for a broken stream.
    """
    return _read(stream)[1].reference_list or ()


def _read(stream: bytes) -> tuple[list[Unit], StreamContext]:
    """Read all units, and return the context after them."""
    context = _context()
    return list(read_units(stream, context, interpretation=Interpretation())), context


def _context() -> StreamContext:
    """Make the context for a new stream, which learns shapes from topologies."""
    return Decoding(DecodeLimits(), DataUnitDecoder(Interpretation(), lenient=False, threads=1, reports=[])).context()
