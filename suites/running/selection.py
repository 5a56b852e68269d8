"""Selection of the vectors of a run by levels and filters."""

import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage.package import Package, unpacked_suite
from nnc_conformance.storage.suite_folder import Suite, built_in_root, load_suite
from nnc_conformance.storage.targets import targets_of
from nnc_conformance.storage.vector import EDITIONS, AnyVector, Edition, Level
from nnc_conformance.suites.results.result import DecoderIdentity

DEFAULT_LEVELS: Final = (Level.CORE, Level.NEGATIVE)
ON_DEMAND: Final = (Level.STRESS, Level.HUGE)
"""Levels that are generated and not published."""
FRESH: Final = 24
"""Fresh streams for each decoder of a run of the default levels."""


class SelectionError(NNCError):
    """A filter that is not valid, or a selection without vectors."""


FILTER_KEYS: Final[dict[str, Callable[[AnyVector], tuple[str, ...]]]] = {
    "id": lambda vector: (vector.id,),
    "clause": lambda vector: vector.clauses,
    "flag": lambda vector: vector.flags,
    "level": lambda vector: (vector.level,),
    "element": lambda vector: vector.elements,
    "target": targets_of,
}
"""Values of a vector that a filter can match; one match is enough."""


@dataclass(frozen=True)
class Filter:
    """``KEY=GLOB``, or ``!KEY=GLOB`` for the vectors that do not match."""

    key: str
    glob: str
    negated: bool

    def __str__(self) -> str:
        return f"{'!' * self.negated}{self.key}={self.glob}"

    def takes(self, vector: AnyVector) -> bool:
        """Return whether ``vector`` is selected."""
        return any(fnmatchcase(value, self.glob) for value in FILTER_KEYS[self.key](vector)) is not self.negated


def parse_filter(text: str) -> Filter:
    """Parse a filter; raise `SelectionError`."""
    key, equals, glob = text.removeprefix("!").partition("=")
    if not equals or key not in FILTER_KEYS:
        raise SelectionError(f"invalid filter {text!r}; write KEY=GLOB or !KEY=GLOB with KEY one of {', '.join(FILTER_KEYS)}")
    return Filter(key, glob, text.startswith("!"))


def vector_ids(root: Path | None) -> frozenset[str]:
    """Return the ids of all vectors of a suite, whatever their level.

    Raise `SuiteError`, `PackageError`.

    Args:
        root: Suite folder or package; None for the built-in suite.
    """
    if root is not None and root.is_file():
        with Package(root) as package:
            return frozenset(vector.id for vector in package.index.vectors)
    return frozenset(stored.vector.id for stored in load_suite(root or built_in_root(), verify=False).vectors)


def select(
    root: Path | None,
    levels: Sequence[Level] = DEFAULT_LEVELS,
    filters: Sequence[Filter] = (),
    *,
    editions: Collection[Edition] = EDITIONS,
    verify: bool = True,
    fresh_for: Sequence[DecoderIdentity] = (),
    fresh: int = 0,
    complete: bool = False,
) -> Suite:
    """Load the vectors of ``levels`` that every filter takes.

    Args:
        root: Suite folder or package; None for the built-in suite.
        levels: Levels to take.
        filters: Filters that must all take a vector.
        editions: Editions of the standard whose vectors are taken.
        verify: Whether to check the hashes of the files.
        fresh_for: Decoders for which fresh streams are drawn and added, whatever ``levels`` are.
        fresh: Streams for each of them.
        complete: Whether each of ``levels`` that is generated on demand must be in the suite.

    Raises `SuiteError` if the suite is damaged, and `SelectionError` if no vector is selected: a
    run without vectors would show nothing.
    """

    def fits(vector: AnyVector) -> bool:
        return vector.edition in editions and all(chosen.takes(vector) for chosen in filters)

    def takes(vector: AnyVector) -> bool:
        return vector.level in levels and fits(vector)

    if root is not None and root.is_file():
        suite = unpacked_suite(root, takes)
    else:
        suite = load_suite(built_in_root() if root is None else root, levels=set(levels), verify=verify)
        suite = replace(suite, vectors=tuple(stored for stored in suite.vectors if takes(stored.vector)))
    absent = set(levels) & set(ON_DEMAND) - {entry.level for entry in suite.manifest.vectors}
    if complete and absent:
        raise SelectionError(_how_to_generate(root, sorted(absent)))
    if fresh_for and fresh:
        from nnc_conformance.suites.running.fresh import with_fresh  # compiles kernels

        suite = with_fresh(suite, fresh_for, count=fresh, takes=fits)
    if not suite.vectors:
        chosen = "".join(f" and {chosen}" for chosen in filters)
        if set(editions) != set(EDITIONS):
            chosen = f" and edition {', '.join(map(str, sorted(editions)))}{chosen}"
        raise SelectionError(f"the suite has no vector of level {', '.join(levels)}{chosen}")
    return suite


def _how_to_generate(root: Path | None, levels: Sequence[Level]) -> str:
    """Describe the commands that add levels to a suite folder.

    For a package and for the built-in suite they write to a new folder.
    """
    folder = str(root) if root is not None and root.is_dir() else "my-vectors"
    named = " ".join(f"--level {level}" for level in levels)
    return (
        f"the suite has no vector of level {', '.join(levels)}, which is generated on demand: "
        f"nnc-conformance generate {named} {shlex.quote(folder)}, then nnc-conformance run {named} {shlex.quote(folder)}"
    )
