"""False claims: declared capabilities that a decoder's outcomes contradict."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from nnc_conformance.storage.vector import CAPABILITIES
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult, Results
from nnc_conformance.suites.results.standing import CaseStanding, standing


@dataclass(frozen=True)
class FalseClaim:
    """A capability that a decoder declares without passing a vector that needs it."""

    decoder: str
    capability: str
    vectors: tuple[str, ...]

    def __str__(self) -> str:
        count = len(self.vectors)
        none = f"none of the {count} vectors that need it" if count > 1 else "not the one vector that needs it"
        return f"{self._declared}, but decodes {none} correctly"

    @property
    def unjudged(self) -> str:
        """The sentence on a claim whose vectors all rest on inferred or disputed facts."""
        count = len(self.vectors)
        none = f"none of the {count} vectors that need it" if count > 1 else "not the one vector that needs it"
        return f"{self._declared}, which cannot be judged: it decodes {none} as expected, and inferred or disputed facts decide them"

    @property
    def _declared(self) -> str:
        return f"{self.decoder} declares {self.capability} ({CAPABILITIES[self.capability].meaning})"


@dataclass(frozen=True)
class GoodCase:
    """A good vector that needs only declared capabilities (``flags``), and whether it passed."""

    vector: str
    flags: tuple[str, ...]
    passed: bool


def false_claims(decoder: str, declared: Collection[str], shown: Iterable[GoodCase]) -> tuple[FalseClaim, ...]:
    """Return the declared capabilities that no vector confirms, in order.

    A capability whose vectors all need another false one as well is left out: a decoder that gets
    FLOAT payloads wrong is not also said to lack codebooks, which only FLOAT payloads have.
    """
    by_capability: dict[str, list[GoodCase]] = {capability: [] for capability in sorted(declared)}
    for one in shown:
        for flag in set(one.flags) & by_capability.keys():
            by_capability[flag].append(one)
    blamed = {capability: some for capability, some in by_capability.items() if some and not any(one.passed for one in some)}
    alone = {capability for capability, some in blamed.items() if any(set(one.flags) & blamed.keys() == {capability} for one in some)}
    return tuple(
        FalseClaim(decoder, capability, tuple(one.vector for one in some))
        for capability, some in blamed.items()
        if capability in alone or not all(alone & set(one.flags) for one in some)
    )


RIGHT: Final = {Outcome.PASS, Outcome.CHOICE}
"""Outcomes of a good vector that was decoded correctly, or as one disputed choice has it."""

FEWEST: Final = 2
"""Vectors of a run that must need a capability before a claim to it is called false: one may fail
for any reason.
"""


def can_count(case: CaseResult) -> bool:
    """Return whether a case may contradict a claim.

    One that rests on an inferred fact or a disputed point may not: another reading may be right.
    """
    return standing(case.level, case.provenance) not in (CaseStanding.INFERRED, CaseStanding.DISPUTED)


def is_decoded(case: CaseResult) -> bool:
    """Return whether a good stream was decoded, correctly or by a disputed choice.

    Refusing may be such a choice, too.
    """
    return case.outcome is Outcome.PASS or (case.outcome is Outcome.CHOICE and case.output_sha256 is not None)


_NOT_JUDGED: Final = {Outcome.UNSUPPORTED, Outcome.NOT_RUN}


def contradicted(results: Results) -> tuple[FalseClaim, ...]:
    """Return the false claims of all decoders of a run, each by `FEWEST` vectors.

    Return no claims if only part of the suite was run.
    """
    if results.suite.filters or results.counts[Outcome.NOT_RUN]:
        return ()
    return tuple(
        claim
        for decoder in results.decoders
        if decoder.declared
        for claim in false_claims(
            decoder.name,
            decoder.capabilities,
            [
                GoodCase(case.vector, case.flags, is_decoded(case))
                for case in results.cases
                if case.decoder == decoder.name and case.policy is None and case.outcome not in _NOT_JUDGED and can_count(case)
            ],
        )
        if len(claim.vectors) >= FEWEST
    )
