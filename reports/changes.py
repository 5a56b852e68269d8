"""What became of each case since an earlier run."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult, Results


class ChangeKind(StrEnum):
    """How a case changed, the worst first."""

    BROKEN = "broken"
    UNSTABLE = "unstable"
    FIXED = "fixed"
    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"


CHANGE_KINDS: Final[dict[ChangeKind, str]] = {
    ChangeKind.BROKEN: "it did not fail, and fails now",
    ChangeKind.UNSTABLE: "it fails as before, and its repeats differ, now or then",
    ChangeKind.FIXED: "it failed, and does not any more",
    ChangeKind.CHANGED: "its outcome or its output is another",
    ChangeKind.NEW: "it has no earlier result",
    ChangeKind.GONE: "it has no result now",
}
"""Each kind with what it says of a case."""


@dataclass(frozen=True)
class Change:
    """A case that is not as it was; an outcome is None where there is no result."""

    kind: ChangeKind
    vector: str
    decoder: str
    old: Outcome | None
    new: Outcome | None


@dataclass(frozen=True)
class Since:
    """What changed since an earlier run: the changes, the worst first, and how many cases are as they were."""

    source: str
    changes: tuple[Change, ...]
    unchanged: int

    @property
    def counts(self) -> dict[ChangeKind, int]:
        """How many changes are of each kind."""
        found = Counter(change.kind for change in self.changes)
        return {kind: found[kind] for kind in ChangeKind if found[kind]}


def since(source: str, old: Results, cases: Iterable[CaseResult], decoders: Sequence[str]) -> Since:
    """Compares the ``cases`` of ``decoders`` with an earlier run's, for the decoders that it judged too.

    A decoder that is alone in both is taken as one whatever its names.
    """
    alone = len(old.decoders) == len(decoders) == 1
    known = set(decoders) if alone else {decoder.name for decoder in old.decoders} & set(decoders)
    before = {(case.vector, decoders[0] if alone else case.decoder): case for case in old.cases}
    after = {(case.vector, case.decoder): case for case in cases}
    places = [(vector, decoder) for vector, decoder in before | after if decoder in known]
    found = [_change(vector, decoder, before.get((vector, decoder)), after.get((vector, decoder))) for vector, decoder in places]
    order = list(ChangeKind)
    changes = sorted((change for change in found if change is not None), key=lambda c: (order.index(c.kind), c.decoder, c.vector))
    return Since(source, tuple(changes), len(found) - len(changes))


def _change(vector: str, decoder: str, old: CaseResult | None, new: CaseResult | None) -> Change | None:
    kind = _kind(old, new)
    if kind is None:
        return None
    return Change(kind, vector, decoder, old.outcome if old is not None else None, new.outcome if new is not None else None)


def _kind(old: CaseResult | None, new: CaseResult | None) -> ChangeKind | None:
    if old is None:
        return ChangeKind.NEW
    if new is None:
        return ChangeKind.GONE
    failed, fails = OUTCOMES[old.outcome].fails, OUTCOMES[new.outcome].fails
    if fails and not failed:
        return ChangeKind.BROKEN
    if failed and not fails:
        return ChangeKind.FIXED
    if Outcome.NONDETERMINISTIC in (old.outcome, new.outcome):
        return ChangeKind.UNSTABLE
    return ChangeKind.CHANGED if (old.outcome, old.output_sha256) != (new.outcome, new.output_sha256) else None
