"""Where a fault most likely lies: what of the syntax the failing vectors share and the passing ones lack (spectrum-based localisation).

A trait is an element met, a class of its values, or a bound that they pass. Ochiai's coefficient of a trait is the number of failing
vectors that have it over the geometric mean of the numbers of failing vectors and of vectors that have it: 1 where exactly those fail.
Where a vector that has both of two traits, or any of two, fits better by `GAIN_BOTH` or `GAIN_EITHER` than any trait alone, the two are
named: a fault may need them to meet, or be in what they have in common, such as a descriptor.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.syntax.elements import ELEMENTS, clause_of
from nnc_conformance.suites.locating.spectrum import LPS_RANGE_TABLE, Extent, Spectrum
from nnc_conformance.suites.results.fault_location import FaultLocation, Suspect

Flags = npt.NDArray[np.bool_]

TABLE_CLAUSE: Final = "10"
NAMED: Final = 5
"""So many suspects are named at least, where there are so many, and all that fit as well as the first."""
FEW: Final = 16
"""Of elements with so many classes at most, also those vectors are told apart that have any other than one."""
GAIN_BOTH: Final = 0.05
GAIN_EITHER: Final = 0.1
TRIED_TOGETHER: Final = 3
"""So many traits of each element are tried together with those of others."""
MET: Final = "met"


@dataclass(frozen=True)
class Trait:
    """Something of an element; ``vectors`` flags those that have it."""

    element: str
    what: str
    vectors: Flags


def traits(spectra: Sequence[Spectrum]) -> Iterator[Trait]:
    """Yields the traits by which the vectors can be told apart, the plainest of an element first, the elements in the registry's order."""
    for element in (*ELEMENTS, LPS_RANGE_TABLE):
        extents = [spectrum.get(element) for spectrum in spectra]
        if any(extents):
            yield from _traits_of(element, extents)


def _traits_of(element: str, extents: Sequence[Extent | None]) -> Iterator[Trait]:
    met = [extent for extent in extents if extent is not None]
    classes = [extent.classes if extent is not None else set() for extent in extents]
    least, greatest = ([getattr(extent, bound, None) for extent in extents] for bound in ("least", "greatest"))
    labels = sorted(set().union(*classes))
    yield Trait(element, MET, np.array([extent is not None for extent in extents]))
    for label in labels:
        yield Trait(element, label, np.array([label in own for own in classes]))
    for label in labels if len(labels) <= FEW else ():
        if ".." not in label:
            yield Trait(element, f"other than {label}", np.array([bool(own - {label}) for own in classes]))
    highest = max((extent.greatest for extent in met if extent.greatest is not None), default=0)
    for bound in (1 << n for n in range(max(highest, 0).bit_length())):
        yield Trait(element, f"{bound} or more", np.array([value is not None and value >= bound for value in greatest]))
    lowest = min((extent.least for extent in met if extent.least is not None), default=0)
    for bound in (-(1 << n) for n in range(min(lowest, 0).bit_length())):
        yield Trait(element, f"{bound} or less", np.array([value is not None and value <= bound for value in least]))


def ochiai(having: Flags, failing: Flags) -> float:
    """Returns the coefficient of a trait, 0..1."""
    both = int((having & failing).sum())
    return both / float(np.sqrt(int(having.sum()) * int(failing.sum()))) if both else 0.0


def locate_fault(decoder: str, spectra: Sequence[Spectrum], failing: Sequence[bool]) -> FaultLocation | None:
    """Returns where a decoder's fault most likely lies, from the spectra of vectors and which of them fail.

    None where no vector fails, none passes, or nothing tells them apart.
    """
    fails = np.array(failing, np.bool_)
    if not fails.any() or fails.all():
        return None
    scored = sorted(((ochiai(trait.vectors, fails), trait) for trait in traits(spectra)), key=lambda pair: -pair[0])
    by_element: dict[str, list[tuple[float, Trait]]] = {}
    for one in scored:
        by_element.setdefault(one[1].element, []).append(one)
    if not by_element or scored[0][0] == 0:
        return None
    ranked = sorted((own[0] for own in by_element.values()), key=lambda one: (-one[0], -len(by_element[one[1].element])))
    fittest = [trait for own in by_element.values() for _, trait in own[:TRIED_TOGETHER]]
    pair = _better_pair(fittest, fails, ranked[0][0])
    if pair is not None:
        names = {trait.element for trait in pair.traits}
        ranked = [(pair.score, trait) for trait in pair.traits] + [one for one in ranked if one[1].element not in names]
    named = tuple(
        Suspect(
            element=trait.element,
            clause=clause_of(trait.element) if trait.element in ELEMENTS else TABLE_CLAUSE,
            what=trait.what,
            score=round(score, 3),
            failing=int((trait.vectors & fails).sum()),
            passing=int((trait.vectors & ~fails).sum()),
        )
        for place, (score, trait) in enumerate(ranked)
        if place < NAMED or score == ranked[0][0]
    )
    return FaultLocation(decoder=decoder, suspects=named, together=pair is not None and pair.both)


@dataclass(frozen=True)
class _Pair:
    """Two traits of different elements, of which a vector has both or (not ``both``) any, and how well that fits."""

    score: float
    traits: tuple[Trait, Trait]
    both: bool


def _better_pair(candidates: Sequence[Trait], failing: Flags, alone: float) -> _Pair | None:
    """Returns the pair that fits best, the first of equals; None where none beats the best trait alone by what it must."""
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
