"""Comparing the cases of two runs."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
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
    """A case that changed; an outcome is None if there is no result.

    ``note``: what became of its vector: revised, renamed or retired; else empty.
    """

    kind: ChangeKind
    vector: str
    decoder: str
    old: Outcome | None
    new: Outcome | None
    note: str = ""


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


def since(source: str, old: Results, cases: Iterable[CaseResult], decoders: Sequence[str], *, retired: Collection[str] = ()) -> Since:
    """Compare the ``cases`` of ``decoders`` with those of an earlier run.

    Only decoders that both runs judged are compared.

    A vector that only the later run has is taken for one that only the earlier run has under
    another id if no others are described alike. ``retired``: ids that the later suite retired.

    Fresh streams that only one of them drew are a change only if they failed.
    If each run has a single decoder, the two count as the same one whatever their names.
    """
    alone = len(old.decoders) == len(decoders) == 1
    known = set(decoders) if alone else {decoder.name for decoder in old.decoders} & set(decoders)
    before = {(case.vector, decoders[0] if alone else case.decoder): case for case in old.cases}
    after = {(case.vector, case.decoder): case for case in cases}
    places = [(vector, decoder) for vector, decoder in before | after if decoder in known]
    renamed = _renamed([before[place] for place in before.keys() - after], [after[place] for place in after.keys() - before])
    for new, earlier in renamed.items():
        places = [place for place in places if place[0] != earlier]
        before |= {(new, decoder): case for (vector, decoder), case in before.items() if vector == earlier}
    pairs = [(place, before.get(place), after.get(place)) for place in places]
    compared = [_change(*place, old_case, new_case, retired=place[0] in retired) for place, old_case, new_case in pairs]
    order = list(ChangeKind)
    changes = sorted((change for change in compared if change is not None), key=lambda c: (order.index(c.kind), c.decoder, c.vector))
    return Since(source, tuple(changes), len(compared) - len(changes))


def _renamed(gone: Iterable[CaseResult], new: Iterable[CaseResult]) -> dict[str, str]:
    """Return the earlier ids of new vectors whose description only one gone vector has."""
    earlier, later = _by_description(gone), _by_description(new)
    return {
        next(iter(ids)): next(iter(earlier[description]))
        for description, ids in later.items()
        if len(ids) == 1 and len(earlier.get(description, ())) == 1
    }


def _by_description(cases: Iterable[CaseResult]) -> dict[tuple[object, ...], set[str]]:
    """Group the ids of vectors by what describes them.

    The key is (title, what it catches, level, clauses, flags, elements, rule). Fresh streams and
    those without a title are left out.
    """
    found: dict[tuple[object, ...], set[str]] = {}
    for case in cases:
        if case.title and not is_fresh(case.vector):
            description = case.title, case.catches, case.level, case.clauses, case.flags, case.elements, case.rule
            found.setdefault(description, set()).add(case.vector)
    return found


def _change(vector: str, decoder: str, old: CaseResult | None, new: CaseResult | None, *, retired: bool) -> Change | None:
    """Describe how a result changed between two runs; None if it did not.

    Args:
        vector: The vector, by its new name.
        decoder: The decoder.
        old: The result before; None if there was none.
        new: The result now; None if there is none.
        retired: Whether the suite does not have the vector any more.
    """
    kind = _kind(old, new)
    if kind is None:
        return None
    notes = []
    if old is not None and new is not None and old.vector != new.vector:
        notes.append(f"renamed from {old.vector}")
    if old is not None and new is not None and old.revision != new.revision:
        notes.append(f"revision {old.revision} -> {new.revision}")
    if new is None and retired:
        notes.append("retired")
    was, is_ = (None if case is None else case.outcome for case in (old, new))
    return Change(kind, vector, decoder, was, is_, ", ".join(notes))


def _kind(old: CaseResult | None, new: CaseResult | None) -> ChangeKind | None:
    """Return in what way a result changed; None if it did not.

    A fresh stream that is in one run only and passed does not count as a change.
    """
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
