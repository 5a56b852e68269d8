"""NNR_TPL_REFLIST: a list of all tensor ids in a stream.

Indexes into it take the place of ids.
"""

from collections.abc import Sequence
from typing import Final

from nnc_conformance.reference.composer import ids_list, topology_unit
from nnc_conformance.reference.driver import Driver
from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_PRUN, NNR_TPL_REFLIST, RAW
from nnc_conformance.reference.syntax.structures.unit import NNR_AGG, NNR_MPS, NNR_TPL, Unit
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.topology.shapes import topology_shapes

LEAST_IDS: Final = 2
"""Fewest ids that a list can hold."""


def with_reference_list(stream: bytes) -> bytes:
    """Add an NNR_TPL_REFLIST after the parameter set, and replace ids by indexes.

    The result decodes to the same tensors.

    Raises:
        StreamError: For a broken stream.
        EncodeError: If the stream has a list already, fewer than two ids, aggregates or partial
            units.
    """
    units = list(Driver(stream, values=False).units())
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
    return write_units(written, context=StreamContext(open_topology=topology_shapes))


def _ids(unit: Unit) -> Sequence[str]:
    """Return the tensor ids that a data unit or a pruning container names."""
    if unit.data_unit_header is not None:
        return unit.data_unit_header.ids
    if _is_pruning(unit):
        return tuple(element["element_id"] for element in unit.payload["nnr_pruning_topology_container"].get("pruned_element", ()))
    return ()


def _is_pruning(unit: Unit) -> bool:
    """Whether a unit is an NNR_TPL_PRUN."""
    return unit.unit_type == NNR_TPL and unit.header["topology_storage_format"] == NNR_TPL_PRUN


def _with_indexes(unit: Unit, names: list[str]) -> Values:
    """Return the values of a unit with indexes in place of tensor ids.

    An NNR_MPS gets the flag that says so.

    Args:
        unit: The unit, which is not changed.
        names: The reference list, with all ids of the unit.
    """
    header, payload = dict(unit.header), dict(unit.payload)
    if unit.unit_type == NNR_MPS:
        payload["mps_topology_indexed_reference_flag"] = 1
    elif unit.data_unit_header is not None and "topology_elements_ids_list" in header:
        header["topology_elements_ids_list"] = ids_list(unit.data_unit_header.ids, names)
    elif unit.data_unit_header is not None:
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
        StreamError: For a broken stream.
    """
    driver = Driver(stream, values=False)
    driver.run()
    return driver.context.reference_list or ()
