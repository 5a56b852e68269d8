"""The rules for valid streams.

They also say what a decoder does with a stream that breaks one.

The standard defines the output of conforming streams only; the policy is this project's. ``must``:
the stream has no output that could be meant, a decoder refuses it. ``may``: refusing, and giving
exactly the lenient output, both pass.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from nnc_conformance.reference.errors import Category, Place, StreamError


class Provenance(StrEnum):
    """The source of a fact. V: an independent decoder does so on real streams; P: published; I:
    inferred, never certified.
    """

    VERIFIED = "V"
    PUBLISHED = "P"
    INFERRED = "I"
    OWN = "-"


class Policy(StrEnum):
    """The required reaction of a decoder to a stream that breaks the rule."""

    MUST = "must"
    MAY = "may"


@dataclass(frozen=True)
class Rule:
    """One row of the registry; ``condition``: what holds in a valid stream."""

    id: str
    clause: str
    condition: str
    policy: Policy
    category: Category
    provenance: Provenance
    edition: int = 2022


def _rule(row: str) -> Rule:
    rule_id, clause, condition, policy, category, source = (cell.strip() for cell in row.split("|"))
    return Rule(rule_id, clause, condition, Policy(policy), Category(category), Provenance(source))


_ROWS: Final = """
unit-size-min | 6 | nnr_unit_size covers its own field and header | must | size | V
unit-size-end | 6 | a unit ends within the stream | must | truncated | V
header-in-unit | 6 | every header element lies within its unit | must | truncated | V
string-end | 6 | st(v) has its zero byte within the unit | must | truncated | V
string-utf8 | 6 | st(v) is UTF-8 | must | text | V
unit-type | 6 | nnr_unit_type is 0..6; else skipped whole when lenient | may | reserved | P
first-unit | 6 | the first unit is NNR_STR | may | order | P
profile | 6 | general_profile_idc is 0 or 1; read as 0 when lenient | may | unsupported | P
mps-first | 6 | an NNR_MPS comes before the first NNR_NDU | must | order | V
mps-once | 6 | one NNR_MPS (a later one replaces it when lenient) | may | order | V
str-once | 6 | one NNR_STR | may | order | V
index-list | 6 | an indexed reference has a REFLIST before it | must | reference | V
index-range | 6 | topology_elem_id_index is below the list's length | must | reference | V
id-unique | 6 | no parameter is coded twice (the later wins when lenient) | may | reference | I
storage-format | 6 | a storage format is 0..6 (its data is kept as UNREC when lenient) | may | reserved | I
compression-format | 6 | a compression format is 0..1 | must | reserved | I
rep-type | 6 | nnr_rep_type is 0..1 | must | reserved | I
payload-type | 6 | nnr_compressed_data_unit_payload_type is 0..3 | must | reserved | V
data-format | 6 | nnr_decompressed_data_format is 0..9 | must | reserved | P
scan-order | 6 | scan_order is 0..4 | must | reserved | V
reserved-bits | 6 | reserved bits are zero; ignored when lenient | may | reserved | P
alignment-one | 6 | byte_alignment's first bit is 1; ignored when lenient | may | alignment | V
alignment-zero | 6 | byte_alignment's other bits are 0; ignored when lenient | may | alignment | I
dims-count | 6 | count_tensor_dimensions is at least 1 where tensor_dimensions_flag is 1 | must | dimension | I
dims-zero | 6 | no dimension is 0 (an empty tensor when lenient) | may | dimension | I
dims-product | 6 | the product of the dimensions fits the limits | must | limit | -
dims-absent | 6 | dimensions are given, or follow from a topology | must | dimension | V
qp-in-force | 6 | a FLOAT or BLOCK has a qp in force (MPS or LPS with QSU or QCB) | must | reference | V
block-vectors | 6 | in a BLOCK, LS, BN, BI need dim 0 | must | dimension | V
block-ids | 6 | a BLOCK lists exactly the ids that compressed_parameter_types asks for | must | reference | V
rank | 6 | decomposition_rank and g_number_of_rows are at least 1, g_number_of_rows divides the product of the dims | must | dimension | P
golomb-length | 6 | an exp-Golomb suffix has at most 63 bits | must | value | I
codebook-size | 6 | codebook_size is at least 1; CbZeroOffset lies in it | must | value | V
codebook-index | 9 | k + CbZeroOffset lies in the codebook for every index | must | value | V
codebook-range | 6 | codebook values fit int32 | must | value | I
prefix | 10 | at most 31 prefix bins of 1; the index fits int32 | must | entropy | P
interval | 10 | IvlOffset is below IvlCurrRange | must | entropy | I
terminate | 10 | the terminate bin is 1 after the last tensor | must | entropy | V
cabac-end | 10 | the codeword does not read past the unit | must | truncated | V
stop-bits | 10 | stop bit 1, then zeros; ignored when lenient | may | alignment | V
payload-end | 6 | no bytes after the payload; ignored when lenient | may | size | V
entry-points | 10 | entry points agree with sequential decoding; ignored when lenient (sequential output) | may | entropy | V
raw-size | 6 | RAW_FLOAT has 4 bytes an element | must | truncated | V
format-range | 6 | every value fits the decompressed format | must | value | I
deflate | 6 | a deflated topology inflates whole, within the limit | must | topology | P
partial-order | 6 | partial_data_counter falls by one to 0 within a set of units of one type | must | order | P
aggregate-nest | 6 | an aggregate holds no aggregate and no NNR_STR | may | order | I
aggregate-type | 6 | nnr_aggregate_unit_type is 0; ignored when lenient | may | reserved | I
mapping-absent | 6 | several elements in a unit that is no BLOCK have a dimension mapping | must | reference | I
mapping | 6 | split indexes rise below the axis, the axis and shift indexes are below the number of dimensions | must | dimension | I
aggregate-entry | 6 | entry points of an aggregate lie on unit starts | may | size | I
map-count | 6 | map counts and class counts fit their unit | must | truncated | V
map-entries | 6 | under the disputed reading of count - 1 entries a map's count is at least 1 | must | value | P
limits | - | units, depth, bytes and wall time stay within the decoder's limits | must | limit | -
"""

_ROWS_2024: Final = """
mps-reserved | 6 | the reserved bits behind nnr_pre_flag are zero; ignored when lenient | may | reserved | V
parent-type | 6 | parent_node_id_type is 0..2 | must | reserved | V
parent-node | 6 | a parent id of type 0 stands in a unit with a node id, where the switch parent_without_node_id says so | must | value | P
parent-id | 6 | the parent id names a known node, where the switch parent_id says so | must | reference | I
tca-parent | 6 | TCA has a known parent: same tensor, device_id, parameter_id and size, put_node_depth one less | must | reference | V
tca-raw | 6 | temporal_context_modeling_flag is 0 in a RAW_FLOAT; ignored when lenient | may | value | I
update-base | 6 | a unit with a parent finds a tensor of the same name, shape and type in the base model | must | reference | I
update-order | 6 | put_node_depth rises by 1 along a chain of updates | must | order | I
update-sum | 6 | the sum of an integer tensor and its update fits int32 | must | value | I
hdsp-history | 10 | HDSP is on only where all earlier updates of the tensor are known | must | reference | I
cb-limit | 10 | an index before doubling lies within its codebook | must | value | V
codebook-dq | 6 | no codebook together with dq_flag, where the switch codebook_dq says so | must | value | I
shift | 6 | first_tensor_dimension_shift is below count_tensor_dimensions, where the switch dimension_shift says so | must | dimension | I
"""

RULES: Final[dict[str, Rule]] = {
    **{rule.id: rule for rule in map(_rule, _ROWS.strip().splitlines())},
    **{rule.id: replace(rule, edition=2024) for rule in map(_rule, _ROWS_2024.strip().splitlines())},
}
"""All rules by id."""


def stream_error(rule: str, place: Place, detail: str) -> StreamError:
    """Return the error for a broken rule of the registry.

    Args:
        rule: Id of the rule.
        place: Where the stream breaks it.
        detail: What was found there.

    Raises `KeyError` for an unknown rule.
    """
    return StreamError(rule, RULES[rule].category, place, detail)


class Enforcement:
    """Decides what becomes of broken rules in one decode.

    Owns the reports of those it forgives.

    A strict decoder raises the error of every broken rule. A lenient one raises it if the rule's
    policy is ``must``; otherwise it keeps the error as a report.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        self.lenient = lenient
        self._reports: list[StreamError | Enforcement] = []

    def enforce(self, error: StreamError) -> None:
        """Raise the error of a broken rule, or keep it as a report.

        It is kept if this is lenient and the rule's policy is ``may``.
        """
        if RULES[error.rule].policy is Policy.MUST or not self.lenient:
            try:
                raise error
            finally:
                del error  # Its traceback holds this frame: a cycle would keep the decoded tensors.
        self._reports.append(error)

    def section(self) -> "Enforcement":
        """Return an enforcement for work that is done later, as in a thread.

        Its reports stand here in the order of the stream.
        """
        section = Enforcement(lenient=self.lenient)
        self._reports.append(section)
        return section

    @property
    def reports(self) -> tuple[StreamError, ...]:
        """The forgiven errors in the order of the stream."""
        forgiven: list[StreamError] = []
        for report in self._reports:
            forgiven.extend((report,) if isinstance(report, StreamError) else report.reports)
        return tuple(forgiven)
