"""Validation of streams: every broken rule with its place.

Also what a stream needs and decodes to.

A stream is read leniently, so that a broken rule of policy ``may`` does not hide the next one. A
data unit that cannot be decoded is left out, and the units after it are read all the same. A rule
of policy ``must`` that is broken in the syntax of a unit ends the reading: what its bits mean is
unknown from there.
"""

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, Literal

import numpy as np
from pydantic import Field

from nnc_conformance.encoders.hints import HINTS
from nnc_conformance.generator.facts import ENTROPY_SIGNS, INFERRED, SIGNS
from nnc_conformance.reference.driver import Driver, Tensors, Watcher
from nnc_conformance.reference.entropy.contexts import HDSP_FLAG, ROW_SKIP_FLAG
from nnc_conformance.reference.errors import Category, StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.payload import PartCoding
from nnc_conformance.reference.syntax.rules import RULES, Policy, Provenance
from nnc_conformance.reference.syntax.structures.data_unit import DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import Unit
from nnc_conformance.reference.syntax.walker import Element
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.documents import Frozen, Sha256, canonical_json, sha256
from nnc_conformance.storage.targets import TARGETS, Target
from nnc_conformance.storage.vector import Edition

PROFILES: Final[dict[int, Edition]] = {0: 2022, 1: 2024}
"""Edition of the standard by general_profile_idc."""
MOST_FINDINGS: Final = 1000
"""Broken rules of one stream that are kept; `StreamValidation.left_out` counts the others."""


class StreamVerdict(StrEnum):
    """Verdict on one stream.

    ``conforming``: no rule is broken. ``broken``: a rule with a published or verified source is.
    ``inferred``: only rules that this project inferred are broken. ``disputed``: conforming under
    another choice of a disputed point only. ``limits``: larger than the reference decodes.
    ``not_judged``: an earlier stream of the session cannot be read.
    """

    CONFORMING = "conforming"
    BROKEN = "broken"
    INFERRED = "inferred"
    DISPUTED = "disputed"
    LIMITS = "limits"
    NOT_JUDGED = "not_judged"


class BrokenRule(Frozen):
    """A broken rule, and where it is broken."""

    rule: str = Field(description="id of the rule in the registry")
    condition: str = Field(description="what holds in a conforming stream")
    category: Category
    policy: Policy
    provenance: Provenance = Field(description="source of the rule")
    clause: str
    unit: int = Field(description="number of the unit, 0 is the first")
    unit_type: str
    byte: int = Field(description="byte in the stream, 0 is the first")
    bit: int
    element: str
    detail: str = Field(description="what was found")
    hint: str = Field(description="what to change in the encoder")
    ends: bool = Field(description="whether the stream could not be read on")


class ChoiceNeeded(Frozen):
    """A choice of a disputed point under which a stream breaks no rule."""

    switch: str
    choice: str


class TargetJudgement(Frozen):
    """Whether a decoder of a target can decode a stream."""

    target: str
    met: bool = Field(description="whether the stream needs nothing else than the target has")
    lacking: tuple[str, ...] = Field(default=(), description="what it needs besides: an edition, or capabilities")


class StreamValidation(Frozen):
    """What was found in one stream."""

    stream: str = Field(description="name of the stream")
    size: int = Field(ge=0, description="bytes of the stream")
    sha256: Sha256
    verdict: StreamVerdict
    edition: Literal[2022, 2024] | None = Field(description="by general_profile_idc; None if that is missing or another")
    update: bool = Field(default=False, description="whether it updates a base model")
    findings: tuple[BrokenRule, ...] = ()
    left_out: int = Field(default=0, description="broken rules past the first 1000")
    choices: tuple[ChoiceNeeded, ...] = ()
    capabilities: tuple[str, ...] = Field(default=(), description="what a decoder must support, as far as the stream was read")
    targets: tuple[TargetJudgement, ...] = Field(default=(), description="the targets of docs/targets.md; empty without an edition")
    inferred: tuple[str, ...] = Field(default=(), description="inferred meanings that the stream needs")
    units: int = Field(default=0, description="units that were read, those in aggregates included")
    parameters: int = Field(default=0, description="tensors that were decoded")
    values: int = Field(default=0, description="values in them")
    output_bytes: int = Field(default=0, description="bytes that they and inflated topologies take")
    output_limit: int = Field(default=0, description="bytes that they may take; a stream that needs more gets the verdict limits")

    @property
    def conforming(self) -> bool:
        """Whether no rule is broken."""
        return self.verdict is StreamVerdict.CONFORMING


class Validation(Frozen):
    """Content of ``validate --json``: the streams in the order given."""

    format: Literal["nnc-validation/1"] = "nnc-validation/1"
    session: bool = Field(default=False, description="whether each stream was decoded onto those before it")
    streams: tuple[StreamValidation, ...]

    @property
    def conforming(self) -> bool:
        """Whether every stream is conforming; no streams are not."""
        return bool(self.streams) and all(stream.conforming for stream in self.streams)


class _Survey(Watcher):
    """Collects what a validation tells of a stream, and reads on after broken data units."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.entropy_flags: set[str] = set()
        self.by_unit: dict[int, dict[str, list[Any]]] = {}
        self.errors: list[StreamError] = []
        self.units = self.parameters = self.values = 0

    def element(self, element: Element) -> None:
        self.by_unit.setdefault(element.unit, {}).setdefault(element.name, []).append(element.value)

    def unit(self, unit: Unit, depth: int) -> None:
        self.units += 1

    def codeword(self, unit: Unit, header: DataUnitHeader, parts: Sequence[PartCoding]) -> None:
        """Pass a codeword on to the watcher, and note its entropy coding flags."""
        self.watcher.codeword(unit, header, parts)
        for part in parts:
            shown = ((HDSP_FLAG, part.hdsp), (ROW_SKIP_FLAG, part.skipped is not None))
            self.entropy_flags |= {ENTROPY_SIGNS[flag] for flag, on in shown if on}

    def tensors(self, unit: Unit, header: DataUnitHeader, tensors: Tensors) -> None:
        self.watcher.tensors(unit, header, tensors)
        self.parameters += len(tensors)
        self.values += sum(int(np.size(array)) for array in tensors.values())

    def goes_on(self, error: StreamError) -> bool:
        """Keep an error and return True: reading goes on unless a limit was exceeded."""
        if error.category is Category.LIMIT:
            return False
        self.errors.append(error)
        return True


def validate(
    stream: bytes,
    name: str,
    *,
    base: BaseModel | None = None,
    interpretation: Interpretation | None = None,
    limits: DecodeLimits | None = None,
    other_choices: bool = True,
    watcher: Watcher | None = None,
) -> tuple[StreamValidation, BaseModel | None]:
    """Validate a stream; return what was found, and the model after it.

    The model is None without ``base``, and if the stream could not be read to its end.

    Args:
        stream: The bitstream.
        name: Its name in the result.
        base: The model before the stream; None to validate it alone.
        interpretation: One choice for each disputed point; the defaults of `Interpretation` if None.
        limits: Bounds on the decode; the defaults of `DecodeLimits` if None.
        other_choices: Whether to try the other choices of disputed points on a broken stream.
        watcher: Gets the codewords and tensors that can be decoded.
    """
    chosen = interpretation or Interpretation()
    survey = _Survey(watcher or Watcher())
    driver = Driver(stream, survey, DecoderOptions(chosen, lenient=True, limits=limits or DecodeLimits(), base=base))
    end: StreamError | None = None
    try:
        driver.run()
    except StreamError as error:
        end = error
    errors = sorted((*driver.rules.reports, *survey.errors), key=lambda error: (error.place.byte, error.place.bit))
    if end is not None:
        errors.append(end)
    findings = tuple(_finding(error, ends=error is end) for error in errors[:MOST_FINDINGS])
    choices = _choices(stream, chosen, base, limits) if findings and other_choices else ()
    met = survey.by_unit.values()
    profile = next((unit["general_profile_idc"][0] for unit in met if "general_profile_idc" in unit), None)
    edition = PROFILES.get(profile) if profile is not None else None
    shown = {flag for flag, shows in SIGNS.items() if any(map(shows, met))} | survey.entropy_flags
    capabilities = tuple(sorted(shown))
    found = StreamValidation(
        stream=name,
        size=len(stream),
        sha256=sha256(stream),
        verdict=_verdict(findings, choices),
        edition=edition,
        update=driver.context.parent_signalling,
        findings=findings,
        left_out=len(errors) - len(findings),
        choices=choices,
        capabilities=capabilities,
        targets=() if edition is None else tuple(_judged_target(target, edition, capabilities) for target in TARGETS.values()),
        inferred=tuple(meaning for meaning, shows in INFERRED.items() if any(map(shows, met))),
        units=survey.units,
        parameters=survey.parameters,
        values=survey.values,
        output_bytes=driver.opened.spent,
        output_limit=driver.options.limits.total_bytes,
    )
    return found, driver.model if end is None else None


def validate_session(
    streams: Sequence[tuple[str, bytes]], *, interpretation: Interpretation | None = None, limits: DecodeLimits | None = None
) -> Validation:
    """Validate named streams in order, each on the model after those before it.

    Streams after one that cannot be read to its end are not judged.
    """
    model: BaseModel | None = BaseModel()
    found = []
    for name, stream in streams:
        if model is None:
            not_judged = StreamVerdict.NOT_JUDGED
            found.append(StreamValidation(stream=name, size=len(stream), sha256=sha256(stream), verdict=not_judged, edition=None))
            continue
        validated, model = validate(stream, name, base=model, interpretation=interpretation, limits=limits)
        found.append(validated)
    return Validation(session=True, streams=tuple(found))


def _judged_target(target: Target, edition: Edition, capabilities: Sequence[str]) -> TargetJudgement:
    """Return whether a target has all that a stream needs, or what is missing."""
    other = () if edition == target.edition else (f"edition {edition}",)
    lacking = (*other, *(name for name in capabilities if name not in target.capabilities))
    return TargetJudgement(target=target.name, met=target.takes(edition, tuple(capabilities)), lacking=lacking)


def _finding(error: StreamError, *, ends: bool) -> BrokenRule:
    """Turn an error of the reference into a finding with its rule, place and hint.

    Args:
        error: The error.
        ends: Whether the stream cannot be read any further.
    """
    rule, place = RULES[error.rule], error.place
    return BrokenRule(
        rule=rule.id,
        condition=rule.condition,
        category=error.category,
        policy=rule.policy,
        provenance=rule.provenance,
        clause=place.clause,
        unit=place.unit,
        unit_type=place.unit_type,
        byte=place.byte,
        bit=place.bit,
        element=place.element,
        detail=error.detail,
        hint=HINTS[rule.id],
        ends=ends,
    )


def _verdict(findings: Sequence[BrokenRule], choices: Sequence[ChoiceNeeded]) -> StreamVerdict:
    """Return the verdict that follows from the broken rules."""
    if not findings:
        return StreamVerdict.CONFORMING
    if choices:
        return StreamVerdict.DISPUTED
    if all(finding.category is Category.LIMIT for finding in findings):
        return StreamVerdict.LIMITS
    if all(finding.provenance is Provenance.INFERRED for finding in findings):
        return StreamVerdict.INFERRED
    return StreamVerdict.BROKEN


def _choices(
    stream: bytes, interpretation: Interpretation, base: BaseModel | None, limits: DecodeLimits | None
) -> tuple[ChoiceNeeded, ...]:
    """Return the other choices of single disputed points under which the stream breaks no rule."""
    needed = []
    for switch, choice, changed in interpretation.one_changed():
        try:
            Driver(stream, options=DecoderOptions(changed, limits=limits or DecodeLimits(), base=base)).run()
        except StreamError:
            continue
        needed.append(ChoiceNeeded(switch=switch, choice=choice.value))
    return tuple(needed)


def validation_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of `Validation`."""
    schema: dict[str, Any] = Validation.model_json_schema(mode="serialization")
    return canonical_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


if __name__ == "__main__":
    sys.stdout.write(validation_schema())
