"""What is argued of mutants: which no stream can tell from the decoder, and which only one with disputed or inferred content can."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

FILE: Final = "equivalents.toml"


@dataclass(frozen=True)
class Arguments:
    """What is argued of mutants, by id: ``equivalent``, why no stream can tell; ``uncertified``, why only one of another level can."""

    equivalent: dict[str, str]
    uncertified: dict[str, str]


@cache
def arguments() -> Arguments:
    """The file's arguments; raises `ValueError` for an id that stands twice."""
    text = resources.files("nnc_conformance.faults.mutants").joinpath(FILE).read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = {"equivalent": {}, "uncertified": {}}
    for entry in tomllib.loads(text)["because"]:
        for kind, reasons in found.items():
            for mutant_id in entry.get(kind, []):
                if any(mutant_id in others for others in found.values()):
                    raise ValueError(f"{FILE} has {mutant_id} twice")
                reasons[mutant_id] = entry["reason"]
    return Arguments(**found)
