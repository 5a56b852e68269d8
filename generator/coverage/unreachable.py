"""Goals that no good stream meets within core's budget: each with its reason, and the proof that `proofs` or `costs` runs again."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from nnc_conformance.generator.coverage import proofs
from nnc_conformance.generator.coverage.costs import beyond_budget
from nnc_conformance.generator.coverage.goals import Key, Kind
from nnc_conformance.generator.coverage.proofs import Proof

ELEMENT, VALUE, BRANCH, CONTEXT, EVENT = Kind.ELEMENT, Kind.VALUE, Kind.BRANCH, Kind.CONTEXT, Kind.EVENT


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


def beyond_means(key: Key) -> str:
    """Why the least value of an integer class, in magnitude, costs too much; empty where it does not."""
    if key.kind is not VALUE or not re.fullmatch(r"-?\d+(\.\.-?\d+)?", key.case):
        return ""
    return beyond_budget(key.subject.partition(" ")[0], min(abs(int(end)) for end in key.case.split("..")))


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


@cache
def reason_for(key: Key) -> str:
    """Why a goal cannot be met, proved now; empty where it can."""
    return beyond_means(key) or next((row.reason for row in TABLE if row.matches(key) and row.proof(key)), "")
