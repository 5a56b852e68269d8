"""Which vectors a run takes: levels and filters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage.package import unpacked_suite
from nnc_conformance.storage.suite_folder import Suite, built_in_root, load_suite
from nnc_conformance.storage.vector import Level, Vector

DEFAULT_LEVELS: Final = (Level.CORE, Level.NEGATIVE)


class SelectionError(NNCError):
    """A filter cannot be read, or nothing is left to run."""


FILTER_KEYS: Final[dict[str, Callable[[Vector], tuple[str, ...]]]] = {
    "id": lambda vector: (vector.id,),
    "clause": lambda vector: vector.clauses,
    "flag": lambda vector: vector.flags,
    "level": lambda vector: (vector.level,),
    "element": lambda vector: vector.elements,
}
"""What a filter can look at; of several values one that matches is enough."""


@dataclass(frozen=True)
class Filter:
    """``KEY=GLOB``, or ``!KEY=GLOB`` for the vectors without."""

    key: str
    glob: str
    negated: bool

    def __str__(self) -> str:
        return f"{'!' * self.negated}{self.key}={self.glob}"

    def takes(self, vector: Vector) -> bool:
        """Says whether ``vector`` stays."""
        return any(fnmatchcase(value, self.glob) for value in FILTER_KEYS[self.key](vector)) is not self.negated


def parse_filter(text: str) -> Filter:
    """Reads a filter; raises `SelectionError`."""
    key, equals, glob = text.removeprefix("!").partition("=")
    if not equals or key not in FILTER_KEYS:
        raise SelectionError(f"the filter {text!r} is not KEY=GLOB or !KEY=GLOB with a KEY of {', '.join(FILTER_KEYS)}")
    return Filter(key, glob, text.startswith("!"))


def select(root: Path | None, levels: Sequence[Level] = DEFAULT_LEVELS, filters: Sequence[Filter] = (), *, verify: bool = True) -> Suite:
    """Loads the vectors of ``levels`` that every filter takes, from a suite folder, a package or (None) the built-in suite.

    Raises `SuiteError` where the suite is not whole, and `SelectionError` where no vector is left: a run of nothing shows nothing.
    """

    def takes(vector: Vector) -> bool:
        return vector.level in levels and all(chosen.takes(vector) for chosen in filters)

    if root is not None and root.is_file():
        suite = unpacked_suite(root, takes)
    else:
        suite = load_suite(built_in_root() if root is None else root, levels=set(levels), verify=verify)
        suite = replace(suite, vectors=tuple(stored for stored in suite.vectors if takes(stored.vector)))
    if not suite.vectors:
        chosen = "".join(f" and {chosen}" for chosen in filters)
        raise SelectionError(f"no vector of level {', '.join(levels)}{chosen} is in the suite")
    return suite
