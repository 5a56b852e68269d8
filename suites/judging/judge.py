"""From what a decoder did with a vector's stream to the case's result; pure."""

from collections.abc import Sequence
from typing import Any, Final

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.storage.documents import sha256
from nnc_conformance.storage.safetensors_format import tensors_sha256
from nnc_conformance.storage.vector import Vector
from nnc_conformance.suites.decoders.decoder_spec import DecoderKind, DecoderSpec
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution
from nnc_conformance.suites.judging.compare import compare
from nnc_conformance.suites.judging.expected_output import ExpectedOutput
from nnc_conformance.suites.results.differences import TensorDifference
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import MESSAGE_LENGTH, CaseResult

DIFFERENCES_KEPT: Final = 8


BROKEN: Final = {
    DecoderEnding.CRASH: Outcome.CRASH,
    DecoderEnding.TIMEOUT: Outcome.TIMEOUT,
    DecoderEnding.LIMIT: Outcome.LIMIT,
    DecoderEnding.PROTOCOL: Outcome.PROTOCOL,
}
"""The endings that fail any vector, whatever it is there for."""

_FAULT_OF: Final = {
    Outcome.FAIL: Fault.WRONG_OUTPUT,
    Outcome.REFUSED: Fault.REFUSED_GOOD,
    Outcome.WRONGLY_ACCEPTED: Fault.ACCEPTED_BAD,
}
"""What is at fault where the decoder kept to the protocol."""


def missing_capabilities(vector: Vector, decoder: DecoderSpec) -> tuple[str, ...]:
    """Returns what the vector needs and the decoder does not declare."""
    return tuple(sorted(set(vector.flags) - set(decoder.capabilities)))


def not_executed(vector: Vector, decoder: DecoderSpec, outcome: Outcome, message: str, fault: Fault | None = None) -> CaseResult:
    """Returns the result of a case whose execution there is none of."""
    return _result(vector, decoder, outcome, message, fault=fault)


def unsupported_message(missing: Sequence[str]) -> str:
    """Says which capabilities are not declared."""
    return f"not declared: {', '.join(missing)}"


def _result(vector: Vector, decoder: DecoderSpec, outcome: Outcome, message: str, **more: Any) -> CaseResult:
    negative = vector.negative
    return CaseResult(
        vector=vector.id,
        revision=vector.revision,
        level=vector.level,
        decoder=decoder.name,
        outcome=outcome,
        clauses=vector.clauses,
        flags=vector.flags,
        elements=vector.elements,
        provenance=vector.provenance,
        title=vector.title,
        catches=vector.catches,
        message=message[:MESSAGE_LENGTH],
        rule=negative.rule if negative else None,
        policy=negative.policy if negative else None,
        category_expected=negative.category if negative else None,
        **more,
    )


def _gives_topology(decoder: DecoderSpec) -> bool:
    """Whether the decoder is asked for the topology at all: a command says so by its placeholder."""
    return decoder.kind not in (DecoderKind.COMMAND, DecoderKind.PYTHON) or any("{topology}" in word for word in decoder.command)


def judge(vector: Vector, decoder: DecoderSpec, expectation: ExpectedOutput, executions: Sequence[Execution]) -> CaseResult:
    """Returns the result of ``vector`` on ``decoder`` from one execution or several, which must be alike."""
    first = executions[0]
    try:
        if len({_fingerprint(execution) for execution in executions}) > 1:
            endings = sorted({execution.ending for execution in executions})
            how = f"{len(executions)} repeats ended as {', '.join(endings)}" if len(endings) > 1 else "repeats gave different outputs"
            return _result(vector, decoder, Outcome.NONDETERMINISTIC, how, fault=Fault.NONDETERMINISTIC)
        outcome, message, facts = _judge_one(vector, decoder, expectation, first)
        facts = {"fault": first.fault or _FAULT_OF.get(outcome), **facts}
        output = tensors_sha256(first.tensors) if first.tensors is not None else None
    except ModelError as error:
        return _result(vector, decoder, Outcome.PROTOCOL, str(error), fault=Fault.OUTPUT_UNREADABLE)
    return _result(
        vector,
        decoder,
        outcome,
        message,
        category_seen=first.category,
        unit=first.unit,
        byte=first.byte,
        output_sha256=output,
        topology_sha256=sha256(first.topology) if first.topology is not None else None,
        **facts,
    )


def _fingerprint(execution: Execution) -> tuple[object, ...]:
    output = tensors_sha256(execution.tensors) if execution.tensors is not None else None
    return execution.ending, output, execution.topology, execution.category


Judgement = tuple[Outcome, str, dict[str, Any]]
"""Outcome, message, and the result's fields that go with them."""


def _judge_one(vector: Vector, decoder: DecoderSpec, expectation: ExpectedOutput, execution: Execution) -> Judgement:
    if execution.ending in BROKEN:
        return BROKEN[execution.ending], execution.message, {}
    missing = missing_capabilities(vector, decoder)
    if missing:
        return Outcome.UNSUPPORTED, unsupported_message(missing), {}
    if execution.ending is DecoderEnding.UNSUPPORTED:
        return _judge_unsupported(vector, decoder, execution)
    if vector.choices:
        return _judge_disputed(decoder, expectation, execution)
    if execution.ending is DecoderEnding.REFUSED:
        return (Outcome.PASS, "", {}) if vector.negative else (Outcome.REFUSED, _refusal_text(execution), {})
    if expectation.tensors is None:
        return Outcome.WRONGLY_ACCEPTED, f"{len(execution.tensors or {})} tensors from a stream that must be refused", {}
    return _judge_output(decoder, expectation, execution)


def must_pass(vector: Vector, decoder: DecoderSpec) -> bool:
    """Whether the decoder's capabilities oblige it to decode the vector: it is a good stream, and declared is all that it needs."""
    return decoder.declared and not missing_capabilities(vector, decoder) and vector.negative is None and not vector.choices


def _judge_unsupported(vector: Vector, decoder: DecoderSpec, execution: Execution) -> Judgement:
    if not must_pass(vector, decoder):
        return Outcome.UNSUPPORTED, execution.message, {}
    declared = ", ".join(vector.flags) or "nothing but the syntax of units"
    return Outcome.FAIL, f"{execution.message}, though it declares all that this needs: {declared}", {"fault": Fault.FALSE_UNSUPPORTED}


def _refusal_text(execution: Execution) -> str:
    place = [f"{name} {value}" for name, value in (("unit", execution.unit), ("byte", execution.byte)) if value is not None]
    return f"refused as {execution.category or 'unclassified'}" + (f" at {', '.join(place)}" if place else "")


def _judge_disputed(decoder: DecoderSpec, expectation: ExpectedOutput, execution: Execution) -> Judgement:
    made = tuple(
        choice
        for choice, tensors in expectation.choices
        if (
            execution.ending is DecoderEnding.REFUSED
            if tensors is None
            else execution.tensors is not None and not compare(tensors, execution.tensors)
        )
    )
    if made and execution.ending is DecoderEnding.DECODED and (fault := _topology_fault(decoder, expectation, execution)):
        return Outcome.FAIL, fault, {}
    if made:
        return Outcome.CHOICE, ", ".join(f"{choice.switch} = {choice.choice}" for choice in made), {"choices": made}
    if execution.ending is DecoderEnding.REFUSED:
        return Outcome.REFUSED, _refusal_text(execution), {}
    outcome, message, facts = _judge_output(decoder, expectation, execution)
    return outcome, f"none of the choices; against the default: {message}", facts


def _judge_output(decoder: DecoderSpec, expectation: ExpectedOutput, execution: Execution) -> Judgement:
    differences = compare(expectation.tensors or {}, execution.tensors or {})
    if differences:
        facts = {"differences": differences[:DIFFERENCES_KEPT], "tensors_differing": len(differences)}
        return Outcome.FAIL, difference_text(differences[0], len(differences)), facts
    fault = _topology_fault(decoder, expectation, execution)
    return (Outcome.FAIL, fault, {}) if fault else (Outcome.PASS, "", {})


def _topology_fault(decoder: DecoderSpec, expectation: ExpectedOutput, execution: Execution) -> str:
    """Returns what is wrong with the topology of a decoder that gives one, or ""."""
    expected, actual = expectation.topology, execution.topology
    if not _gives_topology(decoder) or "topology" not in decoder.capabilities or actual == expected:
        return ""
    if expected is None:
        return "a topology where the stream carries none"
    if actual is None:
        return "the topology was not given out"
    same = min(len(expected), len(actual))
    offset = next((i for i in range(same) if expected[i] != actual[i]), same)
    return f"the topology differs from byte {offset} on ({len(actual)} bytes, {len(expected)} expected)"


def difference_text(first: TensorDifference, tensors: int) -> str:
    """Returns one line on the first of ``tensors`` differing tensors."""
    more = f"; {tensors} tensors differ" if tensors > 1 else ""
    if first.index is None:
        facts = [f"{word} {found}" for word, found in (("expected", first.expected), ("got", first.actual)) if found is not None]
        return f"tensor {first.tensor!r}: {first.kind}, {', '.join(facts)}{more}"
    place = f"[{', '.join(map(str, first.index))}]"
    ulp = "" if first.max_ulp is None else f", at most {first.max_ulp} ulp off"
    extent = f"{first.count} of {first.elements} differ{ulp}{more}"
    return f"tensor {first.tensor!r}{place}: expected {first.expected}, got {first.actual}; {extent}"
