"""Second tries of cases that timed out while the machine was busy with something else."""

import os
from typing import Any, Final

from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.running.messages import FinishedCase
from nnc_conformance.suites.sandbox.limits import Limits

MOST_SECOND_TRIES: Final = 5
"""Timeouts of one run that are tried again; a decoder that hangs costs no more."""


def load_average() -> float:
    """Return how many processes wanted a CPU over the last minute, on average."""
    return os.getloadavg()[0]


class SecondTries:
    """Decides which timeouts of a run are tried again alone, at most `MOST_SECOND_TRIES`.

    Args:
        limits: Limits of each case.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._reasons: dict[str, str] = {}

    def takes(self, finished: FinishedCase[Any], *, parallel: int) -> bool:
        """Return whether a case must be tried again before it counts.

        Args:
            finished: The case as it ended.
            parallel: Cases that the run executes at once.
        """
        if finished.case.outcome is not Outcome.TIMEOUT or self.tried(finished.case.id):
            return False
        if finished.log.cpu_seconds >= self._limits.cpu_seconds or len(self._reasons) == MOST_SECOND_TRIES:
            return False
        load, cpus = load_average(), os.cpu_count() or 1
        if parallel == 1 and load <= cpus:
            return False
        self._reasons[finished.case.id] = f"it timed out at load {load:.1f} on {cpus} CPUs, with {parallel} cases at once"
        return True

    def tried(self, case_id: str) -> bool:
        """Return whether a case is, or was, tried again."""
        return case_id in self._reasons

    def noted(self, finished: FinishedCase[Any]) -> FinishedCase[Any]:
        """Return a case with the reason in its log if it was tried again."""
        reason = self._reasons.get(finished.case.id)
        if reason is None:
            return finished
        return finished.model_copy(update={"log": finished.log.model_copy(update={"retried": reason})})
