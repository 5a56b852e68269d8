"""Writes docs/coverage.md: what the levels of our suite reach, and the independent codec's streams beside them.

    python benchmarks/coverage_page.py [--jobs N] [--output docs/coverage.md]

Each set is measured by the reference decoder (the plain kernel records).
"""

import argparse
from pathlib import Path

from nnc_conformance.faults.score.needs import needs_of
from nnc_conformance.generator.coverage.catalogue import catalogue
from nnc_conformance.generator.coverage.goals import Kind, Standing
from nnc_conformance.generator.coverage.measure import Coverage
from nnc_conformance.generator.coverage.streams import cover, find_streams
from nnc_conformance.storage.suite_folder import files_of, load_suite
from nnc_conformance.storage.vector import Level

ROOT = Path(__file__).parents[1]
PEER = ROOT / "tests" / "data" / "peer-samples"


def row(kind: Kind, standing: Standing, sets: list[Coverage]) -> str:
    """One line of the table: reached of reachable in each set."""
    cells = []
    for coverage in sets:
        tally = coverage.tally(kind, standing)
        cells.append(f"{tally.reached} of {tally.reachable} ({tally.share:.2%})" if tally.reachable else "-")
    return f"| {kind.value} | {' | '.join(cells)} |"


def core_needs(core: Coverage, root: Path, jobs: int) -> list[str]:
    """What each of core's vectors is needed for."""
    suite = load_suite(root, levels={Level.CORE}, verify=False)
    sizes = {stored.vector.id: sum(file.size for file in files_of(stored.vector)) for stored in suite.vectors}
    needs = needs_of(sizes, core, root, jobs)
    rows = [
        ("which alone meet a goal (of the first table, triples included)", needs.goals),
        ("of the others, those which alone catch a named fault", needs.bugs),
        ("of the others, those without which fewer elements are named", needs.names),
        ("of which others do all this", needs.nothing),
    ]
    return [
        "## What core's vectors are needed for",
        "",
        "Without any one of core's vectors one of the figures above would be lower, or a named fault (`faults/mutants/named`) that it",
        "states, and that no vector of level negative catches, would live; or a report on core's small vectors would name the element of",
        "fewer of the faults that published decoders had. What none of these needs is of level full (`level=Level.FULL` in its recipe).",
        "`nox -s smallest` tries this on twenty vectors drawn at random.",
        "",
        "| vectors of core | number | bytes |",
        "|---|---|---|",
        *(f"| {what} | {len(ids)} | {sum(sizes[name] for name in ids):,} |" for what, ids in rows),
        "",
        *([f"Not needed: {', '.join(f'`{name}`' for name in sorted(needs.nothing))}.", ""] if needs.nothing else []),
    ]


def page(core: Coverage, full: Coverage, peer: Coverage, others: dict[Standing, Coverage], needs: list[str]) -> str:
    """The whole page."""
    lines = [
        "# Coverage",
        "",
        "Made by `python benchmarks/coverage_page.py`. A goal counts as reached when the reference decoder met it, whatever a vector was",
        "meant to do. Goals are derived from the registry of elements, the structures' branches and the coder's tables; those that touch a",
        "disputed point or an inferred fact have denominators of their own and never count with core's.",
        "",
        f"Core: {len(core.streams)} vectors. Core and full: {len(full.streams)}. The independent codec's streams: {len(peer.streams)}.",
        "",
        "| goals (certified) | core | core and full | the independent codec's streams |",
        "|---|---|---|---|",
        *(row(kind, Standing.CERTIFIED, [core, full, peer]) for kind in Kind),
        "",
        *(
            line
            for standing, coverage in others.items()
            for line in (
                f"| goals ({standing.value}) | level {standing.value} beside core |",
                "|---|---|",
                *(row(kind, standing, [coverage]) for kind in Kind),
                "",
            )
        ),
        *needs,
        "## Goals that no good stream meets",
        "",
        "Each has a reason that is proved again whenever the catalogue is built: from the tables, the structures' source or the decoder",
        "(`generator/coverage/proofs.py`), or from what the value costs of core's bytes and minute (`generator/coverage/costs.py`).",
        "",
        "| kind | reason | goals |",
        "|---|---|---|",
    ]
    counted: dict[tuple[str, str], int] = {}
    for goal in catalogue().values():
        if goal.unreachable:
            key = goal.key.kind.value, goal.unreachable
            counted[key] = counted.get(key, 0) + 1
    lines += [f"| {kind} | {reason.replace('|', '/')} | {number} |" for (kind, reason), number in sorted(counted.items())]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "coverage.md")
    arguments = parser.parse_args()
    vectors = ROOT / "vectors"

    def covered(*folders: Path) -> Coverage:
        return cover(find_streams(folders), jobs=arguments.jobs)

    core = covered(vectors / "core")
    full = Coverage({**core.streams, **covered(vectors / "full").streams})
    others = {
        Standing.DISPUTED: Coverage({**core.streams, **covered(vectors / "disputed").streams}),
        Standing.INFERRED: Coverage({**core.streams, **covered(vectors / "inferred").streams}),
    }
    arguments.output.write_text(page(core, full, covered(PEER), others, core_needs(core, vectors, arguments.jobs)), encoding="utf-8")


if __name__ == "__main__":
    main()
