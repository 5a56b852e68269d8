"""Sessions that mutants are tried on: each kind of kill, by streams made by hand."""

import pytest
from helpers.update_sessions import base_stream, stream, update, update_stream

from nnc_conformance.faults.mutants.executed_lines import executed_lines_of
from nnc_conformance.faults.mutants.mutant import Mutant
from nnc_conformance.faults.mutants.mutated_decoder import Ending, MutantOutcome
from nnc_conformance.faults.mutants.named.catalogue import named_mutants
from nnc_conformance.faults.score.trial_sessions import TrialSession
from nnc_conformance.faults.score.trial_vectors import Kill, TracedTrial, traced_trials
from nnc_conformance.faults.score.trials import MutantResult, try_all
from nnc_conformance.storage.vector import Level

INTEGERS = [2, 0, 0, -1, 3, 0]
SESSION = (base_stream(INTEGERS), update_stream(INTEGERS, update(1)), update_stream([0, 1, 0, 0, 0, 1], update(2)))
WRONG_DEPTH = (base_stream(INTEGERS), update_stream(INTEGERS, update(2)))
RESERVED = (base_stream(INTEGERS), stream(flags="0000100"))


def result(mutant: Mutant, session: TrialSession) -> MutantResult:
    found: list[MutantResult] = []
    try_all([mutant], traced_trials([session]), jobs=1, matrix=True, done=found.append)
    return found[0]


@pytest.mark.parametrize(
    ("fault", "streams", "kill"),
    [
        ("update-replaces", SESSION, Kill.MODEL),
        ("output-is-the-sum", SESSION, Kill.OUTPUT),
        ("node-ids-not-in-raw-floats", SESSION, None),
        ("depth-not-checked", WRONG_DEPTH, Kill.ACCEPTED),
        ("depth-rises-with-every-stream", (SESSION[0], stream(flags="0001000"), SESSION[1]), Kill.REFUSED),
    ],
)
def test_a_session_catches_a_fault(fault: str, streams: tuple[bytes, ...], kill: Kill | None) -> None:
    session = TrialSession.of("session", Level.CORE, streams)
    assert [how for _, how in result(named_mutants()[fault], session).kills] == ([] if kill is None else [kill])


def test_a_session_ends_with_the_step_that_is_refused() -> None:
    session = TrialSession.of("session", Level.NEGATIVE, WRONG_DEPTH)
    assert [step.ending for step in session.steps] == [Ending.DECODED, Ending.REFUSED]
    assert (session.steps[-1].rule, session.forgiven) == ("update-order", None)


class Decoded:
    """A decoder with these outcomes."""

    def __init__(self, *steps: MutantOutcome) -> None:
        self.steps = steps

    def session(self, streams: tuple[bytes, ...], lenient: bool, seconds: float) -> list[MutantOutcome]:
        return list(self.steps)


def test_a_rule_of_policy_may_can_be_forgiven() -> None:
    session = TrialSession.of("session", Level.NEGATIVE, RESERVED)
    assert session.forgiven is not None and session.forgiven.ending is Ending.DECODED
    lenient = Decoded(session.steps[0], session.forgiven)
    assert session.kill(lenient, 1.0) is None  # type: ignore[arg-type]
    assert session.kill(Decoded(session.steps[0], session.steps[0]), 1.0) is Kill.ACCEPTED  # type: ignore[arg-type]


def test_lines_of_all_steps_are_traced() -> None:
    whole, first = executed_lines_of([(SESSION, False), (SESSION[:1], False)])
    assert whole.lines["updates.applying"] > first.lines["updates.applying"]
    one = TracedTrial(TrialSession.of("session", Level.CORE, SESSION), whole)
    assert one.executed.count > first.count
