"""NNR_AGG: the header of an aggregate unit [I] (clause 6)."""

from dataclasses import dataclass
from typing import Final

from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.walker import Walker

NNR_AGG_GEN: Final = 0
"""The value of nnr_aggregate_unit_type for an aggregate without a special meaning."""


@dataclass(frozen=True)
class AggregateHeader:
    """Number of units in an aggregate, and their entry points, None if absent.

    An entry point is (nnr_unit_type, byte offset from the first byte of the payload).
    """

    units: int
    entry_points: tuple[tuple[int, int], ...] | None


def nnr_aggregate_unit_header(w: Walker, context: StreamContext) -> AggregateHeader:
    """Code the header of an NNR_AGG [I]; return its number of units and entry points."""
    kind = w.u("nnr_aggregate_unit_type", 8)
    w.require("aggregate-type", kind == NNR_AGG_GEN, f"nnr_aggregate_unit_type is {kind}")
    present = w.u("entry_points_present_flag", 1)
    w.reserved(7)
    count = w.u("num_of_nnr_units_minus2", 16) + 2
    entry_points = None
    if present:  # branch: aggregate-header.entry-points
        points = []
        for i in range(count):  # branch: aggregate-header.entry-points-listed
            with w.structure("nnr_unit_entry", i):
                points.append((w.u("nnr_unit_type", 6), w.u("nnr_unit_entry_point", 34)))
        entry_points = tuple(points)
    for i in range(count):  # branch: aggregate-header.unit-codings
        with w.structure("nnr_unit_coding", i):
            w.u("quant_bitdepth", 5)
            if context.unification:  # branch: aggregate-header.unification
                w.u("ctu_scan_order", 1)
    w.byte_alignment()
    return AggregateHeader(count, entry_points)
