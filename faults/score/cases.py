"""What mutants are tried on: the vectors of a suite, each with what a decoder is judged by."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from nnc_conformance.faults.mutants.mutated_decoder import Ending, MutantOutcome
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.storage.suite_folder import built_in_root, load_suite
from nnc_conformance.storage.vector import Level, Vector
from nnc_conformance.suites.decoders.decoder_spec import ALL_CAPABILITIES, DecoderKind, DecoderSpec
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution
from nnc_conformance.suites.judging.expected_output import ExpectedOutput, read_expected_output
from nnc_conformance.suites.judging.judge import judge
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult

LEVELS: Final = (Level.CORE, Level.NEGATIVE, Level.DISPUTED, Level.INFERRED)
"""What mutants are tried on unless told otherwise."""
SCORED_LEVELS: Final = frozenset({Level.CORE, Level.NEGATIVE})
"""The levels that the score is about."""


class Kill(StrEnum):
    """By what a mutant was caught."""

    OUTPUT = "output"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    CRASH = "crash"
    HANG = "hang"
    CATEGORY = "category"


KILLS: Final[dict[Kill, str]] = {
    Kill.OUTPUT: "tensors or topology differ in a bit, a shape, a type or a name",
    Kill.REFUSED: "a good stream is refused",
    Kill.ACCEPTED: "a stream that must be refused is decoded, or one that may be refused to something else than its stated output",
    Kill.CRASH: "an error that is no refusal, or the end of the process",
    Kill.HANG: "no end within the time limit",
    Kill.CATEGORY: "a bad stream is refused for a reason of another category",
}
"""The kinds of kill. All but the last fail any decoder; the last is seen of a decoder that says why it refuses."""

_ENDINGS: Final = {
    Ending.DECODED: DecoderEnding.DECODED,
    Ending.REFUSED: DecoderEnding.REFUSED,
    Ending.CRASHED: DecoderEnding.CRASH,
    Ending.HUNG: DecoderEnding.TIMEOUT,
}
_KILL_OF: Final = {
    Outcome.CRASH: Kill.CRASH,
    Outcome.TIMEOUT: Kill.HANG,
    Outcome.REFUSED: Kill.REFUSED,
    Outcome.WRONGLY_ACCEPTED: Kill.ACCEPTED,
}

DECODER: Final = DecoderSpec(name="mutant", kind=DecoderKind.IN_TREE, argument="mutant", command=(), capabilities=ALL_CAPABILITIES)
"""A mutant as the judge sees it: a decoder that declares everything."""


@dataclass(frozen=True)
class TrialVector:
    """A vector, and whether the mutant decodes it leniently: bad streams are given to a strict decoder and to a lenient one."""

    vector: Vector
    stream: bytes
    expectation: ExpectedOutput
    lenient: bool

    @property
    def id(self) -> str:
        """The vector's id, with a mark where the decoder is lenient."""
        return f"{self.vector.id} (lenient)" if self.lenient else self.vector.id


def load_trial_vectors(levels: Collection[Level] = LEVELS, root: Path | None = None) -> tuple[TrialVector, ...]:
    """The cases of a suite folder (the built-in one, when None); raises `SuiteError` where it is not whole."""
    suite = load_suite(built_in_root() if root is None else root, levels=set(levels), verify=False)
    cases = []
    for stored in suite.vectors:
        expectation, stream = read_expected_output(stored), stored.read(stored.vector.stream)
        for lenient in (False, True) if stored.vector.negative else (False,):
            cases.append(TrialVector(stored.vector, stream, expectation, lenient))
    return tuple(cases)


def execution_of(outcome: MutantOutcome) -> Execution:
    """A mutant's outcome as that of a decoder under test."""
    return Execution(
        _ENDINGS[outcome.ending],
        tensors=outcome.parameters,
        topology=outcome.topology or None,
        category=outcome.category,
        unit=outcome.unit,
        byte=outcome.byte,
    )


def judged(case: TrialVector, outcome: MutantOutcome) -> CaseResult | None:
    """What a run says of a decoder that does this with the vector; None where it gives arrays that no tensor file holds."""
    try:
        return judge(case.vector, DECODER, case.expectation, (execution_of(outcome),))
    except (ModelError, ValueError, TypeError):
        return None


def kill_of(case: TrialVector, outcome: MutantOutcome) -> Kill | None:
    """How the vector catches a decoder that does this; None where it passes."""
    result = judged(case, outcome)
    if result is None:
        return Kill.OUTPUT
    if OUTCOMES[result.outcome].fails:
        return _KILL_OF.get(result.outcome, Kill.ACCEPTED if case.vector.negative else Kill.OUTPUT)
    negative = case.vector.negative
    other = negative is not None and outcome.ending is Ending.REFUSED and outcome.category is not negative.category
    return Kill.CATEGORY if other else None
