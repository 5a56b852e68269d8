"""Symptoms: what a run shows of a fault in one case.

Also how alike the symptoms of two decoders are.
"""

from dataclasses import dataclass
from typing import Final

from nnc_conformance.faults.diagnosis.weights import WEIGHTS
from nnc_conformance.suites.results.differences import TensorDifference
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult

DIGITS: Final = 16
"""Hex digits kept of an output's SHA-256."""

ABNORMAL_ENDINGS: Final = frozenset({Outcome.CRASH, Outcome.PROTOCOL, Outcome.LIMIT, Outcome.TIMEOUT})
"""Outcomes of a decoder that dies, hangs or says nothing that can be read."""


@dataclass(frozen=True)
class Difference:
    """How one tensor differs, as `TensorDifference` has it.

    ``index`` is that of the first differing element in C order.
    """

    tensor: str
    kind: str
    index: tuple[int, ...] | None
    actual: str | None
    count: int


@dataclass(frozen=True)
class Symptom:
    """The behaviour of a decoder in one case, as a run shows it.

    ``output`` and ``topology`` are the first digits of SHA-256s, or empty. ``step`` is the step of a
    session that decides, to which the others belong; 0 for a single stream.
    """

    outcome: Outcome
    output: str = ""
    topology: str = ""
    category: str = ""
    unit: int | None = None
    byte: int | None = None
    tensors_differing: int = 0
    differences: tuple[Difference, ...] = ()
    step: int = 0

    @property
    def wrong(self) -> bool:
        """Whether the decoder fails the case."""
        return OUTCOMES[self.outcome].fails


UNREADABLE: Final = Symptom(Outcome.PROTOCOL)
"""Symptom of a decoder whose output fits in no tensor file."""


def failing_step(case: CaseResult) -> int:
    """Return the number of the step that decides a case.

    Return 0 for a case without steps.
    """
    return max(len(case.judged_steps) - 1, 0)


def symptom_of(case: CaseResult) -> Symptom:
    """Return what a case's result shows of a bug: outcome, hashes, place and differences."""
    return Symptom(
        case.outcome,
        (case.output_sha256 or "")[:DIGITS],
        (case.topology_sha256 or "")[:DIGITS],
        case.category_seen or "",
        case.unit,
        case.byte,
        case.tensors_differing,
        tuple(map(_difference, case.differences)),
        failing_step(case),
    )


def _difference(one: TensorDifference) -> Difference:
    return Difference(one.tensor, one.kind, one.index, one.actual, one.count)


def likeness(seen: Symptom, made: Symptom) -> float:
    """Return how alike two symptoms of one stream are, 0..1; see `Weights`."""
    if seen.wrong != made.wrong:
        return 0.0
    if not seen.wrong:
        return 1.0
    if seen.step != made.step:
        return WEIGHTS.other_ending
    if seen.outcome is not made.outcome:
        return WEIGHTS.same_ending if {seen.outcome, made.outcome} <= ABNORMAL_ENDINGS else WEIGHTS.other_ending
    if seen.outcome is Outcome.REFUSED:
        both_report = seen.category and made.category
        if both_report and seen.category != made.category:
            return WEIGHTS.same_ending
        if not both_report or None in (seen.byte, made.byte):
            return WEIGHTS.same_refusal
        return WEIGHTS.same_output if (seen.unit, seen.byte) == (made.unit, made.byte) else WEIGHTS.other_place
    if seen.outcome in ABNORMAL_ENDINGS:
        return WEIGHTS.same_refusal
    if seen.output == made.output and (seen.topology == made.topology or not seen.topology):
        return WEIGHTS.same_output
    if seen.outcome is Outcome.WRONGLY_ACCEPTED:
        return WEIGHTS.same_ending
    return WEIGHTS.other_output + _shared(seen, made)


def _shared(seen: Symptom, made: Symptom) -> float:
    """Return how much two wrong outputs share: places, values, tensors, counts.

    Each is weighted as `Weights` says.
    """
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
        WEIGHTS.shared_place * sum(places) / union
        + WEIGHTS.shared_value * sum(values) / union
        + WEIGHTS.shared_tensors * (len(both) / union if seen.tensors_differing == made.tensors_differing else 0.0)
        + WEIGHTS.shared_count * sum(counts) / union
    )
