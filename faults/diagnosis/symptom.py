"""What shows of a fault in one case, and how alike the symptoms of two decoders are."""

from dataclasses import dataclass
from typing import Final

from nnc_conformance.suites.results.differences import TensorDifference
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult

DIGITS: Final = 16
"""Hex digits of an output's SHA-256 that are kept."""

SAME_OUTPUT: Final = 1.0
SAME_REFUSAL: Final = 0.9
"""Of two refusals of one good stream whose reason or place one decoder does not tell."""
OTHER_PLACE: Final = 0.75
"""Of two refusals for a reason of one category at different places."""
SAME_ENDING: Final = 0.6
"""Of two decoders that both refuse, die or take too long, for different reasons; or both accept what must be refused, differently."""
OTHER_ENDING: Final = 0.25
"""Of two decoders that fail in different ways."""
OTHER_OUTPUT: Final = 0.3
"""Of two wrong outputs that have nothing in common; what they have in common adds to it, by `SHARES`."""
SHARES: Final = {"place": 0.2, "value": 0.2, "tensors": 0.1, "count": 0.1}
"""The first wrong element's place, its value, the tensors that are wrong, and how many of their elements are."""

ABNORMAL_ENDINGS: Final = frozenset({Outcome.CRASH, Outcome.PROTOCOL, Outcome.LIMIT, Outcome.TIMEOUT})


@dataclass(frozen=True)
class Difference:
    """How one tensor differs: see `result.TensorDifference`; ``index`` is the first differing element's in C order."""

    tensor: str
    kind: str
    index: tuple[int, ...] | None
    actual: str | None
    count: int


@dataclass(frozen=True)
class Symptom:
    """What is seen of a decoder in one case; ``output`` and ``topology`` are the first digits of SHA-256s, empty for none."""

    outcome: Outcome
    output: str = ""
    topology: str = ""
    category: str = ""
    unit: int | None = None
    byte: int | None = None
    tensors_differing: int = 0
    differences: tuple[Difference, ...] = ()

    @property
    def wrong(self) -> bool:
        """Whether the decoder fails the case."""
        return OUTCOMES[self.outcome].fails


UNREADABLE: Final = Symptom(Outcome.PROTOCOL)
"""Of a decoder whose output no tensor file can hold."""


def symptom_of(case: CaseResult) -> Symptom:
    """The symptom that a result tells."""
    return Symptom(
        case.outcome,
        (case.output_sha256 or "")[:DIGITS],
        (case.topology_sha256 or "")[:DIGITS],
        case.category_seen or "",
        case.unit,
        case.byte,
        case.tensors_differing,
        tuple(map(_difference, case.differences)),
    )


def _difference(one: TensorDifference) -> Difference:
    return Difference(one.tensor, one.kind, one.index, one.actual, one.count)


def likeness(seen: Symptom, made: Symptom) -> float:
    """How alike two symptoms of one stream are: 0 where one decoder fails and the other does not, 1 where they do the same."""
    if seen.wrong != made.wrong:
        return 0.0
    if not seen.wrong:
        return 1.0
    if seen.outcome is not made.outcome:
        return SAME_ENDING if {seen.outcome, made.outcome} <= ABNORMAL_ENDINGS else OTHER_ENDING
    if seen.outcome is Outcome.REFUSED:
        told = seen.category and made.category
        if told and seen.category != made.category:
            return SAME_ENDING
        if not told or None in (seen.byte, made.byte):
            return SAME_REFUSAL
        return SAME_OUTPUT if (seen.unit, seen.byte) == (made.unit, made.byte) else OTHER_PLACE
    if seen.outcome in ABNORMAL_ENDINGS:
        return SAME_REFUSAL
    if seen.output == made.output and (seen.topology == made.topology or not seen.topology):
        return SAME_OUTPUT
    if seen.outcome is Outcome.WRONGLY_ACCEPTED:
        return SAME_ENDING
    return OTHER_OUTPUT + _shared(seen, made)


def _shared(seen: Symptom, made: Symptom) -> float:
    """What two wrong outputs have in common."""
    ours, theirs = ({one.tensor: one for one in symptom.differences} for symptom in (seen, made))
    both = ours.keys() & theirs.keys()
    if not both:
        return 0.0
    pairs = [(ours[name], theirs[name]) for name in both]
    places = [one.kind == other.kind and one.index == other.index for one, other in pairs]
    values = [place and one.actual == other.actual for place, (one, other) in zip(places, pairs, strict=True)]
    counts = [min(one.count, other.count) / max(one.count, other.count, 1) for one, other in pairs]
    union = len(ours.keys() | theirs.keys())
    return (
        SHARES["place"] * sum(places) / union
        + SHARES["value"] * sum(values) / union
        + SHARES["tensors"] * (len(both) / union if seen.tensors_differing == made.tensors_differing else 0.0)
        + SHARES["count"] * sum(counts) / union
    )
