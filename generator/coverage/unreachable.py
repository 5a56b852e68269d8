"""Goals that no good stream meets within core's budget.

Each has its reason, and a proof of `proofs` or `costs` that runs again.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from nnc_conformance.generator.coverage import proofs
from nnc_conformance.generator.coverage.costs import beyond_budget
from nnc_conformance.generator.coverage.goals import GoalKind, Key
from nnc_conformance.generator.coverage.proofs import Proof

ELEMENT, VALUE, CONTEXT, EVENT = GoalKind.ELEMENT, GoalKind.VALUE, GoalKind.CONTEXT, GoalKind.EVENT


@dataclass(frozen=True)
class Unreachable:
    """Goals of elements and of the coder that cannot be met.

    They are regular expressions of subjects and cases, the reason, and the proof for one goal.
    """

    kinds: tuple[GoalKind, ...]
    subject: str
    case: str
    reason: str
    proof: Proof

    def has(self, key: Key) -> bool:
        """Return whether a goal belongs to this row."""
        return key.kind in self.kinds and bool(re.fullmatch(self.subject, key.subject) and re.fullmatch(self.case, key.case))


@dataclass(frozen=True)
class UnreachableSides:
    """Sides of branches, by their labels, that cannot be met.

    It has the reason, and the proof for one of them.
    """

    branches: tuple[str, ...]
    sides: tuple[str, ...]
    reason: str
    proof: Proof

    def has(self, key: Key) -> bool:
        """Return whether a goal belongs to this row."""
        return key.kind is GoalKind.BRANCH and key.subject in self.branches and key.case in self.sides


def beyond_means(key: Key) -> str:
    """Return why no committed vector can afford a value of an integer class.

    The least magnitude of the class decides. Return an empty string if one can.
    """
    if key.kind is not VALUE or not re.fullmatch(r"-?\d+(\.\.-?\d+)?", key.case):
        return ""
    return beyond_budget(key.subject.partition(" ")[0], min(abs(int(end)) for end in key.case.split("..")))


_LIST: Final = proofs.at_least_two("ids.indexes")
_AGGREGATE: Final = proofs.at_least_two("aggregate-header.entry-points-listed")
_TWO_IDS: Final = "a list has two ids or more"
_TWO_UNITS: Final = "an aggregate has two units or more"
_NONE: Final = ("0 times",)
_NONE_OR_ONE: Final = ("0 times", "once")
_FALSE: Final = ("false",)

TABLE: Final[tuple[Unreachable | UnreachableSides, ...]] = (
    Unreachable((EVENT,), r"renormalisation, [ML]PS", r"\d+ bits?", "no entry of lps_range_table leaves such a range",
                proofs.never_renormalised),
    Unreachable((EVENT,), r"byte fetch, renormalisation", r"\d+ bits?, .*", "no entry of lps_range_table leaves such a range",
                proofs.never_renormalised),
    Unreachable((EVENT,), r"(prefix|bypass) run", "31", "the index would not fit int32", proofs.prefix_too_long),
    Unreachable((CONTEXT,), r"abs_level_greater_x2\[30\]", "set ., high", "the index would not fit int32", proofs.last_prefix_context),
    Unreachable((VALUE,), r"abs_remainder uae_v\(31\)", ".*", "the index would not fit int32", proofs.remainder_too_long),
    Unreachable((VALUE,), "cabac_codeword .*", "empty|one byte", "a codeword has 9 bits at least", proofs.codeword_too_short),
    Unreachable((VALUE,), "bit_offset_delta1 .*", "0", "the first bin after a forced range renormalises", proofs.row_without_bits),
    Unreachable((VALUE,), "nnr_unit_size .*", "[01]", "the unit would end within its size field", proofs.size_too_small),
    Unreachable((VALUE,), "nnr_unit_entry_point .*", "1", "the unit before would end within its size field", proofs.size_of_one),
    Unreachable((VALUE,), "topology_elem_id_(index_)?list array", "one entry", _TWO_IDS, _LIST),
    Unreachable((ELEMENT, VALUE), "skipped_unit_data.*", ".*", "reserved unit types are refused", proofs.unit_type_refused),
    UnreachableSides(("unit-type.known",), _FALSE, "reserved unit types are refused", proofs.unit_type_refused),
    UnreachableSides(("unit-payload.reserved-type",), ("true",), "reserved unit types are refused", proofs.unit_type_refused),
    UnreachableSides(("map.entries-as-counted", "data-string.to-the-end", "map.unification.classes-by-count"), _FALSE,
                     "the default interpretation settles it", proofs.settled_by_default),
    UnreachableSides(("reference.in-range",), _FALSE, "rule index-range", proofs.required_before),
    UnreachableSides(("codebook.in-range",), _FALSE, "rule codebook-range", proofs.required_before),
    UnreachableSides(("mapping-check.axis-exists",), _FALSE, "rule mapping", proofs.required_before),
    UnreachableSides(("decomposition.of-block: rows",), _FALSE, "rule rank", proofs.required_before),
    UnreachableSides(("ndu.dimensions",), _NONE, "rule dims-count", proofs.times_required),
    UnreachableSides(("entry-points.matrices",), _NONE, "there is a matrix", proofs.always_a_matrix),
    UnreachableSides(("entry-points.matrices: rows",), _FALSE, "no dimension is 0", proofs.always_a_matrix),
    UnreachableSides(("ids.indexes", "ids.strings"), _NONE_OR_ONE, _TWO_IDS, _LIST),
    UnreachableSides(("mapping.splits",), _NONE, _TWO_IDS, _LIST),
    UnreachableSides(("mapping.tensors", "mapping-check.ends", "mapping-check.tensors"), _NONE_OR_ONE, _TWO_IDS, _LIST),
    UnreachableSides(("aggregate-header.entry-points-listed", "aggregate-header.unit-codings"), _NONE_OR_ONE, _TWO_UNITS, _AGGREGATE),
    UnreachableSides(("aggregate-payload.units", "aggregate-payload.unit-types"), _NONE_OR_ONE, _TWO_UNITS, _AGGREGATE),
    UnreachableSides(("partial-data.header",), _NONE_OR_ONE, "a header has several elements", proofs.header_has_more),
    UnreachableSides(("partial-data.joined", "partial-data.located"), _NONE, "it has a piece", proofs.appended_before),
)  # fmt: skip
"""Goals that cannot be met.

A row whose proof fails for a goal does not apply to it: the goal stays reachable.
"""


@cache
def reason_for(key: Key) -> str:
    """Return why a goal cannot be met, proved now; empty if it can."""
    return beyond_means(key) or next((row.reason for row in TABLE if row.has(key) and row.proof(key)), "")
