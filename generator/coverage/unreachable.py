"""Goals that no good stream of a sensible size meets: each with its reason, and the proof that `proofs` runs again."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from nnc_conformance.generator.coverage import proofs
from nnc_conformance.generator.coverage.goals import Key, Kind
from nnc_conformance.generator.coverage.proofs import Proof

ELEMENT, VALUE, BRANCH, CONTEXT, EVENT = Kind.ELEMENT, Kind.VALUE, Kind.BRANCH, Kind.CONTEXT, Kind.EVENT

MOST_DIMENSIONS: Final = 32
MOST_ELEMENTS: Final = 1 << 14
MOST_LISTED: Final = 1 << 13
MOST_RANK: Final = 1 << 11
MOST_UNITS: Final = 1 << 12
MOST_ROW_BITS: Final = 1 << 16
MOST_BYTES: Final = 1 << 20

BOUNDS: Final[dict[str, tuple[int, str]]] = {
    "nnr_unit_size": (MOST_BYTES, "bytes in a unit"),
    "tensor_dimensions": (MOST_ELEMENTS, "elements in a tensor"),
    "count_tensor_dimensions": (MOST_DIMENSIONS, "dimensions, as many as NumPy 1 holds"),
    "decomposition_rank": (MOST_RANK, "columns of G"),
    "g_number_of_rows": (MOST_RANK, "rows of G"),
    "codebook_size": (MOST_LISTED, "values in a codebook"),
    "codebook_centre_offset": (MOST_LISTED >> 1, "values on one side of a codebook's middle"),
    "count_topology_elements_minus2": (MOST_LISTED, "ids in a list"),
    "topology_elem_id_index": (MOST_LISTED, "ids in a reference list"),
    "topology_elem_id_index_list": (MOST_LISTED, "ids in a reference list"),
    "element_id_index": (MOST_LISTED, "ids in a reference list"),
    "bit_offset_delta1": (MOST_ROW_BITS, "bits in a block row"),
    "bit_offset_delta2": (MOST_ROW_BITS, "bits in a block row"),
    "count_reshaped_tensor_dimension": (MOST_LISTED, "dimensions in a map's entry"),
    "count_dims": (MOST_LISTED, "dimensions of a pruned element"),
    "count_bits": (MOST_BYTES, "bits in a mask"),
    "concatentation_axis_index": (MOST_DIMENSIONS - 1, "is the last of 32 dimensions"),
    "split_index": (MOST_ELEMENTS, "is the last index of the longest axis"),
    "number_of_shifts": (MOST_LISTED, "shifts of a tensor"),
    "shift_index": (MOST_DIMENSIONS - 1, "is the last of 32 dimensions"),
    "shift_value": (MOST_DIMENSIONS - 1, "places are all that the last of 32 dimensions can move"),
    "num_of_nnr_units_minus2": (MOST_UNITS, "units in an aggregate"),
    "nnr_unit_entry_point": (MOST_BYTES, "bytes in an aggregate"),
}
"""The highest value of elements whose value costs bytes, memory or work in proportion: no vector goes beyond it."""


@dataclass(frozen=True)
class Unreachable:
    """Goals that match, why they cannot be met, and the proof of it for one of them."""

    kinds: tuple[Kind, ...]
    subject: str
    case: str
    reason: str
    proof: Proof

    def matches(self, key: Key) -> bool:
        """Whether a goal is one of these."""
        return key.kind in self.kinds and bool(re.fullmatch(self.subject, key.subject) and re.fullmatch(self.case, key.case))


def beyond_bound(key: Key) -> bool:
    """The least value of the class, in magnitude, lies beyond the element's bound."""
    bound = BOUNDS.get(key.subject.partition(" ")[0])
    return key.kind is VALUE and bound is not None and bool(re.match(r"-?\d", key.case)) and _least(key.case) > bound[0]


def _least(case: str) -> int:
    ends = [int(end) for end in case.split("..")]
    return min(map(abs, ends))


_LIST: Final = proofs.at_least_two("topology", "topology_elements_ids_list")
_AGGREGATE: Final = proofs.at_least_two("aggregate", "nnr_aggregate_unit_header")
_NONE_OR_ONE: Final = "0 times|once"

TABLE: Final = (
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
    Unreachable((ELEMENT, VALUE), "skipped_unit_data.*", ".*", "reserved unit types are refused", proofs.unit_type_refused),
    Unreachable((BRANCH,), r"unit\.unit_type_name: .*", "false", "reserved unit types are refused", proofs.unit_type_refused),
    Unreachable((BRANCH,), r"unit\.typed_payload: if unit_type != NNR_STR", "true", "reserved unit types are refused",
                proofs.unit_type_refused),
    Unreachable((BRANCH,), r"[\w.]+: if w\.interpretation\.\w+ is .*", "false", "the default interpretation settles it",
                proofs.settled_by_default),
    Unreachable((BRANCH,), r"[\w.]+: choose by by_count", "false", "the default interpretation settles it", proofs.settled_by_default),
    Unreachable((BRANCH,), r"topology\.referenced: choose by .*", "false", "rule index-range", proofs.required_before),
    Unreachable((BRANCH,), r"data_unit\.codebook: choose by .*", "false", "rule codebook-range", proofs.required_before),
    Unreachable((BRANCH,), r"data_unit\.check_mapping: choose by .*", "false", "rule mapping", proofs.required_before),
    Unreachable((BRANCH,), r"data_unit\.check_decomposition: operand of if: g_rows > 0", "false", "rule rank", proofs.required_before),
    Unreachable((BRANCH,), r"data_unit\.nnr_compressed_data_unit_header: for .*", "0 times", "rule dims-count", proofs.dimensions_required),
    Unreachable((BRANCH,), r"data_unit\.entry_point_list: for dimensions in .*", "0 times", "there is a matrix", proofs.always_a_matrix),
    Unreachable((BRANCH,), r"data_unit\.entry_point_list: where dimensions\[0\]", "false", "no dimension is 0", proofs.always_a_matrix),
    Unreachable((BRANCH,), r"topology\.topology_elements_ids_list: for .*", _NONE_OR_ONE, "a list has two ids or more", _LIST),
    Unreachable((VALUE,), "topology_elem_id_(index_)?list array", "one entry", "a list has two ids or more", _LIST),
    Unreachable((BRANCH,), r"data_unit\.topology_tensor_dimension_mapping: for i in range\(tensors - 1\)", "0 times",
                "a list has two ids or more", _LIST),
    Unreachable((BRANCH,), r"data_unit\.topology_tensor_dimension_mapping: for i in range\(tensors\)", _NONE_OR_ONE,
                "a list has two ids or more", _LIST),
    Unreachable((BRANCH,), r"data_unit\.check_mapping: for (\(a, b\)|shifts) in .*", _NONE_OR_ONE, "a list has two ids or more", _LIST),
    Unreachable((BRANCH,), r"aggregate\.nnr_aggregate_unit_header: for .*", _NONE_OR_ONE, "an aggregate has two units or more", _AGGREGATE),
    Unreachable((BRANCH,), r"unit\.nnr_aggregate_unit_payload: for .*", _NONE_OR_ONE, "an aggregate has two units or more", _AGGREGATE),
    Unreachable((BRANCH,), r"unit\.nnr_unit_payload: for \(name, value\) in .*", _NONE_OR_ONE, "a header has several elements",
                proofs.header_has_more),
    Unreachable((BRANCH,), r"unit\.nnr_unit_payload: for \(.*\) in partial\.pieces", "0 times", "it has a piece", proofs.appended_before),
)  # fmt: skip
"""What cannot be met. A row whose proof fails for a goal does not hold for it: the goal stays reachable."""


def _rows(key: Key) -> Iterator[tuple[str, Proof]]:
    if beyond_bound(key):
        most, what = BOUNDS[key.subject.partition(" ")[0]]
        yield f"beyond what vectors hold: {most} {what}", beyond_bound
    yield from ((row.reason, row.proof) for row in TABLE if row.matches(key))


@cache
def reason_for(key: Key) -> str:
    """Why a goal cannot be met, proved now; empty where it can."""
    return next((reason for reason, proof in _rows(key) if proof(key)), "")
