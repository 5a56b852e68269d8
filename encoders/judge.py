"""Judges what an encoder did with a case.

Pure functions make the result from its streams.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from nnc_conformance.encoders.bounds import Bounds, value_errors
from nnc_conformance.encoders.cases import EncoderCase, Tensors
from nnc_conformance.encoders.decoding import DecodedStep, ReadTensor, StepCollector, decode_steps
from nnc_conformance.encoders.encoder_spec import EncoderSpec
from nnc_conformance.encoders.host import EncoderEnding, EncodeRun
from nnc_conformance.encoders.redecoding import CODEWORD_RULES, explaining_element
from nnc_conformance.encoders.reference_encoding import encode_as_asked
from nnc_conformance.encoders.results import EncoderCaseResult, TensorFault
from nnc_conformance.encoders.suspects import WHOLE, element_of_rule, suspected_element
from nnc_conformance.encoders.validation import BrokenRule, validate
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.driver import Driver, Watcher
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.syntax.walker import Element
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.documents import sha256
from nnc_conformance.suites.judging.judge import DIFFERENCES_KEPT
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import MESSAGE_LENGTH, ChoiceMade

ENDED_BADLY: Final = {
    EncoderEnding.CRASH: Outcome.CRASH,
    EncoderEnding.TIMEOUT: Outcome.TIMEOUT,
    EncoderEnding.LIMIT: Outcome.LIMIT,
    EncoderEnding.PROTOCOL: Outcome.PROTOCOL,
}
"""Endings that fail every case."""
END_RULES: Final = frozenset({"stop-bits", "payload-end"})
"""Rules that only the end of a codeword breaks."""
SKIPPED_STRETCH: Final = "skipped_stretch"
"""The disputed point by which a quantizer may differ from what is coded."""
_DIGITS: Final = 6
"""Significant digits of the errors in results."""


@dataclass(frozen=True)
class _Trial:
    """A case, its inputs, and what the encoder's streams are judged by."""

    case: EncoderCase
    inputs: Sequence[Tensors]
    encoder: EncoderSpec
    compared: bool = True
    other_skips: bool = False

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.case.options, self.encoder.max_error_steps, self.other_skips)

    @property
    def session(self) -> bool:
        return self.case.steps > 1


@dataclass(frozen=True)
class _Values:
    """Judgement of the decoded values of all steps up to the first with a fault."""

    faults: tuple[TensorFault, ...] = ()
    step: int = 0
    element: str = ""
    unit: int | None = None
    steps: float | None = None
    squared: float = 0.0
    count: int = 0


def judge(
    case: EncoderCase, inputs: Sequence[Tensors], encoder: EncoderSpec, repeats: Sequence[Sequence[EncodeRun]], *, compared: bool = True
) -> EncoderCaseResult:
    """Return the result of a case on ``encoder``.

    Args:
        case: What the encoder was asked.
        inputs: The tensors of each step.
        encoder: The encoder.
        repeats: What it did, once per repeat: a run for each step, up to the first without a stream.
        compared: Whether to compare sizes with those of the reference encoder's streams.
    """
    trial = _Trial(case, inputs, encoder, compared)
    runs = repeats[0]
    last = runs[-1]
    if last.ending in ENDED_BADLY:
        return result(case, encoder, ENDED_BADLY[last.ending], last.message, fault=last.fault, **_at(trial, len(runs) - 1))
    if len({tuple((run.ending, run.stream) for run in repeat) for repeat in repeats}) > 1:
        return _nondeterministic(trial, repeats)
    streams = [run.stream for run in runs if run.stream is not None]
    facts: dict[str, Any] = {"sizes": tuple(map(len, streams)), "stream_sha256": tuple(map(sha256, streams))}
    if last.ending is EncoderEnding.UNSUPPORTED:
        return result(case, encoder, Outcome.UNSUPPORTED, last.message, **_at(trial, len(runs) - 1), **facts)
    if last.ending is EncoderEnding.REFUSED:
        allowed = bool(case.may_refuse)
        if streams and not allowed and (earlier := _judge_streams(replace(trial, inputs=inputs[: len(streams)]), streams, facts)).element:
            return earlier
        message = f"{case.may_refuse}: {last.message}" if allowed else f"refused: {last.message}"
        outcome = Outcome.PASS if allowed else Outcome.REFUSED
        fault = None if allowed else Fault.REFUSED_GOOD
        return result(case, encoder, outcome, message, fault=fault, refused=allowed, **_at(trial, len(runs) - 1), **facts)
    return _judge_streams(trial, streams, facts)


def _judge_streams(trial: _Trial, streams: Sequence[bytes], facts: dict[str, Any]) -> EncoderCaseResult:
    """Judge the streams of all steps by the default choice at each disputed point.

    If they are wrong but right under another choice at a single point, the outcome is a choice.

    Args:
        trial: The case, its inputs and the encoder.
        streams: The stream of each step.
        facts: Fields of the result that are known; more are added in place.
    """
    facts |= {"reference_sizes": reference_sizes(trial.case, trial.inputs) if trial.compared else ()}
    broken, steps, capabilities = _validated(trial, streams)
    facts |= {"capabilities": capabilities}
    values = _Values() if broken is not None else _judge_values(trial, streams, steps, explained=True)
    if broken is None and not values.faults:
        mean = values.squared / values.count if values.count else None
        return result(
            trial.case, trial.encoder, Outcome.PASS, max_error_steps=_rounded(values.steps), mean_squared_error=_rounded(mean), **facts
        )
    misnamed = any(fault.kind in ("missing", "unexpected") for fault in values.faults)  # under any choice
    if not misnamed and (choices := _right_choices(trial, streams)):
        message = "right only with " + ", ".join(f"{made.switch} = {made.choice}" for made in choices)
        return result(trial.case, trial.encoder, Outcome.CHOICE, message, choices=choices, **facts)
    if broken is not None:
        step, finding, base = broken
        element = element_of_rule(finding)
        if finding.rule in CODEWORD_RULES:
            element = explaining_element(streams[step], trial.inputs[step], base, rule=finding.rule) or _of_codeword(finding)
        place = {"rule": finding.rule, "element": element, "clause": finding.clause, "unit": finding.unit, "byte": finding.byte}
        message = f"the stream is not conforming: {finding.detail} (rule {finding.rule})"
        return result(trial.case, trial.encoder, Outcome.FAIL, message, fault=Fault.WRONG_OUTPUT, **place, **_at(trial, step), **facts)
    first = values.faults[0]
    more = f"; {len(values.faults)} tensors are wrong" if len(values.faults) > 1 else ""
    return result(
        trial.case,
        trial.encoder,
        Outcome.FAIL,
        f"tensor {first.tensor[:80]!r}: {first.text}{more}",
        fault=Fault.WRONG_OUTPUT,
        tensors=values.faults[:DIFFERENCES_KEPT],
        element=values.element,
        unit=values.unit,
        max_error_steps=_rounded(values.steps),
        **_at(trial, values.step),
        **facts,
    )


def _of_codeword(finding: BrokenRule) -> str:
    """Return the element of a codeword that nothing in its header explains."""
    return finding.element if finding.rule in END_RULES else WHOLE


def _at(trial: _Trial, step: int) -> dict[str, int]:
    """Return the step of a session at which something was found."""
    return {"step": step} if trial.session else {}


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(f"{value:.{_DIGITS}g}")


def _nondeterministic(trial: _Trial, repeats: Sequence[Sequence[EncodeRun]]) -> EncoderCaseResult:
    """Return the result of a case whose repeated runs differ.

    It names the first byte in which two streams differ and the syntax element there, or only the
    endings if all streams are alike.

    Args:
        repeats: The runs of each repetition, one for each step.
    """
    endings = sorted({run.ending for repeat in repeats for run in repeat})
    message = f"{len(repeats)} runs ended as {', '.join(endings)}"
    streams = [[run.stream for run in repeat if run.stream is not None] for repeat in repeats]
    first, second = streams[0], next((other for other in streams if other != streams[0]), streams[0])
    for step, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            byte = next(
                (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
            )
            message = f"{len(repeats)} runs gave different streams, from byte {byte} on"
            place = {"byte": byte, "element": _element_at(one, byte), **_at(trial, step)}
            return result(trial.case, trial.encoder, Outcome.NONDETERMINISTIC, message, fault=Fault.NONDETERMINISTIC, **place)
    return result(trial.case, trial.encoder, Outcome.NONDETERMINISTIC, message, fault=Fault.NONDETERMINISTIC)


class _ElementAt(Watcher):
    """Finds the element at a byte of a stream."""

    def __init__(self, byte: int) -> None:
        self.byte, self.name = byte, ""

    def element(self, element: Element) -> None:
        if element.bit // 8 <= self.byte < -(-element.end_bit // 8) or (not self.name and element.bit // 8 > self.byte):
            self.name = self.name or element.name


def _element_at(stream: bytes, byte: int) -> str:
    """Return the name of the syntax element at a byte of a stream.

    It is "" if the stream cannot be read up to there.
    """
    found = _ElementAt(byte)
    with suppress(NNCError):  # what was read up to there counts
        Driver(stream, found, DecoderOptions(lenient=True), values=False).run()
    return found.name


def _validated(
    trial: _Trial, streams: Sequence[bytes]
) -> tuple[tuple[int, BrokenRule, BaseModel | None] | None, list[DecodedStep], tuple[str, ...]]:
    """Return the first broken rule with its step, earlier steps, and the needed capabilities.

    The rule is None if every stream is conforming.
    """
    model: BaseModel | None = BaseModel() if trial.session else None
    steps: list[DecodedStep] = []
    needed: set[str] = set()
    broken = None
    for step, stream in enumerate(streams):
        before, collector = model, StepCollector()
        validated, model = validate(stream, f"step {step}", base=before, other_choices=False, watcher=collector)
        needed |= set(validated.capabilities)
        if validated.findings:
            broken = step, validated.findings[0], before
            break
        steps.append(collector.step(model))
    return broken, steps, tuple(sorted(needed))


def _right_choices(trial: _Trial, streams: Sequence[bytes]) -> tuple[ChoiceMade, ...]:
    """Return the other choices of single disputed points under which everything is right.

    An encoder may also code by one choice of skipped_stretch, and quantize for the other.
    """
    right = tuple(
        ChoiceMade(switch=switch, choice=choice.value)
        for switch, choice, changed in Interpretation().one_changed()
        if _is_right(trial, streams, changed)
    )
    if not right and _is_right(replace(trial, other_skips=True), streams, Interpretation()):
        other = next(choice for switch, choice, _ in Interpretation().one_changed() if switch == SKIPPED_STRETCH)
        return (ChoiceMade(switch=SKIPPED_STRETCH, choice=other.value),)
    return right


def _is_right(trial: _Trial, streams: Sequence[bytes], interpretation: Interpretation) -> bool:
    """Return whether streams break no rule under an interpretation and give the right values."""
    try:
        steps = decode_steps(streams, interpretation=interpretation, session=trial.session)
    except NNCError:
        return False
    return not _judge_values(trial, streams, steps).faults


def _judge_values(trial: _Trial, streams: Sequence[bytes], steps: Sequence[DecodedStep], *, explained: bool = False) -> _Values:
    """Judge names, types, shapes and values of every step.

    Stop at the first step with a fault.

    Args:
        trial: The case, its inputs and the encoder.
        streams: The stream of each step.
        steps: What they decode to.
        explained: Whether to look for the element that is wrong.
    """
    known: dict[str, ReadTensor] = {}
    before: Mapping[str, np.ndarray] = {}
    total = _Values()
    for number, (decoded, wanted) in enumerate(zip(steps, trial.inputs, strict=True)):
        known |= decoded.coded
        base = BaseModel() if trial.session and number == 0 else steps[number - 1].model if trial.session else None
        again = partial(_decoded_again, streams[number], wanted, base) if explained else None
        judged = _judge_step(wanted, decoded, known, before, trial.bounds, again)
        worst = max((value for value in (total.steps, judged.steps) if value is not None), default=None)
        total = replace(judged, step=number, steps=worst, squared=total.squared + judged.squared, count=total.count + judged.count)
        if judged.faults:
            return total
        before = decoded.parameters
    return total


def _decoded_again(stream: bytes, wanted: Tensors, base: BaseModel | None, coded: Mapping[str, ReadTensor]) -> str:
    """Return the header element whose other value makes wrong tensors right; "" if none does."""
    return explaining_element(stream, wanted, base, coded=coded)


def _judge_step(
    wanted: Tensors,
    decoded: DecodedStep,
    known: Mapping[str, ReadTensor],
    before: Mapping[str, np.ndarray],
    bounds: Bounds,
    again: Callable[[Mapping[str, ReadTensor]], str] | None,
) -> _Values:
    """Judge the model after one step; ``again`` is that of `suspected_element`, None to suspect
    none.
    """
    faults = [
        *(
            _fault(name, "missing", "the encoder was given it, the stream does not have it")
            for name in wanted
            if name not in decoded.parameters
        ),
        *(
            _fault(name, "unexpected", "the stream has it, the encoder was not given it")
            for name in decoded.parameters
            if name not in wanted
        ),
    ]
    squared, count, largest = 0.0, 0, None
    wrong: list[tuple[str, ReadTensor | None]] = []
    for name, array in wanted.items():
        given = decoded.parameters.get(name)
        if given is None:
            continue
        if (fault := _form_fault(name, array, given)) is not None:
            faults.append(fault)
            continue
        coded = known.get(name)
        if coded is not None and name not in decoded.coded:
            coded = replace(coded, codebook=None)  # an update without it: its difference is 0
        update = coded is not None and coded.header.parent_id is not None
        errors = value_errors(array, given, before.get(name) if update or name not in decoded.coded else None, coded, bounds)
        if errors.steps is not None:
            largest = errors.steps if largest is None else max(largest, errors.steps)
            squared, count = squared + errors.squared, count + array.size
        if errors.worst is not None:
            wrong.append((name, coded))
            place = f"[{', '.join(map(str, errors.worst))}]"
            faults.append(_fault(name, "values", f"{place} {errors.text}; {errors.wrong} of {array.size} values are wrong"))
    element = suspected_element(faults, wanted, decoded, before, again, bounds.coarsest()) if faults and again is not None else ""
    unit = next((coded.unit for _, coded in wrong if coded is not None), None)
    return _Values(tuple(faults), 0, element, unit, largest, squared, count)


def _fault(name: str, kind: Any, text: str) -> TensorFault:
    return TensorFault(tensor=name, kind=kind, text=text[:MESSAGE_LENGTH])


def _form_fault(name: str, wanted: np.ndarray, given: np.ndarray) -> TensorFault | None:
    """Return what is wrong with shape and type; None if nothing is.

    A scalar may come back as one value, and a type as the plain type of its kind.

    Args:
        name: The tensor.
        wanted: What the encoder was given.
        given: What the stream decodes to.
    """
    if given.shape not in (wanted.shape, wanted.shape or (1,)):
        return _fault(name, "shape", f"expected {wanted.shape}, got {given.shape}")
    plain = np.dtype(np.float32 if wanted.dtype.kind == "f" else np.int32)
    if given.dtype not in (wanted.dtype, plain):
        return _fault(name, "type", f"expected {wanted.dtype} or {plain}, got {given.dtype}")
    return None


def reference_sizes(case: EncoderCase, inputs: Sequence[Tensors]) -> tuple[int, ...]:
    """Return the size in bytes of each stream of the reference encoder.

    It is () if the reference refuses the case.
    """
    model: BaseModel | None = BaseModel() if case.steps > 1 else None
    sizes: list[int] = []
    try:
        for step, tensors in enumerate(inputs):
            stream = encode_as_asked(tensors, case.options, case.blocks, model if step else None)
            sizes.append(len(stream))
            if step < len(inputs) - 1:
                model = decode(stream, base=model).model
    except (NNCError, ValueError):
        return ()
    return tuple(sizes)


def result(case: EncoderCase, encoder: EncoderSpec, outcome: Outcome, message: str = "", **facts: Any) -> EncoderCaseResult:
    """Return a result with what is known of the case and the encoder.

    Args:
        case: The case.
        encoder: The encoder.
        outcome: The outcome.
        message: What was found, cut to `MESSAGE_LENGTH` characters.
        facts: Further fields of `EncoderCaseResult` by name.
    """
    return EncoderCaseResult(
        case=case.id,
        group=case.group,
        title=case.title,
        encoder=encoder.name,
        options=case.options,
        outcome=outcome,
        message=message[:MESSAGE_LENGTH],
        **facts,
    )
