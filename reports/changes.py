"""Comparing the cases of two runs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nnc_conformance.suites.results.fresh_ids import is_fresh
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult, Results


class ChangeKind(StrEnum):
    """How a case changed; the worst kind first."""

    BROKEN = "broken"
    UNSTABLE = "unstable"
    FIXED = "fixed"
    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"


CHANGE_KINDS: Final[dict[ChangeKind, str]] = {
    ChangeKind.BROKEN: "it did not fail before, and fails now",
    ChangeKind.UNSTABLE: "it fails as before, and its repeated runs differ in one of the two runs",
    ChangeKind.FIXED: "it failed before, and does not fail now",
    ChangeKind.CHANGED: "its outcome or its output is different",
    ChangeKind.NEW: "it has no result in the earlier run",
    ChangeKind.GONE: "it has no result in this run",
}
"""The meaning of each kind."""


@dataclass(frozen=True)
class Change:
    """A case that changed; an outcome is None if there is no result."""

    kind: ChangeKind
    vector: str
    decoder: str
    old: Outcome | None
    new: Outcome | None


@dataclass(frozen=True)
class Since:
    """The changes since an earlier run, the worst first, and the number of unchanged cases."""

    source: str
    changes: tuple[Change, ...]
    unchanged: int

    @property
    def worse(self) -> tuple[Change, ...]:
        """The cases that are broken, or new and fail."""
        new = (ChangeKind.BROKEN, ChangeKind.NEW)
        return tuple(change for change in self.changes if change.kind in new and change.new is not None and OUTCOMES[change.new].fails)

    @property
    def counts(self) -> dict[ChangeKind, int]:
        """The number of changes of each kind."""
        counted = Counter(change.kind for change in self.changes)
        return {kind: counted[kind] for kind in ChangeKind if counted[kind]}


def since(source: str, old: Results, cases: Iterable[CaseResult], decoders: Sequence[str]) -> Since:
    """Compare the ``cases`` of ``decoders`` with those of an earlier run, for decoders that both
    runs judged.

    Fresh streams that only one of them drew are a change only if they failed.
    If each run has a single decoder, the two count as the same one whatever their names.
    """
    alone = len(old.decoders) == len(decoders) == 1
    known = set(decoders) if alone else {decoder.name for decoder in old.decoders} & set(decoders)
    before = {(case.vector, decoders[0] if alone else case.decoder): case for case in old.cases}
    after = {(case.vector, case.decoder): case for case in cases}
    places = [(vector, decoder) for vector, decoder in before | after if decoder in known]
    compared = [_change(vector, decoder, before.get((vector, decoder)), after.get((vector, decoder))) for vector, decoder in places]
    order = list(ChangeKind)
    changes = sorted((change for change in compared if change is not None), key=lambda c: (order.index(c.kind), c.decoder, c.vector))
    return Since(source, tuple(changes), len(compared) - len(changes))


def _change(vector: str, decoder: str, old: CaseResult | None, new: CaseResult | None) -> Change | None:
    kind = _kind(old, new)
    if kind is None:
        return None
    return Change(kind, vector, decoder, old.outcome if old is not None else None, new.outcome if new is not None else None)


def _kind(old: CaseResult | None, new: CaseResult | None) -> ChangeKind | None:
    if old is None or new is None:
        only = old or new
        passing_draw = only is not None and is_fresh(only.vector) and not OUTCOMES[only.outcome].fails
        return None if passing_draw else ChangeKind.NEW if old is None else ChangeKind.GONE
    failed, fails = OUTCOMES[old.outcome].fails, OUTCOMES[new.outcome].fails
    if fails and not failed:
        return ChangeKind.BROKEN
    if failed and not fails:
        return ChangeKind.FIXED
    if Outcome.NONDETERMINISTIC in (old.outcome, new.outcome):
        return ChangeKind.UNSTABLE
    return ChangeKind.CHANGED if _shown(old) != _shown(new) else None


def _shown(case: CaseResult) -> tuple[object, ...]:
    """Return outcome and outputs of a case, step by step."""
    return case.outcome, *([step.output_sha256 for step in case.judged_steps] or [case.output_sha256])
