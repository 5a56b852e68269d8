"""Outcome of a vector of several steps: the first step that is not a pass decides."""

import numpy as np
import pytest
from hostile import support

from nnc_conformance.reference.errors import Category
from nnc_conformance.reference.syntax.rules import Policy
from nnc_conformance.storage.safetensors_format import dump_safetensors, load_safetensors, tensors_sha256
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.storage.vector import Level, NegativeSpec
from nnc_conformance.suites.decoders.decoder_spec import DecoderKind, DecoderSpec
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution
from nnc_conformance.suites.judging.expected_output import ExpectedOutput
from nnc_conformance.suites.judging.judge import judge_session, unsupported_without_execution
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult, SessionCaseResult

BASE: Tensors = {"w": np.array([1, 2], "<f4")}
UPDATE: Tensors = {"w": np.array([3, -1], "<f4")}
SUM: Tensors = {"w": np.array([4, 1], "<f4")}
OTHER: Tensors = {"w": np.array([3, 0], "<f4")}
EXPECTED = (ExpectedOutput(BASE, None), ExpectedOutput(UPDATE, None, model=SUM))
STEPS = ((b"base", dump_safetensors(BASE)), (b"update", dump_safetensors(UPDATE)))
GOOD, _ = support.make_session("session", *STEPS, models={1: dump_safetensors(SUM)})
RULE = NegativeSpec(rule="update-parent", policy=Policy.MUST, category=Category.RESERVED)
BAD, _ = support.make_session("bad", STEPS[0], (b"bad", None), level=Level.NEGATIVE, negative=RULE)
REFUSED = (ExpectedOutput(BASE, None), ExpectedOutput(None, None))


def decoder(*capabilities: str) -> DecoderSpec:
    return DecoderSpec(name="d", kind=DecoderKind.WORKER, argument="d", command=("d",), capabilities=capabilities)


ABLE = decoder("float", "second-edition", "updates")


def gave(tensors: Tensors, model: Tensors | None = None) -> Execution:
    return Execution(DecoderEnding.DECODED, tensors=tensors, model=model)


def ended(ending: DecoderEnding) -> Execution:
    return Execution(ending)


def judged(*session: Execution, bad: bool = False) -> SessionCaseResult:
    result = judge_session(BAD if bad else GOOD, ABLE, REFUSED if bad else EXPECTED, [session])
    assert isinstance(result, SessionCaseResult)
    return result


@pytest.mark.parametrize(
    ("session", "bad", "outcome", "fault", "steps"),
    [
        ([gave(BASE), gave(UPDATE)], False, Outcome.PASS, None, ["pass", "pass"]),
        ([gave(BASE), gave(OTHER)], False, Outcome.FAIL, Fault.WRONG_OUTPUT, ["pass", "fail"]),
        ([gave(OTHER), gave(UPDATE)], False, Outcome.FAIL, Fault.WRONG_OUTPUT, ["fail"]),
        ([gave(OTHER), ended(DecoderEnding.CRASH)], False, Outcome.FAIL, Fault.WRONG_OUTPUT, ["fail"]),
        ([gave(BASE), ended(DecoderEnding.CRASH)], False, Outcome.CRASH, None, ["pass", "crash"]),
        ([ended(DecoderEnding.REFUSED)], False, Outcome.REFUSED, Fault.REFUSED_GOOD, ["refused"]),
        ([gave(BASE), ended(DecoderEnding.UNSUPPORTED)], False, Outcome.FAIL, Fault.FALSE_UNSUPPORTED, ["pass", "fail"]),
        ([gave(BASE), ended(DecoderEnding.REFUSED)], True, Outcome.PASS, None, ["pass", "pass"]),
        ([gave(BASE), gave(UPDATE)], True, Outcome.WRONGLY_ACCEPTED, Fault.ACCEPTED_BAD, ["pass", "wrongly_accepted"]),
        ([ended(DecoderEnding.REFUSED)], True, Outcome.REFUSED, Fault.REFUSED_GOOD, ["refused"]),
        ([gave(OTHER), ended(DecoderEnding.REFUSED)], True, Outcome.FAIL, Fault.WRONG_OUTPUT, ["fail"]),
    ],
)
def test_the_first_step_that_is_not_a_pass_decides(
    session: list[Execution], bad: bool, outcome: Outcome, fault: Fault | None, steps: list[str]
) -> None:
    result = judged(*session, bad=bad)
    assert (result.outcome, result.fault) == (outcome, fault)
    assert [step.outcome for step in result.steps] == steps
    assert not result.message or result.message.startswith(f"step {len(steps) - 1}: ")
    assert result.edition == 2024


def test_hashes_are_those_of_each_step_and_of_the_one_that_decides() -> None:
    result = judged(gave(BASE), gave(OTHER))
    assert [step.output_sha256 for step in result.steps] == [tensors_sha256(BASE), tensors_sha256(OTHER)]
    assert result.output_sha256 == tensors_sha256(OTHER)
    assert result.first_difference is not None and result.first_difference.index == (1,)


def test_a_model_after_a_step_is_shown_but_never_counts() -> None:
    result = judged(gave(BASE, BASE), gave(UPDATE, UPDATE))
    assert result.outcome is Outcome.PASS
    first, second = (step.model for step in result.steps)
    assert first is not None and first.right and first.sha256 == tensors_sha256(BASE)
    assert second is not None and not second.right and "tensor 'w'[0]: expected 4.0" in second.message
    assert [step.model for step in judged(gave(BASE), gave(UPDATE)).steps] == [None, None]


def test_repeats_of_a_session_must_be_alike() -> None:
    for other in ([gave(OTHER)], [gave(BASE), gave(OTHER)], [gave(BASE), gave(UPDATE, SUM)]):
        result = judge_session(GOOD, ABLE, EXPECTED, [[gave(BASE), gave(UPDATE)], other])
        assert result.outcome is Outcome.NONDETERMINISTIC


def test_a_decoder_must_survive_steps_that_it_does_not_support() -> None:
    first_edition = decoder("float")
    skipped = unsupported_without_execution(GOOD, first_edition)
    assert isinstance(skipped, SessionCaseResult)
    assert (skipped.message, skipped.steps) == ("not declared: second-edition, updates", ())
    assert unsupported_without_execution(BAD, first_edition) is None
    for session, outcome in (
        ([gave(BASE), gave(UPDATE)], Outcome.UNSUPPORTED),
        ([gave(BASE), ended(DecoderEnding.CRASH)], Outcome.CRASH),
        ([ended(DecoderEnding.TIMEOUT)], Outcome.TIMEOUT),
    ):
        assert judge_session(BAD, first_edition, REFUSED, [session]).outcome is outcome


def test_output_that_no_file_can_hold_breaks_the_protocol() -> None:
    result = judged(gave(BASE), gave({"w": np.array([1j])}))
    assert (result.outcome, result.fault) == (Outcome.PROTOCOL, Fault.OUTPUT_UNREADABLE)


def test_a_vector_of_one_stream_of_the_first_edition_has_no_steps() -> None:
    vector, files = support.good_vectors(1)[0]
    tensors = load_safetensors(files["expected.safetensors"])
    result = judge_session(vector, ABLE, (ExpectedOutput(tensors, None),), [[gave(tensors)]])
    assert type(result) is CaseResult
    assert (result.tested_edition, result.judged_steps) == (2022, ())
