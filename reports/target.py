"""What the cases of a run say of a target, need by need."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from nnc_conformance.storage.targets import TARGETS, Need, Target
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult, DecoderIdentity
from nnc_conformance.suites.results.standing import CaseStanding, standing


class NeedState(StrEnum):
    """Whether a decoder does what a target needs."""

    MET = "met"
    NOT_MET = "not met"
    UNCOUNTED = "cannot count"
    UNTRIED = "no vector"


@dataclass(frozen=True)
class NeedFigures:
    """The figures of one need: cases that count, and how many of them passed.

    Attributes:
        need: What is needed.
        declared: Whether the decoder declares the capability.
        good: Good streams that need it and count, unsupported ones too.
        decoded: How many of them were decoded correctly.
        broken: Broken streams that need it and count; none without a good one, as they alone prove nothing.
        refused: How many of them were treated as they must be.
        shown: Cases that need it and do not count.
        uncounted: Why none can count; "" if some can.
    """

    need: Need
    declared: bool
    good: int
    decoded: int
    broken: int
    refused: int
    shown: int
    uncounted: str

    @property
    def state(self) -> NeedState:
        """Whether the need is met: not met, met, met but not counted, or untried."""
        if not self.declared or self.decoded < self.good or self.refused < self.broken:
            return NeedState.NOT_MET
        if self.uncounted:
            return NeedState.UNCOUNTED
        return NeedState.MET if self.good else NeedState.UNTRIED

    @property
    def figures(self) -> str:
        """Passed of all cases in words, good and broken streams apart."""
        parts = (("good", self.decoded, self.good), ("broken", self.refused, self.broken))
        return ", ".join(f"{word} {passed} of {count}" for word, passed, count in parts if count) or "none"


@dataclass(frozen=True)
class TargetFigures:
    """What the cases of one decoder say of a target."""

    target: Target
    decoder: str
    needs: tuple[NeedFigures, ...]

    @property
    def headline(self) -> str:
        """The verdict in one line; never "met" alone where a part cannot count."""
        missing = _named(self.needs, NeedState.NOT_MET)
        if missing:
            return f"{self.decoder}: {self.target.name} not met: {', '.join(missing)}"
        if not _named(self.needs, NeedState.MET):
            return f"{self.decoder}: {self.target.name} not shown: no good vector of the run answers it and counts"
        return f"{self.decoder}: {self.target.met_text(self.exceptions)}"

    @property
    def exceptions(self) -> tuple[str, ...]:
        """Needs that nothing that counts shows, each with the reason."""
        cannot = {f"{one.need.capability} ({one.uncounted})": None for one in self.needs if one.state is NeedState.UNCOUNTED}
        return (*cannot, *(f"{text} (no vector)" for text in _named(self.needs, NeedState.UNTRIED)))


def target_figures(decoder: DecoderIdentity, cases: Iterable[CaseResult]) -> tuple[TargetFigures, ...]:
    """Return the figures of each target that some case of a decoder answers."""
    own = [case for case in cases if case.decoder == decoder.name]
    found = []
    for target in TARGETS.values():
        answering = [case for case in own if target.takes(case.tested_edition, case.flags)]
        if answering:
            needs = tuple(_figures(target, need, answering, decoder) for need in target.needs)
            found.append(TargetFigures(target, decoder.name, needs))
    return tuple(found)


def _figures(target: Target, need: Need, answering: Sequence[CaseResult], decoder: DecoderIdentity) -> NeedFigures:
    """Count the cases that show one need of a target.

    Only cases that count, of which one is a good stream, are passed or judged; others are counted
    apart.

    Args:
        target: The target.
        need: The capability, and if it names one the element, that is needed.
        answering: The results that answer the target.
        decoder: The decoder, for the capabilities that it declares.
    """
    needing = [case for case in answering if need.capability in case.flags and (not need.element or need.element in case.elements)]
    counted = [case for case in needing if standing(case.level, case.provenance) is CaseStanding.CONFORMANCE]
    good = [case.outcome for case in counted if case.policy is None]
    broken = [case.outcome for case in counted if case.policy is not None and good]
    uncounted = target.uncounted.get(need.capability, "")
    declared = need.capability in decoder.capabilities
    return NeedFigures(
        need=need,
        declared=declared,
        good=len(good),
        decoded=good.count(Outcome.PASS),
        broken=len(broken),
        refused=broken.count(Outcome.PASS),
        shown=len(needing) - len(counted),
        uncounted=uncounted,
    )


def _named(needs: Iterable[NeedFigures], state: NeedState) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.need.text for one in needs if one.state is state))
