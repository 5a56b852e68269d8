"""Coverage as a JSON document, and its summary."""

from typing import Any, Final

from nnc_conformance.generator.coverage.catalogue import catalogue_of
from nnc_conformance.generator.coverage.goals import GoalKind, GoalStanding
from nnc_conformance.generator.coverage.measure import Coverage
from nnc_conformance.reference.syntax.elements import FIRST_EDITION
from nnc_conformance.storage.vector import Edition

COVERAGE_FORMAT: Final = "nnc-coverage/1"
"""Format of the document of streams of the first edition."""
COVERAGE_FORMAT_2: Final = "nnc-coverage/2"
"""Format with goals of both editions: each has its edition, and ``summary`` is by edition."""
TUPLES: Final = (GoalKind.PAIR, GoalKind.TRIPLE)


def summary(coverage: Coverage, edition: Edition) -> dict[str, Any]:
    """Count an edition's goals reached and reachable by kind.

    Certified, disputed and inferred goals are counted separately.
    """
    found: dict[str, Any] = {}
    for kind in GoalKind:
        tallies = {standing: coverage.tally(kind, standing, edition) for standing in GoalStanding}
        counts = {standing.value: {"reached": tally.reached, "reachable": tally.reachable} for standing, tally in tallies.items()}
        found[kind.value] = counts.pop(GoalStanding.CERTIFIED.value) | counts
    return found


def document(coverage: Coverage) -> dict[str, Any]:
    """Build the whole document: summary, streams and every goal.

    For pairs and triples the streams are counted, not named.
    """
    both = len(coverage.editions) > 1
    goals = []
    for edition in coverage.editions:
        for key, goal in catalogue_of(edition).items():
            row: dict[str, Any] = {
                "id": str(key),
                "kind": key.kind.value,
                "subject": key.subject,
                "case": key.case,
                "clause": goal.clause,
                "provenance": goal.provenance.value,
                "standing": goal.standing.value,
                "hits": coverage.totals[key],
            }
            streams = coverage.streams_of.get(key, [])
            row["streams"] = len(streams) if key.kind in TUPLES else streams
            row |= {name: text for name, text in (("why", goal.why), ("unreachable", goal.unreachable)) if text}
            goals.append(row | {"edition": edition} if both else row)
    streams_met = {
        name: {"good": not measured.error, "error": measured.error, "goals": len(measured.counts)}
        for name, measured in coverage.streams.items()
    }
    summaries = {str(edition): summary(coverage, edition) for edition in coverage.editions}
    found = summaries if both else summaries[str(FIRST_EDITION)]
    return {"format": COVERAGE_FORMAT_2 if both else COVERAGE_FORMAT, "summary": found, "streams": streams_met, "goals": goals}
