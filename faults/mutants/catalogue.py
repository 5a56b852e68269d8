"""All mutants by id, and those that the score counts."""

import hashlib
from collections import defaultdict
from functools import cache
from typing import Final

from nnc_conformance.faults.mutants.code import edits_by_id
from nnc_conformance.faults.mutants.mutant import Mutant, Operator
from nnc_conformance.faults.mutants.named.catalogue import named_mutants
from nnc_conformance.faults.mutants.values import values_by_id
from nnc_conformance.reference.syntax.elements import FIRST_EDITION

PER_CLASS: Final = 1
"""Number of mutants of each operator in each function that the score counts, except for
`PER_RARE_CLASS`.
"""
PER_RARE_CLASS: Final[dict[str, int]] = {Operator.ROUNDING: 3, Operator.SHIFT: 3, Operator.SIGN: 3, Operator.CONTEXT: 20}
"""The same number for operators that apply to few functions, but there to several places."""


@cache
def all_mutants() -> dict[str, Mutant]:
    """Return every mutant by id, the same on every machine.

    Those of code come first, in the order of its source, then those of numbers, then the named
    faults.
    """
    code = {mutant_id: mutant for mutant_id, (mutant, _, _) in edits_by_id().items()}
    return code | {mutant_id: made.mutant for mutant_id, made in values_by_id().items()} | named_mutants()


@cache
def mutants(edition: int = FIRST_EDITION) -> dict[str, Mutant]:
    """Return the mutants that the score of an edition counts.

    Each edition has its own. These are all mutants of tables and constants, all named faults, and a
    sample of the mutants of code: of each operator in each function the `PER_CLASS` (or
    `PER_RARE_CLASS`) whose ids have the least SHA-256. A change of one statement therefore leaves
    the rest of the sample as it is.
    """
    classes: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for mutant_id, (mutant, _, _) in edits_by_id().items():
        if mutant.edition == edition:
            classes[mutant.module, mutant.function, mutant.operator].append(mutant_id)
    chosen = {name for key, ids in classes.items() for name in sorted(ids, key=_hash)[: PER_RARE_CLASS.get(key[2], PER_CLASS)]}
    counted = {name: mutant for name, mutant in all_mutants().items() if mutant.edition == edition}
    return {name: mutant for name, mutant in counted.items() if name in chosen or name not in edits_by_id()}


def _hash(mutant_id: str) -> str:
    return hashlib.sha256(mutant_id.encode()).hexdigest()
