"""Wrong entries of the coder's tables as causes.

Every failing case depends on such an entry, and with another value it does as the decoder does.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from nnc_conformance.faults.diagnosis.cause import Cause
from nnc_conformance.faults.diagnosis.evidence import Evidence, Seen
from nnc_conformance.faults.diagnosis.ranking import learned, likenesses
from nnc_conformance.faults.diagnosis.simulation import SymptomCache
from nnc_conformance.faults.diagnosis.weights import EFFORT, WEIGHTS
from nnc_conformance.faults.mutants.entries import entries, entry_places, farthest


def wrong_entries(evidence: Evidence, further: Sequence[Seen], symptoms: SymptomCache, *, deadline: float = inf) -> list[Cause]:
    """Find wrong entries that do the same as the decoder in the first failing cases.

    The most alike come first.

    The catalogue has few entries, with one value each; the causes found here go before these.

    Args:
        evidence: The cases.
        further: Longer cases; tables run compiled and can be tried on these too.
        symptoms: What causes are known to do.
        deadline: Time of `time.monotonic` after which no more entries are tried.
    """
    first = evidence.failing[: EFFORT.first_cases]
    one_of_each = {where: Cause(made.mutant) for where in entry_places() if (made := farthest(*where)) is not None}
    trials = [trial for trial, _ in first]
    tried = {cause.id for cause in learned(list(one_of_each.values()), trials, symptoms, deadline)}
    used = [where for where, cause in one_of_each.items() if cause.id in tried and all(own.wrong for own in symptoms.of(cause, trials))]
    likely = [Cause(made.mutant, number) for where in used for number, made in enumerate(entries(*where))]
    same = _alike(likely, first, symptoms, deadline, least=WEIGHTS.same_refusal)
    whole = (*evidence.failing, *evidence.passing)
    best = _alike(same, whole, symptoms, deadline, least=0.0)[: EFFORT.entries]
    found = _alike(best, (*whole, *further), symptoms, deadline, least=0.0)[: EFFORT.kept_entries]
    return [replace(cause, farfetched=number) for number, cause in enumerate(found, -len(found))]


def _alike(causes: Sequence[Cause], cases: Sequence[Seen], symptoms: SymptomCache, deadline: float, *, least: float) -> list[Cause]:
    """Return the causes that behave like the decoder in each case, the most alike first.

    Causes that could not be tried before the deadline are left out.

    Args:
        causes: The causes to compare.
        cases: The cases, with what the decoder did.
        symptoms: The symptoms known so far; new ones are added.
        deadline: The time to stop, as `monotonic` counts.
        least: Least likeness in every case, 0 to 1.
    """
    tried = learned(causes, [trial for trial, _ in cases], symptoms, deadline)
    found = [(cause, likenesses(cause, cases, symptoms)) for cause in tried]
    ordered = sorted(found, key=lambda one: (-sum(one[1]), one[0].farfetched))
    return [cause for cause, own in ordered if min(own, default=0.0) >= least]
