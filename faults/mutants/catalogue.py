"""All mutants by id: those that the score counts, and every other that can be made."""

import hashlib
from collections import defaultdict
from functools import cache
from typing import Final

from nnc_conformance.faults.mutants.code import edits_by_id
from nnc_conformance.faults.mutants.mutant import Mutant, Operator
from nnc_conformance.faults.mutants.named_mutants import named_mutants
from nnc_conformance.faults.mutants.values import values_by_id

PER_CLASS: Final = 1
"""Mutants of each operator in each function that the score counts, but for `PER_RARE_CLASS`."""
PER_RARE_CLASS: Final[dict[str, int]] = {Operator.ROUNDING: 3, Operator.SHIFT: 3, Operator.SIGN: 3, Operator.CONTEXT: 20}
"""Operators that find a place in few functions, and there in several."""


@cache
def all_mutants() -> dict[str, Mutant]:
    """Every mutant that can be made, by id, in the order of the modules and their sources, then the named faults; the same everywhere."""
    code = {mutant_id: mutant for mutant_id, (mutant, _, _) in edits_by_id().items()}
    return code | {mutant_id: made.mutant for mutant_id, made in values_by_id().items()} | named_mutants()


@cache
def mutants() -> dict[str, Mutant]:
    """The mutants that the score counts: of the code, for each operator in each function, the `PER_CLASS` (of a rare operator,
    those of `PER_RARE_CLASS`) whose ids have the least hashes; of tables, constants and named faults, all.
    """
    classes: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for mutant_id, (mutant, _, _) in edits_by_id().items():
        classes[mutant.module, mutant.function, mutant.operator].append(mutant_id)
    chosen = {name for key, ids in classes.items() for name in sorted(ids, key=_hash)[: PER_RARE_CLASS.get(key[2], PER_CLASS)]}
    return {name: mutant for name, mutant in all_mutants().items() if name in chosen or name not in edits_by_id()}


def _hash(mutant_id: str) -> str:
    return hashlib.sha256(mutant_id.encode()).hexdigest()
