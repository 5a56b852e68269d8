"""Coverage as a JSON document, and its summary."""

from typing import Any, Final

from nnc_conformance.generator.coverage.catalogue import catalogue
from nnc_conformance.generator.coverage.goals import GoalKind, GoalStanding
from nnc_conformance.generator.coverage.measure import Coverage

COVERAGE_FORMAT: Final = "nnc-coverage/1"
TUPLES: Final = (GoalKind.PAIR, GoalKind.TRIPLE)


def summary(coverage: Coverage) -> dict[str, Any]:
    """Count goals reached and reachable by kind, separately for certified, disputed and inferred
    ones.
    """
    found: dict[str, Any] = {}
    for kind in GoalKind:
        tallies = {standing: coverage.tally(kind, standing) for standing in GoalStanding}
        counts = {standing.value: {"reached": tally.reached, "reachable": tally.reachable} for standing, tally in tallies.items()}
        found[kind.value] = counts.pop(GoalStanding.CERTIFIED.value) | counts
    return found


def document(coverage: Coverage) -> dict[str, Any]:
    """Build the whole document: summary, streams and every goal.

    For pairs and triples the streams are counted, not named.
    """
    goals = []
    for key, goal in catalogue().items():
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
        goals.append(row)
    streams_met = {
        name: {"good": not measured.error, "error": measured.error, "goals": len(measured.counts)}
        for name, measured in coverage.streams.items()
    }
    return {"format": COVERAGE_FORMAT, "summary": summary(coverage), "streams": streams_met, "goals": goals}
