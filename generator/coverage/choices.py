"""The tool choices of a data unit: the factors, their values and their constraints.

Pairs and triples are counted over these. The goals, the covering arrays and the measure all read
this one table.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from string import ascii_letters
from typing import Final

import numpy as np

from nnc_conformance.generator.coverage.events import UNARY_CLASSES, unary_class
from nnc_conformance.generator.coverage.goals import GoalKind, GoalStanding, Key
from nnc_conformance.reference.entropy.coding import HIGHEST_SCAN_ORDER
from nnc_conformance.reference.quantization.reconstruction import DATA_FORMATS
from nnc_conformance.reference.syntax.structures.data_unit import BI, BN, DC, DEFAULT_UNARY_LENGTH, LS, PAYLOAD_TYPE_NAMES, DataUnitHeader
from nnc_conformance.reference.syntax.structures.topology import STORAGE_FORMAT_NAMES

Choice = Mapping[str, str]
"""A value for each factor."""

INT, FLOAT, RAW_FLOAT, BLOCK = PAYLOAD_TYPE_NAMES
NO, YES = "0", "1"
NONE: Final = "none"
STRING, INDEX, STRINGS, INDEXES = "string", "index", "list of strings", "list of indexes"
RAW, DEFLATE = "raw", "deflate"
STRUCTURED: Final = ("PRUN", "REFLIST")
FORMAT_NAMES: Final = tuple(name for name, _, _ in DATA_FORMATS)
PARAMETER_TYPES: Final = {"DC": DC, "LS": LS, "BN": BN, "BI": BI}
DEFAULT_UNARY: Final = f"{DEFAULT_UNARY_LENGTH} by default"

FACTORS: Final[dict[str, tuple[str, ...]]] = {
    "payload type": PAYLOAD_TYPE_NAMES,
    "scan_order": tuple(str(order) for order in range(HIGHEST_SCAN_ORDER + 1)),
    "dq_flag": (NO, YES),
    "codebook": (NO, YES),
    **dict.fromkeys(PARAMETER_TYPES, (NO, YES)),
    "qp_density": (NONE, *map(str, range(8))),
    "data format": (NONE, *FORMAT_NAMES),
    "id form": (STRING, INDEX, STRINGS, INDEXES),
    "topology": (NONE, *STORAGE_FORMAT_NAMES),
    "compression": (NONE, RAW, DEFLATE),
    "size flag": (NO, YES),
    "unary length": (DEFAULT_UNARY, *(unary_class(low) for low, _ in UNARY_CLASSES)),
}
"""Every factor with its values; the first is the simplest."""


@dataclass(frozen=True)
class Constraint:
    """A constraint on some factors.

    Args:
        factors: The factors that it binds.
        holds: Takes their values in this order; returns whether the constraint holds.
        standing: Standing of a choice that breaks it; None if no stream can have such a choice.
    """

    factors: tuple[str, ...]
    holds: Callable[..., bool]
    reason: str
    standing: GoalStanding | None = None


CONSTRAINTS: Final = (
    Constraint(("payload type", "dq_flag"), lambda kind, dq: kind != RAW_FLOAT or dq == NO, "NNR_PT_RAW_FLOAT has no dq_flag"),
    Constraint(
        ("payload type", "codebook"), lambda kind, book: kind in (FLOAT, BLOCK) or book == NO, "only NNR_PT_FLOAT and BLOCK have codebooks"
    ),
    Constraint(("payload type", "scan_order"), lambda kind, scan: kind != RAW_FLOAT or scan == "0", "NNR_PT_RAW_FLOAT is row-major"),
    Constraint(
        ("payload type", "qp_density"), lambda kind, qp: kind not in (FLOAT, BLOCK) or qp != NONE, "FLOAT and BLOCK need a qp in force"
    ),
    Constraint(
        ("payload type", *PARAMETER_TYPES), lambda kind, *parts: kind != BLOCK or YES in parts, "a BLOCK has two parts or more"
    ),
    Constraint(
        ("payload type", "id form"), lambda kind, form: kind != BLOCK or form in (STRINGS, INDEXES), "an NNR_PT_BLOCK has a list of ids"
    ),
    Constraint(("id form", "topology"), lambda form, tpl: form in (STRING, STRINGS) or tpl != NONE, "an index needs an NNR_TPL_REFLIST"),
    Constraint(("topology", "compression"), lambda tpl, packed: (tpl == NONE) == (packed == NONE), "what is compressed is the topology"),
    Constraint(
        ("topology", "compression"), lambda tpl, packed: tpl not in STRUCTURED or packed != DEFLATE, "only topology_data is deflated"
    ),
    Constraint(
        ("payload type", "id form"), lambda kind, form: kind == BLOCK or form in (STRING, INDEX),
        "a dimension mapping", GoalStanding.INFERRED,
    ),
    Constraint(
        ("payload type", "DC"), lambda kind, dc: kind == BLOCK or dc == NO, "dimensions of a G or H sent singly", GoalStanding.INFERRED
    ),
    Constraint(("topology",), lambda tpl: tpl != "PRUN", "the pruning container", GoalStanding.INFERRED),
    Constraint(("payload type", "dq_flag"), lambda kind, dq: kind != INT or dq == NO, "int_dq_flag", GoalStanding.DISPUTED),
    Constraint(
        ("payload type", "data format"), lambda kind, form: form in (NONE, "INT32" if kind == INT else "FLOAT32"),
        "data_format", GoalStanding.DISPUTED,
    ),
    Constraint(("topology",), lambda tpl: tpl in (NONE, "PRUN", "REFLIST"), "data_string", GoalStanding.DISPUTED),
)  # fmt: skip
"""Constraints in this order: impossible choices, inferred ones, disputed ones.

The reason of a disputed one names the switch.
"""

Constraints = tuple[Constraint, ...]
"""A table of constraints."""

ALLOWED_BY: Final = {
    GoalStanding.CERTIFIED: (None, GoalStanding.INFERRED, GoalStanding.DISPUTED),
    GoalStanding.DISPUTED: (None, GoalStanding.INFERRED),
    GoalStanding.INFERRED: (None,),
}
"""The constraints that a choice of each standing keeps, by their ``standing``."""


def keeps(choice: Choice, standing: GoalStanding, constraints: Constraints = CONSTRAINTS) -> bool:
    """Return whether a choice, which may be partial, breaks no constraint yet."""
    return _broken(choice, standing, constraints) is None


def _broken(choice: Choice, standing: GoalStanding, constraints: Constraints) -> Constraint | None:
    """Return the first constraint that a choice breaks; None if it breaks none.

    Args:
        choice: The value of each factor; factors may be absent.
        standing: Of the goal; it decides which constraints apply.
        constraints: The constraints.
    """
    for constraint in constraints:
        bound = constraint.standing in ALLOWED_BY[standing] and all(factor in choice for factor in constraint.factors)
        if bound and not constraint.holds(*(choice[factor] for factor in constraint.factors)):
            return constraint
    return None


@cache
def _tables(standing: GoalStanding, constraints: Constraints) -> tuple[tuple[tuple[str, ...], np.ndarray], ...]:
    """Return the constraints that bind choices of a standing, as truth tables.

    Each comes as factors and an int64 array with an axis for each factor, 1 where the values are
    allowed. Constraints over the same factors are merged into one table.
    """
    tables: dict[tuple[str, ...], np.ndarray] = {}
    for constraint in constraints:
        if constraint.standing in ALLOWED_BY[standing]:
            values = product(*(FACTORS[factor] for factor in constraint.factors))
            shape = tuple(len(FACTORS[factor]) for factor in constraint.factors)
            table = np.array([constraint.holds(*chosen) for chosen in values], np.int64).reshape(shape)
            tables[constraint.factors] = tables.get(constraint.factors, 1) * table
    return tuple(tables.items())


@cache
def completions(factors: tuple[str, ...], standing: GoalStanding, constraints: Constraints = CONSTRAINTS) -> np.ndarray:
    """Count the complete choices for each combination of values of some factors.

    A complete choice has a value for every factor (coding tool) and breaks no constraint of the
    standing. The count is exhaustive; the int64 array has one axis per factor.

    Args:
        factors: The factors whose values are combined.
        standing: Decides which constraints apply.
        constraints: The table of constraints.
    """
    letters = dict(zip(FACTORS, ascii_letters, strict=False))
    tables = [(("".join(letters[factor] for factor in bound)), table) for bound, table in _tables(standing, constraints)]
    tables += [(letters[factor], np.ones(len(values), np.int64)) for factor, values in FACTORS.items()]
    formula = f"{','.join(bound for bound, _ in tables)}->{''.join(letters[factor] for factor in factors)}"
    counts: np.ndarray = np.einsum(formula, *(table for _, table in tables), optimize="greedy")
    return counts


def standing_of(fixed: Choice, constraints: Constraints = CONSTRAINTS) -> GoalStanding | None:
    """Return the best standing of the whole choices that have these values.

    Returns None if there is no such choice.
    """
    factors = tuple(factor for factor in FACTORS if factor in fixed)
    place = tuple(FACTORS[factor].index(fixed[factor]) for factor in factors)
    return next((standing for standing in GoalStanding if completions(factors, standing, constraints)[place]), None)


def reason_of(fixed: Choice) -> str:
    """Return why the values make a choice disputed, inferred or impossible.

    These are the reasons of the constraints that every completion breaks.
    """
    standing = standing_of(fixed)
    wanted = {None: (None,), GoalStanding.DISPUTED: (GoalStanding.DISPUTED,), GoalStanding.INFERRED: (GoalStanding.INFERRED,)}.get(
        standing, ()
    )
    broken = [c for c in CONSTRAINTS if c.standing in wanted and _clash(c, fixed)]
    return "; ".join(dict.fromkeys(c.reason for c in broken)) or "the constraints taken together"


def _clash(constraint: Constraint, fixed: Choice) -> bool:
    """Return whether the fixed values leave a constraint no way to hold."""
    options = [(fixed[factor],) if factor in fixed else FACTORS[factor] for factor in constraint.factors]
    return not any(constraint.holds(*values) for values in product(*options))


def tuple_key(choice: Choice, factors: tuple[str, ...]) -> Key:
    """Return the goal of a pair or triple of values."""
    kind = GoalKind.PAIR if len(factors) == 2 else GoalKind.TRIPLE
    return Key(kind, " x ".join(factors), ", ".join(choice[factor] for factor in factors))


def tuple_keys(strength: int) -> Iterator[tuple[Key, dict[str, str]]]:
    """Yield every pair or triple of values of different factors, as goal and as mapping.

    The mapping has the values by factor.

    Args:
        strength: 2 for pairs, 3 for triples.
    """
    for factors in combinations(FACTORS, strength):
        for values in product(*(FACTORS[factor] for factor in factors)):
            chosen = dict(zip(factors, values, strict=True))
            yield tuple_key(chosen, factors), chosen


def keys_of(choice: Choice) -> Iterator[Key]:
    """Yield the pairs and triples that a whole choice holds."""
    for strength in (2, 3):
        for factors in combinations(FACTORS, strength):
            yield tuple_key(choice, factors)


@dataclass(frozen=True)
class Surroundings:
    """The facts outside its header on which a data unit's choices depend.

    These are flags of its unit, and the last topology before it.

    Attributes:
        size_flag: nnr_unit_size_flag of its unit, 0 or 1.
        indexed: Whether ids are indexes into a reference list.
        unary_length_present: Whether the unit codes cabac_unary_length.
        storage_format: topology_storage_format of the last topology; None without one.
        deflated: Whether that topology is compressed.
    """

    size_flag: int
    indexed: bool
    unary_length_present: bool
    storage_format: int | None
    deflated: bool


def choice_of(header: DataUnitHeader, around: Surroundings) -> dict[str, str]:
    """Return the choice of each tool in a data unit: the name of the choice by name of the tool.

    Args:
        header: The header of the unit, as decoded.
        around: What earlier units set for it, and the form of its unit header.
    """
    several = len(header.ids) > 1
    unary = unary_class(header.unary_length) if around.unary_length_present else DEFAULT_UNARY
    topology = around.storage_format
    return {
        "payload type": PAYLOAD_TYPE_NAMES[header.payload_type],
        "scan_order": str(header.scan_order),
        "dq_flag": str(int(header.dq_flag)),
        "codebook": str(int(header.codebook is not None)),
        **{name: str(int(bool(header.parameter_types & flag))) for name, flag in PARAMETER_TYPES.items()},
        "qp_density": NONE if header.quantization is None else str(header.quantization.qp_density),
        "data format": NONE if header.data_format is None else FORMAT_NAMES[header.data_format],
        "id form": ((INDEXES if around.indexed else STRINGS) if several else (INDEX if around.indexed else STRING)),
        "topology": NONE if topology is None else STORAGE_FORMAT_NAMES[topology],
        "compression": NONE if topology is None else (DEFLATE if around.deflated else RAW),
        "size flag": str(around.size_flag),
        "unary length": unary,
    }
