"""Entries of the coder's tables as causes: those on which every failing case depends, with the values that do as the decoder does."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nnc_conformance.faults.diagnosis.cause import Cause
from nnc_conformance.faults.diagnosis.evidence import Evidence, Seen
from nnc_conformance.faults.diagnosis.ranking import FIRST, likes
from nnc_conformance.faults.diagnosis.simulation import SymptomCache
from nnc_conformance.faults.diagnosis.symptom import SAME_REFUSAL
from nnc_conformance.faults.mutants.entries import entries, farthest, places

SIFTED: Final = 200
"""So many, the most alike, are tried on the whole panel and on longer cases."""
KEPT: Final = 24


def wrong_entries(panel: Evidence, further: Sequence[Seen], memory: SymptomCache) -> list[Cause]:
    """Up to `KEPT` causes that are one entry with another value, which do the same in the first failing cases, the most alike first.

    The catalogue has some entries only, each with one value; these go before its own. ``further``: more cases, on which tables, being
    compiled, can be tried too.
    """
    first = panel.failing[:FIRST]
    one_of_each = {where: Cause(made.mutant) for where in places() if (made := farthest(*where)) is not None}
    probes = [probe for probe, _ in first]
    memory.learn(list(one_of_each.values()), probes)
    met = [where for where, cause in one_of_each.items() if all(own.wrong for own in memory.of(cause, probes))]
    likely = [Cause(made.mutant, number) for where in met for number, made in enumerate(entries(*where))]
    same = _alike(likely, first, memory, least=SAME_REFUSAL)
    whole = (*panel.failing, *panel.passing)
    best = _alike(same, whole, memory, least=0.0)[:SIFTED]
    found = _alike(best, (*whole, *further), memory, least=0.0)[:KEPT]
    return [replace(cause, farfetched=number) for number, cause in enumerate(found, -len(found))]


def _alike(causes: Sequence[Cause], cases: Sequence[Seen], memory: SymptomCache, *, least: float) -> list[Cause]:
    """The causes that in each case are so much like the decoder at least, the most alike first."""
    memory.learn(causes, [probe for probe, _ in cases])
    found = [(cause, likes(cause, cases, memory)) for cause in causes]
    ordered = sorted(found, key=lambda one: (-sum(one[1]), one[0].farfetched))
    return [cause for cause, own in ordered if min(own, default=0.0) >= least]
