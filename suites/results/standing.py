"""Standings: the kind of fact that a case rests on.

It decides whether the case counts as conformance.
"""

from enum import StrEnum
from typing import Final

from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.storage.vector import Level


class CaseStanding(StrEnum):
    """The kind of fact that a case rests on; each kind is counted separately."""

    CONFORMANCE = "conformance"
    INFERRED = "inferred"
    DISPUTED = "disputed"
    OWN = "own"


STANDINGS: Final[dict[CaseStanding, str]] = {
    CaseStanding.CONFORMANCE: "facts verified with an independent decoder (V) or published (P): only these count as conformance",
    CaseStanding.INFERRED: "facts that this project inferred (I): shown, never counted as conformance",
    CaseStanding.DISPUTED: "points on which published codecs and the text differ: the decoder's choice is shown, none is wrong",
    CaseStanding.OWN: "policies of this project, such as limits: shown, never counted as conformance",
}
"""The meaning of each standing."""


def standing(level: Level, provenance: Provenance) -> CaseStanding:
    """Return whether a case counts: conformance, or inferred, disputed or own, which do not.

    Level and provenance decide; level huge is a policy of our own.
    """
    if level is Level.DISPUTED:
        return CaseStanding.DISPUTED
    if level is Level.INFERRED or provenance is Provenance.INFERRED:
        return CaseStanding.INFERRED
    return CaseStanding.OWN if level is Level.HUGE or provenance is Provenance.OWN else CaseStanding.CONFORMANCE
