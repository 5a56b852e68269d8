"""Judges what a decoder did with a vector's streams.

Pure functions make the result from the executions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.content import without_terminator
from nnc_conformance.storage.documents import sha256
from nnc_conformance.storage.safetensors_format import tensors_sha256
from nnc_conformance.storage.vector import AnyVector, Vector
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution
from nnc_conformance.suites.judging.compare import compare
from nnc_conformance.suites.judging.expected_output import ExpectedOutput
from nnc_conformance.suites.results.differences import TensorDifference
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import MESSAGE_LENGTH, CaseResult, ChoiceMade, ModelResult, SessionCaseResult, StepResult

DIFFERENCES_KEPT: Final = 8
"""Differing tensors that a result describes; it counts them all."""

ENDED_BADLY: Final = {
    DecoderEnding.CRASH: Outcome.CRASH,
    DecoderEnding.TIMEOUT: Outcome.TIMEOUT,
    DecoderEnding.LIMIT: Outcome.LIMIT,
    DecoderEnding.PROTOCOL: Outcome.PROTOCOL,
}
"""Endings that fail every vector, good or bad."""

_FAULT_OF: Final = {
    Outcome.FAIL: Fault.WRONG_OUTPUT,
    Outcome.REFUSED: Fault.REFUSED_GOOD,
    Outcome.WRONGLY_ACCEPTED: Fault.ACCEPTED_BAD,
}
"""Fault of an outcome where the decoder kept to the protocol."""


@dataclass(frozen=True)
class Judgement:
    """Outcome of a case, with the fields of its result that depend on it."""

    outcome: Outcome
    message: str = ""
    fault: Fault | None = None
    differences: tuple[TensorDifference, ...] = ()
    tensors_differing: int = 0
    choices: tuple[ChoiceMade, ...] = ()


def judge(vector: AnyVector, decoder: DecoderSpec, expected: ExpectedOutput, executions: Sequence[Execution]) -> CaseResult:
    """Return the result of a vector of one stream on ``decoder``.

    Args:
        vector: The vector whose stream was decoded.
        decoder: The decoder; its capabilities decide what it must do.
        expected: What the vector must decode to.
        executions: What the decoder did, once per repeat; all must be alike.
    """
    return judge_session(vector, decoder, (expected,), [(execution,) for execution in executions])


def judge_session(
    vector: AnyVector, decoder: DecoderSpec, expected: Sequence[ExpectedOutput], sessions: Sequence[Sequence[Execution]]
) -> CaseResult:
    """Return the result of ``vector`` on ``decoder``.

    The first step that is not a pass decides.

    Args:
        vector: The vector whose streams were decoded.
        decoder: The decoder; its capabilities decide what it must do.
        expected: What each step must decode to.
        sessions: What the decoder did, once per repeat, all alike: an execution for each step, up
            to the first that did not decode.
    """
    try:
        if len({tuple(map(_fingerprint, session)) for session in sessions}) > 1:
            return _result(vector, decoder, _nondeterministic([session[-1] for session in sessions]))
        return _judge_steps(vector, decoder, expected, sessions[0])
    except ModelError as error:
        return _result(vector, decoder, Judgement(Outcome.PROTOCOL, str(error), Fault.OUTPUT_UNREADABLE))


def _judge_steps(vector: AnyVector, decoder: DecoderSpec, expected: Sequence[ExpectedOutput], session: Sequence[Execution]) -> CaseResult:
    """Judge the steps up to the first that is not a pass; raise `ModelError`."""
    steps: list[StepResult] = []
    last = len(expected) - 1
    for number, (execution, output) in enumerate(zip(session, expected, strict=False)):
        judgement = _judgement(vector if number == last else _good(vector), decoder, output, execution)
        if judgement.outcome is Outcome.UNSUPPORTED:
            judgement = _survival(session[number:]) or judgement
        judgement = replace(judgement, fault=judgement.fault or execution.fault or _FAULT_OF.get(judgement.outcome))
        steps.append(_step_result(judgement, output, execution))
        if judgement.outcome is not Outcome.PASS:
            break
    if last and judgement.message:
        judgement = replace(judgement, message=f"step {number}: {judgement.message}")
    return _result(vector, decoder, judgement, execution, steps)


def _survival(session: Sequence[Execution]) -> Judgement | None:
    """Return the judgement of a later step that ended badly; None if there is none.

    Whatever a decoder declares, it must survive every stream.
    """
    bad = next((execution for execution in session if execution.ending in ENDED_BADLY), None)
    return None if bad is None else Judgement(ENDED_BADLY[bad.ending], bad.message, bad.fault)


def _good(vector: AnyVector) -> AnyVector:
    """Return the vector as its earlier steps are judged: rule and choices concern only the last."""
    return vector.model_copy(update={"negative": None, "choices": ()})


def _step_result(judgement: Judgement, expected: ExpectedOutput, execution: Execution) -> StepResult:
    """Put judgement, output hashes and model check of one step into its result."""
    output, topology = _hashes(execution)
    return StepResult(
        outcome=judgement.outcome,
        message=judgement.message[:MESSAGE_LENGTH],
        output_sha256=output,
        topology_sha256=topology,
        model=_model_result(expected, execution),
    )


def _model_result(expected: ExpectedOutput, execution: Execution) -> ModelResult | None:
    """Compare the model after a step with the expected one.

    The result is None if the decoder gave none.
    """
    wanted = expected.model if expected.model is not None else expected.tensors
    if execution.model is None or wanted is None:
        return None
    differences = compare(wanted, execution.model)
    message = difference_text(differences[0], len(differences)) if differences else ""
    return ModelResult(right=not differences, message=message[:MESSAGE_LENGTH], sha256=tensors_sha256(execution.model))


def _hashes(execution: Execution | None) -> tuple[str | None, str | None]:
    """Return the SHA-256 of an execution's tensors and topology; None for what it lacks.

    Raises:
        ModelError: If a tensor has a type that tensor files cannot hold.
    """
    if execution is None:
        return None, None
    tensors, topology = execution.tensors, execution.topology
    return tensors_sha256(tensors) if tensors is not None else None, sha256(topology) if topology is not None else None


def not_executed(vector: AnyVector, decoder: DecoderSpec, outcome: Outcome, message: str, fault: Fault | None = None) -> CaseResult:
    """Return the result of a case that was not executed.

    Args:
        vector: The vector of the case.
        decoder: Its decoder.
        outcome: The outcome to give it.
        message: Why it was not executed.
        fault: Kind of the decoder's fault, if that is the reason.
    """
    return _result(vector, decoder, Judgement(outcome, message, fault))


def unsupported_without_execution(vector: AnyVector, decoder: DecoderSpec) -> CaseResult | None:
    """Return the result of a vector that the decoder need not be given.

    Return None if it must be given.

    A good vector that needs undeclared capabilities is not executed. A negative vector always is:
    whatever a decoder declares, it must survive every stream.
    """
    undeclared = _undeclared(vector, decoder)
    return _result(vector, decoder, undeclared) if undeclared is not None and vector.negative is None else None


def must_pass(vector: AnyVector, decoder: DecoderSpec) -> bool:
    """Return whether the declared capabilities oblige the decoder to decode the vector."""
    good = vector.negative is None and not vector.choices
    return good and decoder.declared and _undeclared(vector, decoder) is None


def _undeclared(vector: AnyVector, decoder: DecoderSpec) -> Judgement | None:
    """Return the judgement of a vector that needs undeclared capabilities.

    None if it needs none.
    """
    missing = sorted(set(vector.flags) - set(decoder.capabilities))
    return Judgement(Outcome.UNSUPPORTED, f"not declared: {', '.join(missing)}") if missing else None


def _result(
    vector: AnyVector, decoder: DecoderSpec, judgement: Judgement, execution: Execution | None = None, steps: Sequence[StepResult] = ()
) -> CaseResult:
    """Build the result of a case from its judgement.

    Args:
        vector: The vector of the case.
        decoder: The decoder of the case.
        judgement: Outcome, message and differences.
        execution: The execution judged; its output is hashed. None if there is none to judge.
        steps: The results of a session's steps; unused for a vector of one stream.

    Raises:
        ModelError: If a tensor of the execution has a type that tensor files cannot hold.
    """
    negative = vector.negative
    output, topology = _hashes(execution)
    result = CaseResult(
        vector=vector.id,
        revision=vector.revision,
        level=vector.level,
        decoder=decoder.name,
        outcome=judgement.outcome,
        clauses=vector.clauses,
        flags=vector.flags,
        elements=vector.elements,
        provenance=vector.provenance,
        title=vector.title,
        catches=vector.catches,
        message=judgement.message[:MESSAGE_LENGTH],
        fault=judgement.fault,
        rule=negative.rule if negative else None,
        policy=negative.policy if negative else None,
        category_expected=negative.category if negative else None,
        category_seen=execution.category if execution else None,
        unit=execution.unit if execution else None,
        byte=execution.byte if execution else None,
        differences=judgement.differences,
        tensors_differing=judgement.tensors_differing,
        choices=judgement.choices,
        output_sha256=output,
        topology_sha256=topology,
    )
    if isinstance(vector, Vector):
        return result
    return SessionCaseResult(**dict(result), edition=vector.edition, steps=tuple(steps))


def _fingerprint(execution: Execution) -> tuple[object, ...]:
    output = tensors_sha256(execution.tensors) if execution.tensors is not None else None
    model = tensors_sha256(execution.model) if execution.model is not None else None
    return execution.ending, output, execution.topology, execution.category, model


def _nondeterministic(executions: Sequence[Execution]) -> Judgement:
    endings = sorted({execution.ending for execution in executions})
    message = f"{len(executions)} repeats ended as {', '.join(endings)}" if len(endings) > 1 else "repeats gave different outputs"
    return Judgement(Outcome.NONDETERMINISTIC, message, Fault.NONDETERMINISTIC)


def _judgement(vector: AnyVector, decoder: DecoderSpec, expected: ExpectedOutput, execution: Execution) -> Judgement:
    """Judge what a decoder made of one stream, by what the vector expects.

    Crashes and other bad endings come first, then missing capabilities, then refusals and output.
    """
    if execution.ending in ENDED_BADLY:
        return Judgement(ENDED_BADLY[execution.ending], execution.message)
    if undeclared := _undeclared(vector, decoder):
        return undeclared
    if execution.ending is DecoderEnding.UNSUPPORTED:
        return _judge_unsupported(vector, decoder, execution)
    if vector.choices:
        return _judge_disputed(decoder, expected, execution)
    if execution.ending is DecoderEnding.REFUSED:
        return Judgement(Outcome.PASS) if vector.negative else Judgement(Outcome.REFUSED, _refusal_text(execution))
    if expected.tensors is None:
        count = len(execution.tensors or {})
        return Judgement(Outcome.WRONGLY_ACCEPTED, f"{count} tensors from a stream that must be refused")
    return _judge_output(decoder, expected, execution)


def _judge_unsupported(vector: AnyVector, decoder: DecoderSpec, execution: Execution) -> Judgement:
    """Judge a decoder that says it does not support a stream.

    It fails if it declares every capability that the stream needs.
    """
    if not must_pass(vector, decoder):
        return Judgement(Outcome.UNSUPPORTED, execution.message)
    needed = ", ".join(vector.flags) or "only the syntax of units"
    message = f"{execution.message}, but it declares everything that the stream needs: {needed}"
    return Judgement(Outcome.FAIL, message, Fault.FALSE_UNSUPPORTED)


def _refusal_text(execution: Execution) -> str:
    place = [f"{name} {value}" for name, value in (("unit", execution.unit), ("byte", execution.byte)) if value is not None]
    return f"refused as {execution.category or 'unclassified'}" + (f" at {', '.join(place)}" if place else "")


def _judge_disputed(decoder: DecoderSpec, expected: ExpectedOutput, execution: Execution) -> Judgement:
    """Find the choices at disputed points that the decoder's output or refusal matches.

    If none matches, a refusal counts as refused, and an output is compared with the default choice.
    """
    made = tuple(
        choice
        for choice, tensors in expected.choices
        if (
            execution.ending is DecoderEnding.REFUSED
            if tensors is None
            else execution.tensors is not None and not compare(tensors, execution.tensors)
        )
    )
    if made and execution.ending is DecoderEnding.DECODED and (fault := _topology_fault(decoder, expected, execution)):
        return Judgement(Outcome.FAIL, fault)
    if made:
        return Judgement(Outcome.CHOICE, ", ".join(f"{choice.switch} = {choice.choice}" for choice in made), choices=made)
    if execution.ending is DecoderEnding.REFUSED:
        return Judgement(Outcome.REFUSED, _refusal_text(execution))
    judgement = _judge_output(decoder, expected, execution)
    return replace(judgement, message=f"none of the choices; compared with the default: {judgement.message}")


def _judge_output(decoder: DecoderSpec, expected: ExpectedOutput, execution: Execution) -> Judgement:
    """Compare decoded tensors and topology with the expected ones: pass or fail."""
    differences = compare(expected.tensors or {}, execution.tensors or {})
    if differences:
        return Judgement(
            Outcome.FAIL,
            difference_text(differences[0], len(differences)),
            differences=differences[:DIFFERENCES_KEPT],
            tensors_differing=len(differences),
        )
    fault = _topology_fault(decoder, expected, execution)
    return Judgement(Outcome.FAIL, fault) if fault else Judgement(Outcome.PASS)


def _topology_fault(decoder: DecoderSpec, expected: ExpectedOutput, execution: Execution) -> str:
    """Describe what is wrong with the topology that a decoder gives; "" if nothing is.

    A zero byte at its end and nowhere else may be a terminator (the disputed point
    ``data_string``).
    """
    wanted, actual = expected.topology, execution.topology
    if not decoder.gives_topology or "topology" not in decoder.capabilities or actual == wanted:
        return ""
    if wanted is not None and actual == (without_terminator(wanted) or None):
        return ""
    if wanted is None:
        return "the decoder gives a topology, but the stream carries none"
    if actual is None:
        return "the decoder gives no topology, but the stream carries one"
    same = min(len(wanted), len(actual))
    offset = next((i for i in range(same) if wanted[i] != actual[i]), same)
    return f"the topology differs from byte {offset} on ({len(actual)} bytes, {len(wanted)} expected)"


def difference_text(first: TensorDifference, tensors: int) -> str:
    """Describe in one line the first of ``tensors`` differing tensors."""
    more = f"; {tensors} tensors differ" if tensors > 1 else ""
    if first.index is None:
        sides = [f"{word} {text}" for word, text in (("expected", first.expected), ("got", first.actual)) if text is not None]
        return f"tensor {first.tensor!r}: {first.kind}, {', '.join(sides)}{more}"
    place = f"[{', '.join(map(str, first.index))}]"
    ulp = "" if first.max_ulp is None else f", at most {first.max_ulp} ulp off"
    extent = f"{first.count} of {first.elements} differ{ulp}{more}"
    return f"tensor {first.tensor!r}{place}: expected {first.expected}, got {first.actual}; {extent}"
