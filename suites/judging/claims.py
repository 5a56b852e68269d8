"""Which declared capabilities the outcomes contradict."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from nnc_conformance.storage.vector import CAPABILITIES
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import Results


@dataclass(frozen=True)
class FalseClaim:
    """A capability that a decoder declares while it passes none of the vectors that need it; ``vectors`` are their ids."""

    decoder: str
    capability: str
    vectors: tuple[str, ...]

    def __str__(self) -> str:
        what = f"{self.capability} ({CAPABILITIES[self.capability]})"
        return f"{self.decoder} declares {what}, and decodes none of the {len(self.vectors)} vectors rightly that need it and were run"


@dataclass(frozen=True)
class GoodCase:
    """What one good vector showed: the capabilities that it needs, all of them declared, and whether it passed."""

    vector: str
    flags: tuple[str, ...]
    passed: bool


def false_claims(decoder: str, declared: Collection[str], shown: Iterable[GoodCase]) -> tuple[FalseClaim, ...]:
    """Returns the declared capabilities whose vectors all fail, in order, but for those that fail only where another false one is needed.

    So a decoder that gets FLOAT payloads wrong is not also said to have no codebooks, which only FLOAT payloads show.
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
"""The outcomes of a good vector that was decoded as it must be, or as it may be."""

_SILENT: Final = {Outcome.UNSUPPORTED, Outcome.NOT_RUN}


def contradicted(results: Results) -> tuple[FalseClaim, ...]:
    """Returns the false claims of every decoder of a run that declares its capabilities; none where a part of the vectors was run."""
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
                GoodCase(case.vector, case.flags, case.outcome in RIGHT)
                for case in results.cases
                if case.decoder == decoder.name and case.policy is None and case.outcome not in _SILENT
            ],
        )
    )
