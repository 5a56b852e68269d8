"""Recipes of negative vectors: streams that break exactly one rule."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.composition import opening
from nnc_conformance.generator.editing import StreamEdit
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe, SessionRecipe, StepUnits
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.contexts import NO_LIMIT, QP_DELTA, context_layout
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT
from nnc_conformance.reference.entropy.tables import STATE_TRANS_TAB
from nnc_conformance.reference.syntax.elements import clause_of
from nnc_conformance.reference.syntax.rules import RULES, Provenance
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level


def broken(
    rule: str,
    name: str,
    *,
    title: str,
    catches: str,
    element: str,
    units: Callable[[Numbers], list[Values]] | list[Values] | None = None,
    edit: StreamEdit | None = None,
    level: Level | None = None,
) -> Recipe:
    """Build the recipe of a vector that breaks ``rule``.

    Args:
        rule: The rule's name in `RULES`.
        name: The end of the vector's id, after ``bad-`` and the rule.
        title: The vector's title.
        catches: The faults that the vector detects.
        element: The element at fault; its clause becomes the vector's.
        units: The units or a function that makes them; None for a small good stream.
        edit: A change to the written bytes.
        level: The vector's level; by default negative, or inferred if the rule is inferred.
    """
    made = (lambda _: [*opening(), small()]) if units is None else units if callable(units) else lambda _: units
    described = _described(rule, name, title=title, catches=catches, element=element)
    return Recipe(**described | ({} if level is None else {"level": level}), units=made, edit=edit, rule=rule)


def _described(rule: str, name: str, *, title: str, catches: str, element: str) -> dict[str, Any]:
    """Return the fields of a recipe that breaks ``rule``: id, texts, clause and level."""
    row = RULES[rule]
    return {
        "id": f"bad-{rule}-{name}",
        "title": title,
        "tests": f"The stream breaks one rule, and no other: {row.condition.partition(';')[0]}.",
        "catches": catches,
        "clauses": (clause_of(element),),
        "level": Level.INFERRED if row.provenance is Provenance.INFERRED else Level.NEGATIVE,
    }


def broken_session(
    rule: str,
    name: str,
    *,
    title: str,
    catches: str,
    element: str,
    steps: Callable[[Numbers], list[StepUnits]] | list[StepUnits],
    edit: StreamEdit | None = None,
) -> SessionRecipe:
    """Build the recipe of a session whose last stream breaks ``rule``.

    The arguments are those of `broken`.
    """
    made = steps if callable(steps) else lambda _: steps
    return SessionRecipe(**_described(rule, name, title=title, catches=catches, element=element), steps=made, edit=edit, rule=rule)


def codeword(
    quants: list[int],
    unary_length: int = 10,
    *,
    qp_delta_bits: int = 0,
    dq_flag: bool = False,
    limits: tuple[int, int] = (NO_LIMIT, NO_LIMIT),
) -> bytes:
    """Encode one tensor, even if it cannot be decoded.

    Nothing is checked, so that indexes may exceed int32 and the limits of a codebook.

    Args:
        quants: The indexes, row-major, before any doubling.
        unary_length: cabac_unary_length.
        qp_delta_bits: Bits of a qp_delta of 0; 0 for an INT, which has none.
        dq_flag: Whether there is dependent quantization.
        limits: Largest magnitudes of a negative and a positive index by which contexts are laid
            out.
    """
    layout = context_layout(dq_flag, unary_length, limits=limits)
    registers: npt.NDArray[np.int64] = np.zeros(plain.REGISTERS, np.int64)
    payload = np.zeros(64 + 16 * len(quants), np.uint8)
    coder = plain.new_coder(DEFAULT, layout, registers, payload)
    plain.initialise(coder, plain.ENCODE)
    if qp_delta_bits:
        plain.iae_v(coder, QP_DELTA, qp_delta_bits, 0)
    plain.shift_parameter_ids(coder, layout)
    state = previous = 0
    for quant in quants:
        plain.quant_param(coder, layout, state, previous, 0, quant)
        state = STATE_TRANS_TAB[state][quant & 1] if dq_flag else 0
        previous = 0 if quant == 0 else 1 if quant < 0 else 2
    plain.code_terminate(coder)
    return payload[: (int(registers[plain.POSITION]) + 7) // 8].tobytes()
