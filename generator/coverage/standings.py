"""Which goals rest on a disputed point or on an inferred fact: they have denominators of their own, and no part in a certificate.

A row is (kinds, subject, case, standing, why): regular expressions that match a goal's subject and case whole. The first row that matches
a goal decides. A goal that none matches is inferred where its registry row or its structure is, else certified.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from nnc_conformance.generator.coverage.goals import Key, Kind, Standing

ELEMENT, VALUE, BRANCH = Kind.ELEMENT, Kind.VALUE, Kind.BRANCH
CERTIFIED, DISPUTED, INFERRED = Standing

HEADER: Final = r"data_unit\.nnr_compressed_data_unit_header: "


@dataclass(frozen=True)
class StandingRow:
    """One row of the table."""

    kinds: tuple[Kind, ...]
    subject: str
    case: str
    standing: Standing
    why: str


ROWS: Final = tuple(
    StandingRow(*row)
    for row in (
        ((ELEMENT, VALUE), "performance map", ".*", DISPUTED, "map_entries"),
        ((VALUE,), "(mps|lps)_(sparsification|pruning|unification|decomposition_performance_map)_flag .*", "1", DISPUTED, "map_entries"),
        ((BRANCH,), r"parameter_sets\.performance_maps: .*", "true", DISPUTED, "map_entries"),
        ((BRANCH,), r"parameter_sets\.map_entries: .*", ".*", DISPUTED, "map_entries"),
        ((BRANCH,), r"parameter_sets\.\w+_performance_map: .*", ".*", DISPUTED, "map_entries"),
        ((ELEMENT, VALUE), "topology_data.*", ".*", DISPUTED, "data_string"),
        ((VALUE,), "quantization_data .*", "empty", DISPUTED, "data_string"),
        ((VALUE,), "quantization_compression_format .*", "1", DISPUTED, "data_string"),
        ((VALUE,), "topology_storage_format .*", "[0-4]", DISPUTED, "data_string"),
        ((VALUE,), "topology_storage_format .*", "5", INFERRED, "the pruning container"),
        ((VALUE,), "topology_compression_format .*", "1", DISPUTED, "data_string"),
        ((VALUE,), "lps_self_contained_flag .*", "1", INFERRED, "lps_self_contained_flag frees from the MPS"),
        ((VALUE,), "lps_quantization_method_flags .*", "[04]", INFERRED, "an LPS without a qp leaves the MPS's in force"),
        ((BRANCH,), r"parameter_sets\.nnr_layer_parameter_set: if methods.*", "false", INFERRED,
         "an LPS without a qp leaves the MPS's in force"),
        ((BRANCH,), r"topology\.nnr_topology_unit_payload: if storage == NNR_TPL_PRUN", "true", INFERRED, "the pruning container"),
        ((BRANCH,), r"topology\.nnr_topology_unit_payload: if storage == NNR_TPL_REFLIST", "false", DISPUTED, "data_string"),
        ((VALUE,), "nnr_decompressed_data_format .*", "[2-9]", DISPUTED, "data_format"),
        ((VALUE,), "(tensor_dimensions_flag|input_parameters_present_flag) .*", "0", DISPUTED, "data_string: dimensions from a topology"),
        ((BRANCH,), f"{HEADER}(if input_present|if dimensions_flag|operand of if: dimensions_flag)", "false", DISPUTED,
         "data_string: dimensions from a topology"),
        ((BRANCH,), f"{HEADER}if not dimensions_flag", "true", DISPUTED, "data_string: dimensions from a topology"),
        ((BRANCH,), f"{HEADER}choose by decomposed", ".*", DISPUTED, "data_string: dimensions from a topology"),
        ((VALUE,), "partial_data_counter .*", "[^0].*", INFERRED, "how partial data is joined"),
        ((BRANCH,), r"unit\.check_counter: if context\.partial is None", "false", INFERRED, "how partial data is joined"),
        ((BRANCH,), r"unit\.nnr_unit_payload: if partial\.next_counter >= 0", "true", INFERRED, "how partial data is joined"),
        ((BRANCH,), r"unit\.nnr_unit_payload: for \(.*\) in partial\.pieces", "several times", INFERRED, "how partial data is joined"),
        ((VALUE,), "nnr_unit_type .*", "6", INFERRED, "NNR_AGG"),
        ((BRANCH,), r"unit\.\w+: if unit_type == NNR_AGG", "true", INFERRED, "NNR_AGG"),
        ((BRANCH,), r"unit\.check_order: if context\.depth", "true", INFERRED, "NNR_AGG"),
        ((BRANCH,), r"unit\.nnr_aggregate_unit_payload: .*", ".*", INFERRED, "NNR_AGG"),
        ((BRANCH,), f"{HEADER}(if payload_type != NNR_PT_BLOCK and multiple|operand of if: multiple)( #2)?", "true", INFERRED,
         "a dimension mapping"),
        ((BRANCH,), r"data_unit\.check_decomposition: (if is_block and g_rows > 0|operand of if: is_block)", "false", INFERRED,
         "dimensions of a G or H sent singly"),
        ((BRANCH,), f"{HEADER}if mapping is not None", "true", INFERRED, "a dimension mapping"),
        ((BRANCH,), r"data_unit\.check_mapping: .*", ".*", INFERRED, "a dimension mapping"),
        ((BRANCH,), f"{HEADER}(if parameter_types & DC and codebook_present|operand of if: codebook_present)", "true", INFERRED,
         "which of the two codebooks belongs to G"),
    )
)  # fmt: skip


@cache
def _compiled() -> tuple[tuple[StandingRow, re.Pattern[str], re.Pattern[str]], ...]:
    return tuple((row, re.compile(row.subject), re.compile(row.case)) for row in ROWS)


def standing_row(key: Key, structure: str = "") -> StandingRow | None:
    """The first row that matches a goal; elements of a performance map are also matched by the subject ``performance map``."""
    for row, subject, case in _compiled():
        in_map = row.subject == "performance map" and structure.endswith("_performance_map")
        if key.kind in row.kinds and (in_map or subject.fullmatch(key.subject)) and case.fullmatch(key.case):
            return row
    return None
