"""nnr_unit(): size, header and payload of a unit (clause 6).

Also its effect on later units.
"""

from dataclasses import dataclass
from typing import Final

from nnc_conformance.reference.syntax.context import PartialSet, StreamContext
from nnc_conformance.reference.syntax.structures.aggregate import AggregateHeader, nnr_aggregate_unit_header
from nnc_conformance.reference.syntax.structures.data_unit import (
    DataUnitHeader,
    nnr_compressed_data_unit_header,
    nnr_compressed_data_unit_payload,
)
from nnc_conformance.reference.syntax.structures.parameter_sets import (
    nnr_layer_parameter_set,
    nnr_layer_parameter_set_unit_header,
    nnr_model_parameter_set,
    nnr_start_unit_header,
)
from nnc_conformance.reference.syntax.structures.topology import (
    nnr_quantization_unit_header,
    nnr_quantization_unit_payload,
    nnr_topology_unit_header,
    nnr_topology_unit_payload,
)
from nnc_conformance.reference.syntax.walker import Values, Walker

NNR_STR: Final = 0
NNR_MPS: Final = 1
NNR_LPS: Final = 2
NNR_TPL: Final = 3
NNR_QNT: Final = 4
NNR_NDU: Final = 5
NNR_AGG: Final = 6
UNKNOWN_TYPE: Final = "unknown"
"""Name of a unit's type until it is read."""
UNIT_TYPE_NAMES: Final = ("NNR_STR", "NNR_MPS", "NNR_LPS", "NNR_TPL", "NNR_QNT", "NNR_NDU", "NNR_AGG")


def unit_type_name(unit_type: int) -> str:
    """Return the name of an nnr_unit_type; ``reserved N`` for one without a name."""
    return UNIT_TYPE_NAMES[unit_type] if unit_type < len(UNIT_TYPE_NAMES) else f"reserved {unit_type}"  # branch: unit-type.known


Facts = DataUnitHeader | AggregateHeader | None
"""The header of a data unit or an aggregate, resolved against the stream so far; None for units of
other types.
"""


@dataclass(frozen=True)
class Unit:
    """One unit as read.

    Args:
        number: Number in the stream from 0; an aggregate comes before the units in it.
        unit_type: nnr_unit_type.
        offset: First byte in the stream.
        size: Size in bytes.
        header: Values of the nnr_unit_header().
        payload: Values of the nnr_unit_payload().
        complete: False for partial data with more to come.
        payload_pieces: (first byte in the payload, bit in the stream) of each piece; one piece
            unless data was partial.
        facts: The resolved header of an NNR_NDU or NNR_AGG.
        units: The units in an aggregate.
    """

    number: int
    unit_type: int
    offset: int
    size: int
    header: Values
    payload: Values
    complete: bool
    payload_pieces: tuple[tuple[int, int], ...]
    facts: Facts = None
    units: tuple["Unit", ...] = ()

    @property
    def data_unit_header(self) -> DataUnitHeader | None:
        """The header of a complete NNR_NDU; None for any other unit."""
        return self.facts if self.complete and isinstance(self.facts, DataUnitHeader) else None

    def stream_bit(self, bit: int) -> int:
        """Return the bit of the stream at which a bit of the payload stands."""
        first, start = next(piece for piece in reversed(self.payload_pieces) if 8 * piece[0] <= bit)
        return start + bit - 8 * first


def nnr_unit(w: Walker, context: StreamContext, index: int) -> Unit:
    """Code an nnr_unit(), the ``index``-th of the bitstream or of its aggregate; return it."""
    number, start = context.units, w.position
    context.units += 1
    w.unit, w.unit_type = number, UNKNOWN_TYPE
    with w.structure("nnr_unit", index, "unit-size-end"):
        size_flag = w.u("nnr_unit_size_flag", 1)
        size = w.u("nnr_unit_size", 31 if size_flag else 15)  # branch: unit-size.31-bits
        w.require("limits", number < context.limits.units, f"more than {context.limits.units} units")
        with w.unit_bounds(size, start):
            with w.structure("nnr_unit_header", overrun_rule="header-in-unit") as header:
                unit_type, facts = nnr_unit_header(w, context, header)
            payload_start = w.position
            with w.structure("nnr_unit_payload", overrun_rule="header-in-unit") as payload:
                units, complete, pieces = nnr_unit_payload(w, context, unit_type, header, facts)
            left = w.bytes_left()
            w.require("payload-end", left == 0, f"{left} bytes after the payload", "nnr_unit_size")
    size = (w.position - start) >> 3
    return Unit(number, unit_type, start >> 3, size, header, payload, complete, pieces or ((0, payload_start),), facts, units)


def nnr_unit_header(w: Walker, context: StreamContext, header: Values) -> tuple[int, Facts]:
    """Code nnr_unit_header(); return the unit's type and its resolved header."""
    unit_type = w.u("nnr_unit_type", 6)
    w.unit_type = unit_type_name(unit_type)
    w.require("unit-type", unit_type < len(UNIT_TYPE_NAMES), f"nnr_unit_type is {unit_type}")
    check_order(w, context, unit_type)
    w.u("independently_decodable_flag", 1)
    if w.u("partial_data_counter_present_flag", 1):  # branch: unit-header.partial-data
        check_counter(w, context, unit_type, w.u("partial_data_counter", 8))
    else:
        w.require("partial-order", context.partial is None, "a unit within an unfinished set of partial data")
    facts: Facts = None
    if unit_type == NNR_STR:  # branch: unit-header.NNR_STR
        nnr_start_unit_header(w, context)
    elif unit_type == NNR_LPS:  # branch: unit-header.NNR_LPS
        nnr_layer_parameter_set_unit_header(w, context)
    elif unit_type == NNR_TPL:  # branch: unit-header.NNR_TPL
        nnr_topology_unit_header(w)
    elif unit_type == NNR_QNT:  # branch: unit-header.NNR_QNT
        nnr_quantization_unit_header(w)
    elif unit_type == NNR_NDU:  # branch: unit-header.NNR_NDU
        facts = nnr_compressed_data_unit_header(w, context)
    elif unit_type == NNR_AGG:  # branch: unit-header.NNR_AGG
        facts = nnr_aggregate_unit_header(w, context)
    return unit_type, facts


def check_order(w: Walker, context: StreamContext, unit_type: int) -> None:
    """Check that NNR_STR comes first and once, NNR_MPS once, and aggregates stay shallow.

    An aggregate holds no aggregate and no NNR_STR. Broken rules go to ``w.require``, which raises
    or reports them. Sets ``context.str_seen``.
    """
    first = context.str_seen or unit_type == NNR_STR
    w.require("first-unit", first, f"the first unit is {unit_type_name(unit_type)}")
    if context.depth:  # branch: unit-order.in-aggregate
        w.require("aggregate-nest", unit_type not in (NNR_STR, NNR_AGG), f"an aggregate holds {unit_type_name(unit_type)}")
    elif unit_type == NNR_STR:  # branch: unit-order.NNR_STR
        w.require("str-once", not context.str_seen, "a second NNR_STR")
    context.str_seen = True
    again = unit_type == NNR_MPS and context.mps_seen and context.partial is None
    w.require("mps-once", not again, "a second NNR_MPS")
    w.require("limits", context.depth <= context.limits.depth, f"aggregates deeper than {context.limits.depth}")


OWN_TO_A_PIECE: Final = ("independently_decodable_flag", "partial_data_counter")
"""Header elements in which the units of a set of partial data may differ."""


def check_counter(w: Walker, context: StreamContext, unit_type: int, counter: int) -> None:
    """Check that partial_data_counter falls by one to 0 within a set.

    A set has units of one type.

    A unit outside a set opens one.
    """
    if context.partial is None:  # branch: partial-data.begins
        context.partial = PartialSet(unit_type, {}, counter)
    partial = context.partial
    w.require("partial-order", unit_type == partial.unit_type, f"a set of {unit_type_name(partial.unit_type)} goes on with another type")
    w.require("partial-order", counter == partial.next_counter, f"partial_data_counter is {counter}, {partial.next_counter} is due")


def nnr_unit_payload(
    w: Walker, context: StreamContext, unit_type: int, header: Values, facts: Facts
) -> tuple[tuple[Unit, ...], bool, tuple[tuple[int, int], ...]]:
    """Code nnr_unit_payload().

    Return the units of an aggregate, whether the data is complete, and (first byte in the payload,
    bit in the stream) of each piece of joined partial data.
    """
    partial = context.partial
    if partial is None:  # branch: partial-data.none
        return typed_payload(w, context, unit_type, header, facts), True, ()
    # branch: partial-data.header (compared)
    same = {name: value for name, value in header.items() if name not in OWN_TO_A_PIECE}
    partial.header = partial.header or same
    w.require("partial-order", partial.header == same, "a header differs from that of the set's first unit", "partial_data_counter")
    start = w.position
    partial.pieces.append((w.bs("partial_data"), start))
    partial.next_counter -= 1
    if partial.next_counter >= 0:  # branch: partial-data.continues
        return (), False, ()
    context.partial = None
    joined, places = b"".join(data for data, _ in partial.pieces), []  # branch: partial-data.joined
    first = 0
    for data, bit in partial.pieces:  # branch: partial-data.located
        places.append((first, bit))
        first += len(data)
    with w.joined(joined, tuple(places)) as inner:
        units = typed_payload(inner, context, unit_type, header, facts)
        left = inner.bytes_left()
        inner.require("payload-end", left == 0, f"{left} bytes after the joined payload", "partial_data")
    return units, True, tuple(places)


def typed_payload(w: Walker, context: StreamContext, unit_type: int, header: Values, facts: Facts) -> tuple[Unit, ...]:
    """Code the payload of a unit by its type; return the units of an aggregate."""
    if unit_type == NNR_MPS:  # branch: unit-payload.NNR_MPS
        nnr_model_parameter_set(w, context)
    elif unit_type == NNR_LPS:  # branch: unit-payload.NNR_LPS
        nnr_layer_parameter_set(w, context)
    elif unit_type == NNR_TPL:  # branch: unit-payload.NNR_TPL
        nnr_topology_unit_payload(w, context, header)
    elif unit_type == NNR_QNT:  # branch: unit-payload.NNR_QNT
        nnr_quantization_unit_payload(w, context, header)
    elif unit_type == NNR_NDU:  # branch: unit-payload.NNR_NDU
        assert isinstance(facts, DataUnitHeader)
        nnr_compressed_data_unit_payload(w, facts)
    elif unit_type == NNR_AGG:  # branch: unit-payload.NNR_AGG
        assert isinstance(facts, AggregateHeader)
        return nnr_aggregate_unit_payload(w, context, facts)
    elif unit_type != NNR_STR:  # branch: unit-payload.reserved-type
        w.bs("skipped_unit_data")
    return ()


def nnr_aggregate_unit_payload(w: Walker, context: StreamContext, facts: AggregateHeader) -> tuple[Unit, ...]:
    """Code and return the units of an aggregate.

    Check that its entry points are their starts.
    """
    origin, number, unit_type = w.position, w.unit, w.unit_type
    context.depth += 1
    units, starts = [], []
    for i in range(facts.units):  # branch: aggregate-payload.units
        starts.append((w.position - origin) >> 3)
        units.append(nnr_unit(w, context, i))
    context.depth -= 1
    w.unit, w.unit_type = number, unit_type
    found = tuple(zip((unit.unit_type for unit in units), starts, strict=True))  # branch: aggregate-payload.unit-types
    agree = facts.entry_points in (None, found)
    w.require("aggregate-entry", agree, f"entry points {facts.entry_points} but the units are {found}", "nnr_unit_entry_point")
    return tuple(units)
