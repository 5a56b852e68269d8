"""Goals that rest on a disputed point or an inferred fact.

They have denominators of their own, and no part in a certificate. The first row that has a goal
decides. A goal that no row has is inferred if its registry row or its structure is, else certified.
Branches go by their labels (`reference.syntax.branches`), never by their source.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

from nnc_conformance.generator.coverage.classes import classes_of
from nnc_conformance.generator.coverage.goals import GoalKind, GoalStanding, Key
from nnc_conformance.reference.syntax.elements import ELEMENTS

CERTIFIED, DISPUTED, INFERRED = GoalStanding


@dataclass(frozen=True)
class StandingRow:
    """Goals that have a standing in common.

    Args:
        standing: disputed or inferred.
        why: the disputed point, or the inferred fact.
        elements: syntax elements.
        values: the value classes of these elements; if empty, all of them, and the elements themselves.
        branches: labels of branches; one that ends with a dot stands for all that begin with it.
        sides: the sides of these branches; if empty, all of them.
    """

    standing: GoalStanding
    why: str
    elements: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    sides: tuple[str, ...] = ()

    def has(self, key: Key) -> bool:
        """Return whether a goal is one of those whose standing this row states."""
        if key.kind is GoalKind.BRANCH:
            named = key.subject in self.branches or any(key.subject.startswith(name) for name in self.branches if name.endswith("."))
            return named and (not self.sides or key.case in self.sides)
        if key.kind not in (GoalKind.ELEMENT, GoalKind.VALUE) or key.subject.partition(" ")[0] not in self.elements:
            return False
        return not self.values or (key.kind is GoalKind.VALUE and key.case in self.values)


_IN_MAPS: Final = tuple(row.name for row in ELEMENTS.values() if row.structure.endswith("_performance_map"))
_MAP_FLAGS: Final = (
    "mps_sparsification_flag", "mps_pruning_flag", "mps_unification_flag", "mps_decomposition_performance_map_flag",
    "lps_sparsification_flag", "lps_pruning_flag", "lps_unification_flag",
)  # fmt: skip
_FROM_TOPOLOGY: Final = "data_string: dimensions from a topology"
_PARTIAL: Final = "how partial data is joined"
_NO_QP: Final = "an LPS without a qp leaves the MPS's in force"
_MAPPING: Final = "a dimension mapping"
_DIGEST: Final = "a parent named by the digest of its payload"

ROWS: Final = (
    StandingRow(DISPUTED, "map_entries", elements=_IN_MAPS, branches=("map.",)),
    StandingRow(DISPUTED, "map_entries", elements=_MAP_FLAGS, values=("1",), branches=("maps.",), sides=("true",)),
    StandingRow(DISPUTED, "data_string", elements=("topology_data",)),
    StandingRow(DISPUTED, "data_string", elements=("quantization_data",), values=("empty",)),
    StandingRow(DISPUTED, "data_string", elements=("quantization_compression_format", "topology_compression_format"), values=("1",)),
    StandingRow(DISPUTED, "data_string", elements=("topology_storage_format",), values=("0", "1", "2", "3", "4")),
    StandingRow(DISPUTED, "data_string", branches=("topology.reference-list",), sides=("false",)),
    StandingRow(INFERRED, "the pruning container", elements=("topology_storage_format",), values=("5",)),
    StandingRow(INFERRED, "the pruning container", branches=("topology.pruning-container",), sides=("true",)),
    StandingRow(INFERRED, "lps_self_contained_flag frees from the MPS", elements=("lps_self_contained_flag",), values=("1",)),
    StandingRow(INFERRED, _NO_QP, elements=("lps_quantization_method_flags",), values=("0", "4")),
    StandingRow(INFERRED, _NO_QP, branches=("lps.quantization",), sides=("false",)),
    StandingRow(DISPUTED, "data_format", elements=("nnr_decompressed_data_format",), values=tuple("23456789")),
    StandingRow(DISPUTED, _FROM_TOPOLOGY, elements=("tensor_dimensions_flag", "input_parameters_present_flag"), values=("0",)),
    StandingRow(
        DISPUTED, _FROM_TOPOLOGY, sides=("false",),
        branches=("ndu.input-parameters", "ndu.dimensions-coded", "ndu.scan-order: dimensions coded"),
    ),
    StandingRow(DISPUTED, _FROM_TOPOLOGY, branches=("ndu.dimensions-from-topology",), sides=("true",)),
    StandingRow(DISPUTED, _FROM_TOPOLOGY, branches=("ndu.dimensions-of-decomposed",)),
    StandingRow(INFERRED, _PARTIAL, elements=("partial_data_counter",), values=("1", "2..254", "255")),
    StandingRow(INFERRED, _PARTIAL, branches=("partial-data.begins",), sides=("false",)),
    StandingRow(INFERRED, _PARTIAL, branches=("partial-data.continues",), sides=("true",)),
    StandingRow(INFERRED, _PARTIAL, branches=("partial-data.joined", "partial-data.located"), sides=("several times",)),
    StandingRow(INFERRED, "NNR_AGG", elements=("nnr_unit_type",), values=("6",)),
    StandingRow(
        INFERRED, "NNR_AGG", branches=("unit-header.NNR_AGG", "unit-payload.NNR_AGG", "unit-order.in-aggregate"), sides=("true",)
    ),
    StandingRow(INFERRED, "NNR_AGG", branches=("aggregate-payload.",)),
    StandingRow(
        INFERRED, _MAPPING, sides=("true",),
        branches=(
            "ndu.mapping-coded", "ndu.mapping-coded: several ids", "ndu.mapping-required", "ndu.mapping-required: several ids",
            "ndu.mapping",
        ),
    ),
    StandingRow(INFERRED, _MAPPING, branches=("mapping-check.",)),
    StandingRow(
        DISPUTED, "dimension_shift", elements=("first_tensor_dimension_shift",),
        values=tuple(label for label in classes_of("first_tensor_dimension_shift", "ue(1)").labels if label != "0"),
    ),
    StandingRow(DISPUTED, "pre", elements=("nnr_pre_flag",), values=("1",)),
    StandingRow(DISPUTED, "parent_without_node_id", branches=("2024.parent-without-node",), sides=("true",)),
    StandingRow(DISPUTED, _FROM_TOPOLOGY, branches=("2024.dimensions-of-base",), sides=("false",)),
    StandingRow(INFERRED, _DIGEST, elements=("parent_node_id_type",), values=("1", "2")),
    StandingRow(INFERRED, _DIGEST, branches=("2024.parent-by-node",), sides=("false",)),
    StandingRow(INFERRED, _DIGEST, branches=("2024.parent-by-sha256",)),
    StandingRow(
        INFERRED, "dimensions of a G or H sent singly", sides=("false",),
        branches=("decomposition.of-block", "decomposition.of-block: block"),
    ),
)  # fmt: skip


@cache
def standing_row(key: Key) -> StandingRow | None:
    """Return the first row that has a goal; None if no row has it."""
    return next((row for row in ROWS if row.has(key)), None)
