"""Whether a decoder may be certified: the rules applied to what a certificate holds, the same when it is issued and when it is verified."""

import datetime
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from nnc_conformance.reports.certification.certificate import CertificateBody, CertifiedCase, headline
from nnc_conformance.reports.certification.policy import Waiver
from nnc_conformance.reports.tally import Standing, standing
from nnc_conformance.suites.results.outcomes import Outcome


class Weight(StrEnum):
    """What a case weighs in a certificate."""

    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"
    UNCLAIMED = "unclaimed"
    UNCOUNTED = "uncounted"
    WITHDRAWN = "withdrawn"


WEIGHTS: dict[Weight, str] = {
    Weight.PASSED: "did exactly what it must",
    Weight.FAILED: "did not",
    Weight.WAIVED: "did not, and a waiver lets it",
    Weight.UNCLAIMED: "needs a capability that the decoder does not declare",
    Weight.UNCOUNTED: "rests on an inferred fact or a policy of this project: no certificate counts it",
    Weight.WITHDRAWN: "was found wrong after it was published",
}
"""Each weight with what it says of a case."""


@dataclass(frozen=True)
class Weighed:
    """A case with its weight, and the waiver that it rests on."""

    case: CertifiedCase
    weight: Weight
    waiver: Waiver | None = None


def weigh(body: CertificateBody, today: datetime.date, withdrawn: Collection[tuple[str, int]] = ()) -> tuple[Weighed, ...]:
    """Weighs each case of a certificate on a day; ``withdrawn`` are vectors (id, revision) withdrawn besides those that it names."""
    gone = {(one.vector, one.revision) for one in body.withdrawn} | set(withdrawn)
    return tuple(_weigh(body, case, today, gone) for case in body.cases)


def _weigh(body: CertificateBody, case: CertifiedCase, today: datetime.date, withdrawn: Collection[tuple[str, int]]) -> Weighed:
    if (case.vector, case.revision) in withdrawn:
        return Weighed(case, Weight.WITHDRAWN)
    if standing(case.level, case.provenance) is not Standing.CONFORMANCE:
        return Weighed(case, Weight.UNCOUNTED)
    if case.shows_a_pass():
        return Weighed(case, Weight.PASSED)
    if case.outcome is Outcome.UNSUPPORTED and not set(case.flags) <= set(body.decoder.capabilities):
        return Weighed(case, Weight.UNCLAIMED)
    waiver = body.policy.waiver(case.vector, today)
    return Weighed(case, Weight.FAILED if waiver is None or case.outcome is Outcome.NOT_RUN else Weight.WAIVED, waiver)


def reasons(body: CertificateBody, today: datetime.date, *, signed: bool, withdrawn: Collection[tuple[str, int]] = ()) -> tuple[str, ...]:
    """Returns every reason not to certify, in words; empty where the certificate is rightly given."""
    weighed = weigh(body, today, withdrawn)
    return (
        *_of_form(body, signed=signed),
        *(_failure(one.case, "") for one in weighed if one.weight is Weight.FAILED),
        *_of_nothing(weighed),
        *_of_challenge(body),
    )


def _of_form(body: CertificateBody, *, signed: bool) -> Iterator[str]:
    policy, decoder = body.policy, body.decoder
    if body.headline != headline(policy, decoder, signed=signed):
        yield "the headline is not that of this decoder, policy and signature"
    if missing := sorted(set(policy.capabilities) - set(decoder.capabilities)):
        yield f"the policy asks for capabilities that the decoder does not declare: {', '.join(missing)}"
    if len({case.vector for case in body.cases}) != len(body.cases):
        yield "a vector is there twice"
    if stray := sorted({case.level.value for case in body.cases} - {level.value for level in policy.levels}):
        yield f"cases of other levels than the policy's: {', '.join(stray)}"
    if len(body.cases) != body.suite.vectors:
        yield f"{len(body.cases)} of the suite's {body.suite.vectors} vectors of level {', '.join(policy.levels)} have a result"


def _of_nothing(weighed: Iterable[Weighed]) -> Iterator[str]:
    if not any(one.weight is Weight.PASSED for one in weighed):
        yield "no counted vector was passed"


def _of_challenge(body: CertificateBody) -> Iterator[str]:
    cases = body.challenge.cases
    if len(cases) < body.policy.challenge:
        yield f"{len(cases)} fresh streams were decoded, the policy asks for {body.policy.challenge}"
    for case in cases:
        if not case.shows_a_pass():
            yield _failure(case, "fresh stream ")


def _failure(case: CertifiedCase, what: str) -> str:
    if case.outcome is Outcome.UNSUPPORTED:
        return (
            f"{what}{case.vector} ({case.level}): unsupported, though all that it needs is declared: {', '.join(case.flags) or 'nothing'}"
        )
    if case.outcome is Outcome.PASS:
        return f"{what}{case.vector} ({case.level}): said to pass, and the hash of its output is not the one expected"
    return f"{what}{case.vector} ({case.level}): {case.outcome.value.replace('_', ' ')}"
