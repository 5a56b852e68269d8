"""Deciding whether a decoder may be certified, from the content of the certificate alone.

The same rules apply when a certificate is issued and when it is verified.
"""

import datetime
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nnc_conformance.reports.certification.certificate import CertificateBody, CertifiedCase, EditionedBody, headline
from nnc_conformance.reports.certification.policy import EditionedPolicy, Waiver
from nnc_conformance.storage.targets import TARGETS, Target
from nnc_conformance.storage.vector import CAPABILITIES
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.standing import CaseStanding, standing


class Weight(StrEnum):
    """How a case counts in a certificate."""

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
"""The meaning of each weight, as the page of a certificate shows it (see `page.render_certificate`
before a change).
"""


@dataclass(frozen=True)
class Weighed:
    """A case with its weight, and the waiver that applies, if any."""

    case: CertifiedCase
    weight: Weight
    waiver: Waiver | None = None


def weigh(body: CertificateBody, today: datetime.date, withdrawn: Collection[tuple[str, int]] = ()) -> tuple[Weighed, ...]:
    """Weigh each case of a certificate on the day ``today``.

    ``withdrawn``: vectors (id, revision) withdrawn in addition to those that the certificate lists.
    """
    gone = {(one.vector, one.revision) for one in body.withdrawn} | set(withdrawn)
    return tuple(_weigh(body, case, today, gone) for case in body.cases)


def _weigh(body: CertificateBody, case: CertifiedCase, today: datetime.date, withdrawn: Collection[tuple[str, int]]) -> Weighed:
    """Decide what a case of a certificate counts as, such as passed, failed or waived.

    Args:
        body: The certificate.
        case: The case.
        today: The day on which waivers must be valid.
        withdrawn: The (vector, revision) pairs that count no more.
    """
    if (case.vector, case.revision) in withdrawn:
        return Weighed(case, Weight.WITHDRAWN)
    if standing(case.level, case.provenance) is not CaseStanding.CONFORMANCE:
        return Weighed(case, Weight.UNCOUNTED)
    if case.shows_a_pass():
        return Weighed(case, Weight.PASSED)
    if case.outcome is Outcome.UNSUPPORTED and not set(case.flags) <= set(body.decoder.capabilities):
        return Weighed(case, Weight.UNCLAIMED)
    waiver = body.policy.waiver(case.vector, today)
    return Weighed(case, Weight.FAILED if waiver is None or case.outcome is Outcome.NOT_RUN else Weight.WAIVED, waiver)


UNPROVEN: Final = "declared but unproven, since no good vector that needs them counts"
"""What is said of declared capabilities that no vector can prove."""


@dataclass(frozen=True)
class CapabilityEvidence:
    """What the counted vectors that need a declared capability show of it.

    Attributes:
        capability: The capability.
        good: Good vectors that count.
        decoded: How many of them the decoder decoded correctly.
        broken: Broken vectors that count.
        refused: How many of them the decoder treated as it must.
    """

    capability: str
    good: int
    decoded: int
    broken: int
    refused: int

    @property
    def proven(self) -> bool:
        """Whether the decoder decoded a good vector; refusing broken ones proves nothing."""
        return self.decoded > 0

    @property
    def uncounted(self) -> str:
        """What of the capability cannot count, with the fact that is the reason; else empty."""
        known = CAPABILITIES.get(self.capability)
        return known.uncounted if known is not None else ""


def evidence(body: CertificateBody, today: datetime.date, withdrawn: Collection[tuple[str, int]] = ()) -> tuple[CapabilityEvidence, ...]:
    """Count for each declared capability the vectors that use it, and those passed.

    Good and broken streams are counted apart. Vectors that count for nothing are left out.

    Args:
        body: The certificate.
        today: The day on which waivers must be valid.
        withdrawn: Id and revision of vectors that have been withdrawn since; they do not count.
    """
    counted = [one for one in weigh(body, today, withdrawn) if one.weight not in (Weight.UNCOUNTED, Weight.WITHDRAWN)]
    found = []
    for capability in body.decoder.capabilities:
        needing = [one for one in counted if capability in one.case.flags]
        good, broken = ([one for one in needing if (one.case.negative is None) is wanted] for wanted in (True, False))
        passed = [sum(one.weight is Weight.PASSED for one in some) for some in (good, broken)]
        found.append(CapabilityEvidence(capability, len(good), passed[0], len(broken), passed[1]))
    return tuple(found)


def target_of(body: CertificateBody) -> Target | None:
    """Return the target that a certificate is about, or None."""
    return TARGETS[body.policy.target] if isinstance(body.policy, EditionedPolicy) and body.policy.target is not None else None


def headline_of(body: CertificateBody, *, signed: bool) -> str:
    """Return the headline that a certificate must have.

    The headline of a target says what cannot count.
    """
    target = target_of(body)
    met = "" if target is None else target.met_text(_exceptions(body, target))
    return headline(body.policy, body.decoder, signed=signed, met=met)


def _exceptions(body: CertificateBody, target: Target) -> list[str]:
    """Return the capabilities of a target that cannot count, each with the reason."""
    return [f"{name} ({target.uncounted[name]})" for name in _unshown(body, target) if name in target.uncounted]


def _unshown(body: CertificateBody, target: Target) -> list[str]:
    """Return the capabilities of a target that no counted vector that answers it shows."""
    answering = tuple(case for case in body.cases if target.takes(target.edition, case.flags))
    proven = {one.capability for one in evidence(body.model_copy(update={"cases": answering}), body.issued) if one.proven}
    return [name for name in target.capabilities if name not in proven]


def _of_target(body: CertificateBody) -> Iterator[str]:
    """Yield a problem for each capability of the certificate's target that no case shows."""
    target = target_of(body)
    for name in _unshown(body, target) if target is not None else ():
        if target is not None and name not in target.uncounted:
            yield f"capability {name}: the target {target.name} needs it, but no good vector that answers it and counts was passed"


def reasons(body: CertificateBody, today: datetime.date, *, signed: bool, withdrawn: Collection[tuple[str, int]] = ()) -> tuple[str, ...]:
    """Return every reason not to certify, in words; none if the certificate is justified."""
    weighed = weigh(body, today, withdrawn)
    return (
        *_of_form(body, signed=signed),
        *(_failure(one.case, "") for one in weighed if one.weight is Weight.FAILED),
        *_of_nothing(weighed),
        *_of_capabilities(evidence(body, today, withdrawn)),
        *_of_target(body),
        *_of_challenge(body),
    )


def _of_form(body: CertificateBody, *, signed: bool) -> Iterator[str]:
    """Yield what contradicts itself: headline, capabilities, levels, editions, number of cases."""
    policy, decoder = body.policy, body.decoder
    if body.headline != headline_of(body, signed=signed):
        yield "the headline does not match decoder, policy, evidence and signature"
    if missing := sorted(set(policy.capabilities) - set(decoder.capabilities)):
        yield f"the policy requires capabilities that the decoder does not declare: {', '.join(missing)}"
    if len({case.vector for case in body.cases}) != len(body.cases):
        yield "a vector occurs twice"
    if stray := sorted({case.level.value for case in body.cases} - {level.value for level in policy.levels}):
        yield f"cases of levels that the policy does not list: {', '.join(stray)}"
    editions = body.policy.counted_editions
    if isinstance(body, EditionedBody) and (other := sorted({case.edition for case in body.cases} - set(editions))):
        yield f"cases of editions that the policy does not list: {', '.join(map(str, other))}"
    if len(body.cases) != body.suite.vectors:
        yield f"only {len(body.cases)} of the suite's {body.suite.vectors} vectors of level {', '.join(policy.levels)} have a result"


def _of_nothing(weighed: Iterable[Weighed]) -> Iterator[str]:
    if not any(one.weight is Weight.PASSED for one in weighed):
        yield "no vector that counts was passed"


def _of_capabilities(shown: Iterable[CapabilityEvidence]) -> Iterator[str]:
    for one in shown:
        if one.good and not one.decoded:
            yield f"capability {one.capability}: declared, but none of the {one.good} good vectors that need it and count was passed"


def unproven(shown: Iterable[CapabilityEvidence]) -> tuple[str, ...]:
    """Return the declared capabilities that no good vector that counts proves.

    Each comes with the inferred or disputed fact that is the reason, if one is known.
    """
    return tuple(f"{one.capability} ({one.uncounted})" if one.uncounted else one.capability for one in shown if not one.good)


def _of_challenge(body: CertificateBody) -> Iterator[str]:
    """Yield what is wrong with the fresh streams: too few, or some not passed."""
    cases = body.challenge.cases
    if len(cases) < body.policy.challenge:
        yield f"{len(cases)} fresh streams were decoded; the policy requires {body.policy.challenge}"
    for case in cases:
        if not case.shows_a_pass():
            yield _failure(case, "fresh stream ")


def _failure(case: CertifiedCase, what: str) -> str:
    """Describe a case that is not passed, in one line.

    Args:
        case: The case.
        what: Words to put before its name, such as "fresh stream ".
    """
    if case.outcome is Outcome.UNSUPPORTED:
        needs = ", ".join(case.flags) or "none"
        return f"{what}{case.vector} ({case.level}): unsupported, although all capabilities it needs are declared: {needs}"
    if case.outcome is Outcome.PASS:
        return f"{what}{case.vector} ({case.level}): listed as passed, but the hash of its output is not the expected one"
    return f"{what}{case.vector} ({case.level}): {case.outcome.value.replace('_', ' ')}"
