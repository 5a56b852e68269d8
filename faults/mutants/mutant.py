"""A mutant: the reference decoder with one seeded bug."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nnc_conformance.faults.mutants.fault import NamedFault
from nnc_conformance.reference.syntax.elements import ELEMENTS, FIRST_EDITION
from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.storage.vector import Level

Span = tuple[str, int, int]
"""A module below the reference, with the first and last line of a part of its source."""


class Operator(StrEnum):
    """Class of a mutant: how its code differs from the decoder's."""

    COMPARISON = "comparison"
    CONDITION = "condition"
    RULE = "rule"
    ARITHMETIC = "arithmetic"
    SHIFT = "shift"
    SIGN = "sign"
    OFF_BY_ONE = "off-by-one"
    DROPPED_TERM = "dropped-term"
    CONTEXT = "context"
    DEFAULT = "default"
    ORDER = "order"
    ROUNDING = "rounding"
    DESCRIPTOR = "descriptor"
    DROPPED_STATEMENT = "dropped-statement"
    CONSTANT = "constant"
    TABLE = "table"
    NAMED = "named"


MEANINGS: Final[dict[Operator, str]] = {
    Operator.COMPARISON: "a comparison includes its bound, excludes it, or is reversed",
    Operator.CONDITION: "a condition of the syntax is negated, or one of its parts is missing",
    Operator.RULE: "a rule of the registry is not checked",
    Operator.ARITHMETIC: "another operation: plus for minus, or for and",
    Operator.SHIFT: "a shift in the other direction, or by one bit more or less",
    Operator.SIGN: "a sign is lost",
    Operator.OFF_BY_ONE: "a number is one more or one less",
    Operator.DROPPED_TERM: "a term or factor is missing",
    Operator.CONTEXT: "another context is chosen for a bin",
    Operator.DEFAULT: "an absent element, or a variable at first, has another value",
    Operator.ORDER: "two consecutive things change places",
    Operator.ROUNDING: "another rounding, precision or byte order",
    Operator.DESCRIPTOR: "an element is read with another descriptor",
    Operator.DROPPED_STATEMENT: "a statement is missing",
    Operator.CONSTANT: "a constant of the standard has another value",
    Operator.TABLE: "an entry of a table has another value, or two change places",
    Operator.NAMED: "a fault in several places at once, or of its own kind, written by hand",
}
"""Description of each class."""

UNCERTIFIED_FUNCTIONS: Final[dict[str, tuple[str, ...]]] = {
    "an aggregate is inferred": ("nnr_aggregate_unit_header", "nnr_aggregate_unit_payload"),
    "the pruning container is inferred": ("nnr_pruning_topology_container", "pruned_element", "bit_mask"),
    "a dimension mapping is inferred": ("topology_tensor_dimension_mapping", "check_mapping", "mapped"),
    "what a data format does is disputed": ("convert", "to_integers", "exact_products", "DATA_FORMATS"),
    "how partial data is joined is inferred": ("check_counter", "Reader.joined", "nnr_unit_payload"),
    "how many entries a performance map has is disputed": (
        "map_entries", "performance_maps", "sparsification_performance_map", "pruning_performance_map", "unification_performance_map",
        "decomposition_performance_map",
    ),
    "the descriptor of topology_data and quantization_data is disputed": (
        "nnr_topology_unit_header", "nnr_quantization_unit_header", "nnr_topology_unit_payload", "nnr_quantization_unit_payload",
        "payload_rules", "inflate", "OpenedData.open_quantization", "OpenedData._inflated", "Driver._take",
    ),
}  # fmt: skip
"""Functions and tables that implement facts which no certified vector may rest on, by these facts.
"""

UNCERTIFIED_ELEMENTS: Final = frozenset(
    {
        "nnr_decompressed_data_format", "lps_self_contained_flag", "topology_data", "topology_storage_format",
        "topology_compression_format", "quantization_data", "quantization_storage_format", "quantization_compression_format",
        "partial_data", "partial_data_counter",
    }
)  # fmt: skip
"""Elements that certified streams may hold although what they mean is disputed or inferred."""


class MutantKind(StrEnum):
    """How a mutant is put in force.

    By a function's code, by edited source, by a module's constant, or by tables.
    """

    CODE = "code"
    TEXT = "text"
    CONSTANT = "constant"
    TABLE = "table"


@dataclass(frozen=True)
class Mutant:
    """The reference decoder with one bug.

    Args:
        id: ``MODULE.FUNCTION:OPERATOR-HASH`` for code (see `ids`), ``MODULE.NAME:OPERATOR-...`` for
            a number, or a named fault's name.
        kind: How it is put in force.
        module: The module below ``nnc_conformance.reference``.
        function: Qualified name of the function, or name of the constant or table.
        operator: Its class.
        lines: Lines one of which is executed if the bug matters; empty if every decode meets it.
        before: The statement or text as it is.
        after: The statement or text with the bug.
        elements: The syntax elements that it concerns, the one it concerns most first.
        clause: Clause and structure of the first element.
        fault: The named fault, if it is one.
        edition: The edition whose streams show it: 2022, or 2024 if only those of the second do.
    """

    id: str
    kind: MutantKind
    module: str
    function: str
    operator: Operator
    lines: tuple[Span, ...]
    before: str
    after: str
    elements: tuple[str, ...]
    clause: str
    fault: NamedFault | None = None
    edition: int = FIRST_EDITION

    @property
    def element(self) -> str:
        """The syntax element that the mutant concerns most."""
        return self.elements[0]

    @property
    def certified(self) -> bool:
        """Whether the bug is in facts that a certified vector may rest on.

        These are neither disputed nor inferred.
        """
        if self.fault is not None:
            return self.fault.level is Level.CORE
        if self.element in UNCERTIFIED_ELEMENTS or ELEMENTS[self.element].provenance is Provenance.INFERRED:
            return False
        return all(self.function not in names for names in UNCERTIFIED_FUNCTIONS.values())
