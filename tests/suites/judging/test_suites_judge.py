"""Outcome of each kind of vector for each thing that a decoder can do."""

from dataclasses import replace

import numpy as np
import pytest
from hostile import support

from nnc_conformance.reference.errors import Category
from nnc_conformance.storage.safetensors_format import load_safetensors, tensors_sha256
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.storage.vector import Level, Vector
from nnc_conformance.suites.decoders.decoder_spec import DecoderKind, DecoderSpec
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution
from nnc_conformance.suites.judging.expected_output import ExpectedOutput
from nnc_conformance.suites.judging.judge import judge
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import ChoiceMade

GOOD = support.good_vectors(1)[0][0]
MUST, MAY = (vector for vector, _ in support.bad_vectors())
EXPECTED = load_safetensors(support.good_vectors(1)[0][1]["expected.safetensors"])
OTHER: Tensors = {"x": np.zeros(1, "<f4")}
DISPUTED = support.make_vector("disputed", b"s", None, level=Level.DISPUTED)[0].model_copy(
    update={"choices": support.make_vector("d", b"s", None, choices={"a": b"a", "b": b"b", "c": None})[0].choices}
)
CHOICES = ExpectedOutput(
    EXPECTED,
    None,
    (
        (ChoiceMade(switch="dq", choice="a"), EXPECTED),
        (ChoiceMade(switch="dq", choice="b"), support.LENIENT),
        (ChoiceMade(switch="dq", choice="c"), None),
    ),
)


def decoder(*capabilities: str, kind: DecoderKind = DecoderKind.WORKER, command: tuple[str, ...] = ("d",)) -> DecoderSpec:
    return DecoderSpec(name="d", kind=kind, argument="d", command=command, capabilities=capabilities)


ABLE = decoder("float", "topology")


def decoded(tensors: Tensors, topology: bytes | None = None) -> Execution:
    return Execution(DecoderEnding.DECODED, tensors=tensors, topology=topology)


REFUSED = Execution(DecoderEnding.REFUSED, category=Category.RESERVED, unit=1, byte=7)


@pytest.mark.parametrize(
    ("vector", "expectation", "execution", "outcome"),
    [
        (GOOD, ExpectedOutput(EXPECTED, None), decoded(EXPECTED), Outcome.PASS),
        (GOOD, ExpectedOutput(EXPECTED, None), decoded(OTHER), Outcome.FAIL),
        (GOOD, ExpectedOutput(EXPECTED, None), decoded({}), Outcome.FAIL),
        (GOOD, ExpectedOutput(EXPECTED, None), REFUSED, Outcome.REFUSED),
        (GOOD, ExpectedOutput(EXPECTED, None), Execution(DecoderEnding.UNSUPPORTED), Outcome.FAIL),
        (MUST, ExpectedOutput(None, None), Execution(DecoderEnding.UNSUPPORTED), Outcome.UNSUPPORTED),
        (DISPUTED, CHOICES, Execution(DecoderEnding.UNSUPPORTED), Outcome.UNSUPPORTED),
        (GOOD, ExpectedOutput(EXPECTED, b"graph"), decoded(EXPECTED, b"graph"), Outcome.PASS),
        (GOOD, ExpectedOutput(EXPECTED, b"graph"), decoded(EXPECTED, b"grapH"), Outcome.FAIL),
        (GOOD, ExpectedOutput(EXPECTED, b"graph"), decoded(EXPECTED), Outcome.FAIL),
        (GOOD, ExpectedOutput(EXPECTED, None), decoded(EXPECTED, b"graph"), Outcome.FAIL),
        (GOOD, ExpectedOutput(EXPECTED, b"graph\0"), decoded(EXPECTED, b"graph\0"), Outcome.PASS),
        (GOOD, ExpectedOutput(EXPECTED, b"graph\0"), decoded(EXPECTED, b"graph"), Outcome.PASS),
        (GOOD, ExpectedOutput(EXPECTED, b"graph"), decoded(EXPECTED, b"graph\0"), Outcome.FAIL),
        (GOOD, ExpectedOutput(EXPECTED, b"gr\0aph\0"), decoded(EXPECTED, b"gr\0aph"), Outcome.FAIL),
        (MUST, ExpectedOutput(None, None), REFUSED, Outcome.PASS),
        (MUST, ExpectedOutput(None, None), Execution(DecoderEnding.REFUSED), Outcome.PASS),
        (MUST, ExpectedOutput(None, None), decoded(OTHER), Outcome.WRONGLY_ACCEPTED),
        (MUST, ExpectedOutput(None, None), decoded({}), Outcome.WRONGLY_ACCEPTED),
        (MUST, ExpectedOutput(None, None), Execution(DecoderEnding.CRASH), Outcome.CRASH),
        (MAY, ExpectedOutput(support.LENIENT, None), REFUSED, Outcome.PASS),
        (MAY, ExpectedOutput(support.LENIENT, None), decoded(support.LENIENT), Outcome.PASS),
        (MAY, ExpectedOutput(support.LENIENT, None), decoded(OTHER), Outcome.FAIL),
        (MAY, ExpectedOutput(support.LENIENT, None), Execution(DecoderEnding.TIMEOUT), Outcome.TIMEOUT),
        (DISPUTED, CHOICES, decoded(EXPECTED), Outcome.CHOICE),
        (DISPUTED, CHOICES, decoded(support.LENIENT), Outcome.CHOICE),
        (DISPUTED, CHOICES, REFUSED, Outcome.CHOICE),
        (DISPUTED, replace(CHOICES, topology=b"graph"), REFUSED, Outcome.CHOICE),
        (DISPUTED, replace(CHOICES, topology=b"graph"), decoded(EXPECTED, b"graph"), Outcome.CHOICE),
        (DISPUTED, replace(CHOICES, topology=b"graph"), decoded(EXPECTED, b"grapH"), Outcome.FAIL),
        (DISPUTED, replace(CHOICES, topology=b"graph"), decoded(EXPECTED), Outcome.FAIL),
        (DISPUTED, CHOICES, decoded(OTHER), Outcome.FAIL),
        (DISPUTED, ExpectedOutput(EXPECTED, None, CHOICES.choices[:2]), REFUSED, Outcome.REFUSED),
        *(
            (GOOD, ExpectedOutput(EXPECTED, None), Execution(ending), Outcome(ending))
            for ending in ("crash", "timeout", "limit", "protocol")
        ),
    ],
)
def test_outcomes(vector: Vector, expectation: ExpectedOutput, execution: Execution, outcome: Outcome) -> None:
    assert judge(vector, ABLE, expectation, [execution]).outcome is outcome


def test_what_is_not_declared_is_never_a_pass_and_still_a_safety_test() -> None:
    unable = decoder("int")
    for vector, expectation in ((GOOD, ExpectedOutput(EXPECTED, None)), (MUST, ExpectedOutput(None, None))):
        for execution in (decoded(EXPECTED), REFUSED, Execution(DecoderEnding.UNSUPPORTED)):
            result = judge(vector, unable, expectation, [execution])
            assert (result.outcome, result.message) == (Outcome.UNSUPPORTED, "not declared: float")
        assert judge(vector, unable, expectation, [Execution(DecoderEnding.CRASH)]).outcome is Outcome.CRASH


def test_unsupported_is_accepted_from_a_decoder_that_declares_nothing() -> None:
    silent = ABLE.model_copy(update={"declared": False})
    said = Execution(DecoderEnding.UNSUPPORTED, "it says that it does not support this")
    assert judge(GOOD, silent, ExpectedOutput(EXPECTED, None), [said]).outcome is Outcome.UNSUPPORTED
    result = judge(GOOD, ABLE, ExpectedOutput(EXPECTED, None), [said])
    assert (result.outcome, result.fault) == (Outcome.FAIL, Fault.FALSE_UNSUPPORTED)
    assert result.message == "it says that it does not support this, but it declares everything that the stream needs: float"


@pytest.mark.parametrize(
    ("execution", "fault"),
    [
        (decoded(OTHER), Fault.WRONG_OUTPUT),
        (REFUSED, Fault.REFUSED_GOOD),
        (decoded({"x": np.zeros(1, object)}), Fault.OUTPUT_UNREADABLE),
        (Execution(DecoderEnding.PROTOCOL, "two lines", Fault.ANSWER_TWICE), Fault.ANSWER_TWICE),
        (decoded(EXPECTED), None),
    ],
)
def test_a_failing_case_says_what_is_at_fault(execution: Execution, fault: Fault | None) -> None:
    assert judge(GOOD, ABLE, ExpectedOutput(EXPECTED, None), [execution]).fault is fault
    assert judge(MUST, ABLE, ExpectedOutput(None, None), [decoded(OTHER)]).fault is Fault.ACCEPTED_BAD


@pytest.mark.parametrize(
    ("judged", "outcome"),
    [
        (decoder("float", kind=DecoderKind.COMMAND, command=("d", "{topology}")), Outcome.PASS),
        (decoder("float", "topology", kind=DecoderKind.COMMAND), Outcome.PASS),
        (decoder("float", "topology", kind=DecoderKind.COMMAND, command=("d", "{topology}")), Outcome.FAIL),
        (decoder("float", "topology", kind=DecoderKind.PYTHON), Outcome.PASS),
        (decoder("float", "topology", kind=DecoderKind.IN_TREE), Outcome.FAIL),
    ],
)
def test_a_topology_is_judged_where_it_is_declared_and_asked_for(judged: DecoderSpec, outcome: Outcome) -> None:
    assert judge(GOOD, judged, ExpectedOutput(EXPECTED, b"graph"), [decoded(EXPECTED)]).outcome is outcome


def test_repeats_must_be_alike() -> None:
    expectation = ExpectedOutput(EXPECTED, None)
    assert judge(GOOD, ABLE, expectation, [decoded(EXPECTED)] * 3).outcome is Outcome.PASS
    for other in (decoded(OTHER), REFUSED, decoded(EXPECTED, b"graph"), Execution(DecoderEnding.CRASH)):
        assert judge(GOOD, ABLE, expectation, [decoded(EXPECTED), other]).outcome is Outcome.NONDETERMINISTIC


def test_the_result_says_what_was_seen() -> None:
    result = judge(MUST, ABLE, ExpectedOutput(None, None), [REFUSED])
    assert (result.rule, result.category_expected, result.category_seen) == ("unit-type", Category.RESERVED, Category.RESERVED)
    assert (result.unit, result.byte) == (1, 7)
    result = judge(GOOD, ABLE, ExpectedOutput(EXPECTED, None), [decoded(OTHER)])
    assert result.output_sha256 == tensors_sha256(OTHER)
    assert result.tensors_differing == len(EXPECTED) + 1
    assert result.first_difference is not None
    assert result.first_difference.tensor == "a/weight"
    result = judge(DISPUTED, ABLE, CHOICES, [decoded(support.LENIENT)])
    assert result.choices == (ChoiceMade(switch="dq", choice="b"),)


def test_a_passing_output_has_the_hash_of_the_expected_file() -> None:
    vector, _ = support.good_vectors(1)[0]
    assert vector.expected is not None
    assert judge(vector, ABLE, ExpectedOutput(EXPECTED, None), [decoded(EXPECTED)]).output_sha256 == vector.expected.sha256
