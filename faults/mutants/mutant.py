"""A mutant: the reference decoder with one seeded bug."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nnc_conformance.faults.mutants.fault import NamedFault
from nnc_conformance.reference.syntax.elements import ELEMENTS
from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.storage.vector import Level

Span = tuple[str, int, int]
"""A module below the reference, with the first and last of some lines of its source."""


class Operator(StrEnum):
    """The class of a seeded bug."""

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
    Operator.COMPARISON: "a comparison takes in its bound, leaves it out, or is turned round",
    Operator.CONDITION: "a condition of the syntax is turned round, or one of its parts is missing",
    Operator.RULE: "a rule of the registry is not checked",
    Operator.ARITHMETIC: "another operation: plus for minus, and for or",
    Operator.SHIFT: "a shift to the other side, or by one bit more or less",
    Operator.SIGN: "a sign is lost",
    Operator.OFF_BY_ONE: "a number is one more or one less",
    Operator.DROPPED_TERM: "a term or factor is missing",
    Operator.CONTEXT: "another context is chosen for a bin",
    Operator.DEFAULT: "an element that is absent, or a variable at its start, has another value",
    Operator.ORDER: "two things that follow each other change places",
    Operator.ROUNDING: "another rounding, precision or byte order",
    Operator.DESCRIPTOR: "an element is read with another descriptor",
    Operator.DROPPED_STATEMENT: "something is not done",
    Operator.CONSTANT: "a constant of the standard has another value",
    Operator.TABLE: "an entry of a table has another value, or two have changed places",
    Operator.NAMED: "what decoders get wrong in several places at once, or in their own way: told by hand, one by one",
}
"""What a mutant of each class does wrong."""

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
        "payload_rules", "inflate", "Driver._open_quantization", "Driver._inflated", "Driver._take",
    ),
}  # fmt: skip
"""Functions and tables on whose facts no certified vector may rest, with what those are."""

UNCERTIFIED_ELEMENTS: Final = frozenset(
    {
        "nnr_decompressed_data_format", "lps_self_contained_flag", "topology_data", "topology_storage_format",
        "topology_compression_format", "quantization_data", "quantization_storage_format", "quantization_compression_format",
        "partial_data", "partial_data_counter",
    }
)  # fmt: skip
"""Elements of which only the certified levels' streams know that they are there: what they do is disputed or inferred."""


class MutantKind(StrEnum):
    """How a mutant is put in force: by a function's code, by text of functions, by a module's constant, or by the tables given."""

    CODE = "code"
    TEXT = "text"
    CONSTANT = "constant"
    TABLE = "table"


@dataclass(frozen=True)
class Mutant:
    """One seeded bug.

    ``id``: MODULE.FUNCTION:OPERATOR-N (or MODULE.NAME:OPERATOR-N), N counting those of the operator in it, or a named fault's name;
    ``module``: below ``nnc_conformance.reference``; ``function``: its qualified name, or the constant's or table's; ``lines``: those one
    of which runs when the bug matters, empty where every decode meets it; ``before`` and ``after``: the statement, or the text;
    ``elements``: the syntax elements that it concerns, the one that it concerns most first; ``clause``: the clause and structure of that;
    ``fault``: the named fault, if it is one.
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

    @property
    def element(self) -> str:
        """The syntax element that it concerns most."""
        return self.elements[0]

    @property
    def certified(self) -> bool:
        """Whether the bug is in facts that a certified vector may rest on: neither disputed nor inferred."""
        if self.fault is not None:
            return self.fault.level is Level.CORE
        if self.element in UNCERTIFIED_ELEMENTS or ELEMENTS[self.element].provenance is Provenance.INFERRED:
            return False
        return all(self.function not in names for names in UNCERTIFIED_FUNCTIONS.values())
