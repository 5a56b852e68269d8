"""Arguments about mutants.

They say which mutants no stream can distinguish from the decoder, and which only disputed or
inferred content can.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from nnc_conformance.faults.mutants.catalogue import all_mutants
from nnc_conformance.faults.mutants.code import edits_by_id
from nnc_conformance.faults.mutants.ids import normalized

FILE: Final = "equivalents.toml"
"""The file of the arguments, in this folder."""
CHANGE: Final = " => "
"""Separates the text before a change from the text after it."""
_NUMBER: Final = re.compile(r" \[(\d+)\]$")


class StaleArgumentError(ValueError):
    """An argument does not name exactly one mutant.

    Or it names a mutant that another argument names.
    """


@dataclass(frozen=True)
class Arguments:
    """Reasons by mutant id.

    Args:
        equivalent: Why no stream can tell the mutant from the decoder.
        uncertified: Why only a stream of another level than core and negative can.
    """

    equivalent: dict[str, str]
    uncertified: dict[str, str]


@cache
def arguments() -> Arguments:
    """Return the arguments of `FILE`.

    Raise `StaleArgumentError` that names every entry that fits no mutant, or is there twice.
    """
    text = resources.files("nnc_conformance.faults.mutants").joinpath(FILE).read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = {"equivalent": {}, "uncertified": {}}
    problems = []
    for entry in tomllib.loads(text)["because"]:
        for kind, reasons in found.items():
            for name in entry.get(kind, []):
                ids = mutants_named(name)
                if len(ids) != 1:
                    problems.append(f"{len(ids)} mutants fit {name!r}")
                elif any(ids[0] in others for others in found.values()):
                    problems.append(f"{name!r} is there twice")
                else:
                    reasons[ids[0]] = entry["reason"]
    if problems:
        raise StaleArgumentError(f"{FILE}: {'; '.join(problems)}")
    return Arguments(**found)


def mutants_named(name: str) -> list[str]:
    """Return the ids of the mutants that an entry names.

    It names them by id or as ``MODULE.FUNCTION: BEFORE => AFTER``.
    """
    if CHANGE not in name:
        return [name] if name in all_mutants() else []
    number = _NUMBER.search(name)
    function, _, change = _NUMBER.sub("", name).partition(": ")
    fitting = [mutant_id for mutant_id, module, own in _changes().get(function, ()) if own == _normalized(module, change)]
    return fitting[int(number[1]) - 1 : int(number[1])] if number is not None else fitting


def _normalized(module: str, change: str) -> str:
    before, _, after = change.partition(CHANGE)
    return normalized(module, before, after)


@cache
def _changes() -> dict[str, list[tuple[str, str, str]]]:
    """Return the mutants of code by function: id, module and change.

    The change is in a form that does not depend on names of variables.
    """
    found: dict[str, list[tuple[str, str, str]]] = {}
    for mutant_id, (mutant, _, _) in edits_by_id().items():
        change = normalized(mutant.module, mutant.before, mutant.after)
        found.setdefault(f"{mutant.module}.{mutant.function}", []).append((mutant_id, mutant.module, change))
    return found
