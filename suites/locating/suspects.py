"""Spectrum-based fault localisation: traits that failing vectors have and passing ones lack.

A trait of a vector is that an element occurs, a class of its values, or a bound on them. Each trait
gets Ochiai's coefficient: failing vectors that have it, divided by the geometric mean of failing
vectors and vectors that have it. It is 1 if exactly the failing vectors have the trait.

A fault may need two traits together, or lie in what two elements have in common, such as a
descriptor. So pairs are tried as well: vectors with both traits, and vectors with either. A pair is
named in place of a single trait if its coefficient is better by `GAIN_BOTH` or `GAIN_EITHER`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.syntax.elements import ELEMENTS, clause_of
from nnc_conformance.suites.locating.spectrum import CONTEXT_STATE, LPS_RANGE_TABLE, Extent, Spectrum
from nnc_conformance.suites.results.fault_location import FaultLocation, Suspect

Flags = npt.NDArray[np.bool_]

CODER_CLAUSE: Final = "10"
"""Clause of the coder's tables and states."""
OTHER_THAN: Final = "other than "
"""Beginning of a trait that a vector has if the element has any value but those of a class."""
NAMED: Final = 5
"""Suspects that are named at least; all that fit as well as the first are, however many."""
FEW: Final = 16
"""Most classes of an element for which "other than CLASS" is a trait, too."""
GAIN_BOTH: Final = 0.05
"""Gain in the coefficient that justifies naming two traits that must meet."""
GAIN_EITHER: Final = 0.1
"""Gain in the coefficient that justifies naming two traits of which one is enough."""
NEAR: Final = 0.1
"""Lead in the coefficient that the states of contexts need over an entry of the table: whoever
meets the entry adapts, too.
"""
TRIED_TOGETHER: Final = 3
"""Best traits of each element that are tried in pairs with those of others."""
MET: Final = "met"
"""Trait of vectors in which an element occurs at all."""


@dataclass(frozen=True)
class Trait:
    """A trait of an element; ``vectors`` says which vectors have it, bool of shape (n,)."""

    element: str
    what: str
    vectors: Flags


def traits(spectra: Sequence[Spectrum]) -> Iterator[Trait]:
    """Yield the traits of all elements, in the registry's order, the simplest trait first."""
    for element in (*ELEMENTS, LPS_RANGE_TABLE, CONTEXT_STATE):
        extents = [spectrum.get(element) for spectrum in spectra]
        if any(extents):
            yield from _traits_of(element, extents)


def _traits_of(element: str, extents: Sequence[Extent | None]) -> Iterator[Trait]:
    """Yield the traits of an element by which failing cases may differ from passing ones.

    A trait tells for each case whether the element occurs, has a value of some class, has others too,
    or reaches a power of 2.

    Args:
        element: The syntax element.
        extents: What each case has of it: classes, least and greatest value; None if it is absent.
    """
    met = [extent for extent in extents if extent is not None]
    classes = [extent.classes if extent is not None else set() for extent in extents]
    least, greatest = ([getattr(extent, bound, None) for extent in extents] for bound in ("least", "greatest"))
    labels = sorted(set().union(*classes))
    yield Trait(element, MET, np.array([extent is not None for extent in extents]))
    for label in labels:
        yield Trait(element, label, np.array([label in own for own in classes]))
    for label in labels if len(labels) <= FEW and element in ELEMENTS else ():
        if ".." not in label:
            yield Trait(element, f"{OTHER_THAN}{label}", np.array([bool(own - {label}) for own in classes]))
    highest = max((extent.greatest for extent in met if extent.greatest is not None), default=0)
    for bound in (1 << n for n in range(max(highest, 0).bit_length())):
        yield Trait(element, f"{bound} or more", np.array([value is not None and value >= bound for value in greatest]))
    lowest = min((extent.least for extent in met if extent.least is not None), default=0)
    for bound in (-(1 << n) for n in range(min(lowest, 0).bit_length())):
        yield Trait(element, f"{bound} or less", np.array([value is not None and value <= bound for value in least]))


def _excluded(trait: Trait, failing: Flags) -> bool:
    """Return whether a trait cannot explain the failures.

    Only a trait of a table's entry can be excluded: a vector that does not use a wrong entry does
    not fail by it.
    """
    return trait.element == LPS_RANGE_TABLE and trait.what != MET and bool((failing & ~trait.vectors).any())


def ochiai(having: Flags, failing: Flags) -> float:
    """Return Ochiai's coefficient of a trait, 0 to 1: how well it predicts failures.

    Args:
        having: Which vectors have the trait, bool (n,).
        failing: Which vectors fail, bool (n,).
    """
    both = int((having & failing).sum())
    return both / float(np.sqrt(int(having.sum()) * int(failing.sum()))) if both else 0.0


def locate_fault(decoder: str, spectra: Sequence[Spectrum], failing: Sequence[bool]) -> FaultLocation | None:
    """Find the elements whose values best tell failing from passing vectors.

    Return None if all vectors or none fail, or no trait fits.

    Args:
        decoder: Name of the decoder.
        spectra: The elements and values of each vector.
        failing: Whether the decoder fails it.
    """
    fails = np.array(failing, np.bool_)
    if not fails.any() or fails.all():
        return None
    possible = (trait for trait in traits(spectra) if not _excluded(trait, fails))
    scored = sorted(((ochiai(trait.vectors, fails), trait) for trait in possible), key=lambda pair: -pair[0])
    by_element: dict[str, list[tuple[float, Trait]]] = {}
    for scored_trait in scored:
        by_element.setdefault(scored_trait[1].element, []).append(scored_trait)
    if not by_element or scored[0][0] == 0:
        return None
    ranked = _ranked(by_element)
    fittest = [trait for own in by_element.values() for _, trait in own[:TRIED_TOGETHER]]
    pair = _better_pair(fittest, fails, scored[0][0])
    if pair is not None:
        names = {trait.element for trait in pair.traits}
        ranked = [(pair.score, trait) for trait in pair.traits] + [one for one in ranked if one[1].element not in names]
    named = tuple(
        Suspect(
            element=trait.element,
            clause=clause_of(trait.element) if trait.element in ELEMENTS else CODER_CLAUSE,
            what=trait.what,
            score=round(score, 3),
            failing=int((trait.vectors & fails).sum()),
            passing=int((trait.vectors & ~fails).sum()),
        )
        for place, (score, trait) in enumerate(ranked)
        if place < NAMED or score == scored[0][0]
    )
    return FaultLocation(decoder=decoder, suspects=named, together=pair is not None and pair.both)


def _ranked(by_element: Mapping[str, Sequence[tuple[float, Trait]]]) -> list[tuple[float, Trait]]:
    """Return the best trait of each element with its coefficient, the likeliest first.

    ``by_element`` gives the (coefficient, trait) pairs of each syntax element, best first. Of
    equals, the element with more traits comes first. An entry of the LPS range table that does
    about as well as the context state is put above it.
    """
    ranks = {element: own[0][0] for element, own in by_element.items()}
    state, entry = (ranks.get(element, 0.0) for element in (CONTEXT_STATE, LPS_RANGE_TABLE))
    if entry > max(0.0, state - NEAR):
        ranks[LPS_RANGE_TABLE] = max(state, entry)

    def key(one: tuple[float, Trait]) -> tuple[float, bool, int]:
        element = one[1].element
        return -ranks[element], one[1].what.startswith(OTHER_THAN), -len(by_element[element])

    return sorted((own[0] for own in by_element.values()), key=key)


@dataclass(frozen=True)
class _Pair:
    """Two traits of different elements, both or either needed, with their coefficient."""

    score: float
    traits: tuple[Trait, Trait]
    both: bool


def _better_pair(candidates: Sequence[Trait], failing: Flags, alone: float) -> _Pair | None:
    """Return the pair of traits that fits best.

    Return None if it hardly beats a single trait.

    Args:
        candidates: The traits to combine.
        failing: Which vectors fail, bool (n,).
        alone: Coefficient of the best single trait.
    """
    having = np.array([trait.vectors for trait in candidates], np.float64)
    having_failing = having * failing
    both, both_failing = having @ having.T, having_failing @ having.T
    either = having.sum(1)[:, None] + having.sum(1) - both
    either_failing = having_failing.sum(1)[:, None] + having_failing.sum(1) - both_failing
    elements = np.array([trait.element for trait in candidates])
    apart = elements[:, None] != elements
    found = []
    for needs_both, part, whole in ((True, both_failing, both), (False, either_failing, either)):
        scores = apart * part / np.sqrt(np.maximum(whole, 1) * failing.sum())
        first, second = divmod(int(scores.argmax()), len(candidates))
        gain = GAIN_BOTH if needs_both else GAIN_EITHER
        if scores[first, second] >= alone + gain:
            found.append(_Pair(float(scores[first, second]), (candidates[first], candidates[second]), needs_both))
    return max(found, key=lambda pair: pair.score, default=None)
