"""Deciding whether an encoder may be certified, from the content of the certificate alone.

The same rules apply when a certificate is issued and when it is verified. Cases are made again, and
the streams of fresh cases are judged again.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nnc_conformance.encoders.cases import CASES, EncoderCase, Tensors, cases_for
from nnc_conformance.encoders.encoder_spec import EncoderSpec
from nnc_conformance.encoders.fresh import FRESH_CASES, fresh_cases
from nnc_conformance.encoders.host import EncoderEnding, EncodeRun
from nnc_conformance.encoders.judge import judge
from nnc_conformance.encoders.option_values import ASKED, OCTAVES
from nnc_conformance.encoders.planning import case_sha256
from nnc_conformance.reports.certification.certificate import challenge_seed
from nnc_conformance.reports.certification.encoder_certificate import (
    CertifiedEncoderCase,
    EncoderCertificateBody,
    FreshEncoderCase,
    encoder_headline,
)
from nnc_conformance.reports.certification.encoder_policy import EncoderWaiver
from nnc_conformance.suites.results.outcomes import Outcome


class EncoderWeight(StrEnum):
    """How a case counts in the certificate of an encoder."""

    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"
    REFUSED = "refused"
    LACKING = "lacking"
    CHOICE = "choice"


ENCODER_WEIGHTS: Final[dict[EncoderWeight, str]] = {
    EncoderWeight.PASSED: "gave right streams, the same twice",
    EncoderWeight.FAILED: "did not",
    EncoderWeight.WAIVED: "did not, and a waiver lets it",
    EncoderWeight.REFUSED: "did not encode what it may refuse: that shows nothing",
    EncoderWeight.LACKING: "answered unsupported, and the policy lets it",
    EncoderWeight.CHOICE: "right under another choice of a disputed point only: no certificate counts that",
}
"""The meaning of each weight, as the page shows it; a change makes a new form of the page."""


@dataclass(frozen=True)
class WeighedCase:
    """A case with its weight, and the waiver that applies, if any."""

    case: CertifiedEncoderCase
    weight: EncoderWeight
    waiver: EncoderWaiver | None = None


def weigh_cases(body: EncoderCertificateBody, today: datetime.date) -> tuple[WeighedCase, ...]:
    """Weigh each case of a certificate on the day ``today``."""
    return tuple(_weigh(body, case, today) for case in body.cases)


def _weigh(body: EncoderCertificateBody, case: CertifiedEncoderCase, today: datetime.date) -> WeighedCase:
    """Decide what a case of a certificate counts as on the day ``today``."""
    if case.shows_a_pass():
        return WeighedCase(case, EncoderWeight.PASSED)
    if case.shows_a_refusal():
        return WeighedCase(case, EncoderWeight.REFUSED)
    if case.outcome is Outcome.CHOICE and len(case.stream_sha256) == case.steps:
        return WeighedCase(case, EncoderWeight.CHOICE)
    if case.outcome is Outcome.UNSUPPORTED and body.policy.may_lack(case.case):
        return WeighedCase(case, EncoderWeight.LACKING)
    waiver = body.policy.waiver(case.case, today)
    failed = waiver is None or case.outcome is Outcome.NOT_RUN
    return WeighedCase(case, EncoderWeight.FAILED if failed else EncoderWeight.WAIVED, waiver)


@dataclass(frozen=True)
class OptionEvidence:
    """What the cases that ask for a value of an option show.

    Attributes:
        option: The option, by our name.
        value: The value; "any" for an option that takes any integer.
        asked: Cases that ask for it.
        passed: How many of them the encoder passed.
    """

    option: str
    value: str
    asked: int
    passed: int

    @property
    def shown(self) -> bool:
        """Whether a case was passed; none may be if all rest on disputed points."""
        return self.passed > 0


def option_evidence(weighed: Iterable[WeighedCase]) -> tuple[OptionEvidence, ...]:
    """Return what the cases show of each requested option, in our options' order."""
    asked: Counter[tuple[str, str]] = Counter()
    passed: Counter[tuple[str, str]] = Counter()
    for one in weighed:
        for option, value in one.case.options.items():
            row = (option, "any" if option in OCTAVES else value)
            asked[row] += 1
            passed[row] += one.weight is EncoderWeight.PASSED
    order = list(ASKED)
    rows = sorted(asked, key=lambda row: (order.index(row[0]) if row[0] in order else len(order), row[1]))
    return tuple(OptionEvidence(*row, asked[row], passed[row]) for row in rows)


def capability_counts(weighed: Iterable[WeighedCase]) -> dict[str, int]:
    """Return for each capability of decoders the passed cases whose streams need it."""
    return dict(sorted(Counter(flag for one in weighed if one.weight is EncoderWeight.PASSED for flag in one.case.capabilities).items()))


def group_counts(weighed: Iterable[WeighedCase]) -> dict[str, Counter[EncoderWeight]]:
    """Return the cases of each group by weight."""
    counts: dict[str, Counter[EncoderWeight]] = {}
    for one in weighed:
        counts.setdefault(one.case.group, Counter())[one.weight] += 1
    return counts


def never_asked(body: EncoderCertificateBody) -> tuple[str, ...]:
    """Return what the encoder cannot be asked for, so that nothing is shown of it."""
    options = [name for name in ASKED if name not in body.encoder.options]
    return (*(() if body.encoder.updates else ("updates",)), *options)


def unshown(weighed: Iterable[WeighedCase]) -> tuple[str, ...]:
    """Return the options and groups of which no case that counts was passed, in words."""
    cases = tuple(weighed)
    groups = [f"group {group}" for group, counts in group_counts(cases).items() if not counts[EncoderWeight.PASSED]]
    return (*groups, *(f"{one.option} {one.value}" for one in option_evidence(cases) if not one.shown))


def encoder_reasons(body: EncoderCertificateBody, today: datetime.date, *, signed: bool) -> tuple[str, ...]:
    """Return every reason not to certify, in words; none if the certificate is justified."""
    weighed = weigh_cases(body, today)
    return (
        *_of_form(body, signed=signed),
        *_of_cases(body),
        *(_failure(one.case, "") for one in weighed if one.weight is EncoderWeight.FAILED),
        *(() if any(one.weight is EncoderWeight.PASSED for one in weighed) else ("no case was passed",)),
        *_of_challenge(body),
    )


def _of_form(body: EncoderCertificateBody, *, signed: bool) -> Iterator[str]:
    """Yield what contradicts the policy or the headline."""
    policy, encoder = body.policy, body.encoder
    if body.headline != encoder_headline(policy, encoder, signed=signed):
        yield "the headline does not match encoder, policy and signature"
    if missing := sorted(set(policy.options) - set(encoder.options)):
        yield f"the policy requires options that encoder.toml does not map: {', '.join(missing)}"
    if policy.updates and not encoder.updates:
        yield "the policy requires updates, which the encoder does not encode"
    if encoder.max_error_steps > policy.max_error_steps:
        yield f"max_error_steps of encoder.toml is {encoder.max_error_steps:g}; the policy allows {policy.max_error_steps:g}"


def _of_cases(body: EncoderCertificateBody) -> Iterator[str]:
    """Yield what differs from the cases that are made for the encoder."""
    if body.generator != CASES:
        yield f"its cases are {body.generator}, which this version cannot make again: it makes {CASES}"
        return
    made = {one.case.id: one for one in cases_for(body.encoder.spec())}
    if len(body.cases) < len(made):
        yield f"only {len(body.cases)} of the {len(made)} cases for this encoder have a result"
    elif [case.case for case in body.cases] != list(made):
        yield "its cases are not those for this encoder, each once and in order"
    for case in body.cases:
        one = made.get(case.case)
        if one is None or not case.asks(one.case, case_sha256(one)):
            yield f"{case.case}: it is not the case that is made for this encoder"


def _of_challenge(body: EncoderCertificateBody) -> Iterator[str]:
    """Yield what is wrong with the fresh cases: too few, not those drawn, or not passed."""
    drawn = body.challenge
    if drawn.grammar != FRESH_CASES:
        yield f"its fresh cases are of {drawn.grammar}, which this version cannot draw again: it draws {FRESH_CASES}"
        return
    if len(drawn.cases) < body.policy.challenge:
        yield f"{len(drawn.cases)} fresh cases were encoded; the policy requires {body.policy.challenge}"
    spec = body.encoder.spec()
    seed = challenge_seed(drawn.nonce, body.results_sha256, body.encoder.files)
    made = fresh_cases(spec, seed, len(drawn.cases))
    if not all(case.asks(one.case, case_sha256(one)) for case, one in zip(drawn.cases, made, strict=True)):
        yield "its fresh cases do not follow from nonce, results and encoder"
        return
    for case, one in zip(drawn.cases, made, strict=True):
        if case.outcome not in (Outcome.PASS, Outcome.CHOICE):
            yield _failure(case, "fresh case ")
        elif again := _judged_again(case, one.case, one.inputs, spec):
            yield f"fresh case {case.case}: {again}"
    if drawn.cases and not any(case.outcome is Outcome.PASS for case in drawn.cases):
        yield "no fresh case was passed"


def _judged_again(case: FreshEncoderCase, asked: EncoderCase, inputs: Sequence[Tensors], spec: EncoderSpec) -> str:
    """Return how the streams of a fresh case differ from what is stated; "" if they do not."""
    try:
        streams = case.stream_bytes()
    except ValueError as error:
        return str(error)
    if len(streams) != case.steps:
        return f"{len(streams)} streams for {case.steps} steps"
    found = judge(asked, inputs, spec, [[EncodeRun(EncoderEnding.ENCODED, stream=stream) for stream in streams]], compared=False)
    if found.outcome is not case.outcome:
        return f"its streams show {found.outcome.value.replace('_', ' ')}, not {case.outcome.value}"
    return "" if (found.capabilities, case.refused) == (case.capabilities, False) else "its streams need other capabilities than stated"


def _failure(case: CertifiedEncoderCase, what: str) -> str:
    """Describe a case that is not passed, in one line; ``what`` stands before its name."""
    if case.outcome is Outcome.PASS:
        return f"{what}{case.case}: listed as passed, but with {len(case.stream_sha256)} streams for {case.steps} steps"
    if case.outcome is Outcome.UNSUPPORTED:
        return f"{what}{case.case}: unsupported, although the encoder must encode it; encoder.toml maps only options that it has"
    return f"{what}{case.case}: {case.outcome.value.replace('_', ' ')}"
