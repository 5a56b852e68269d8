"""Writes docs/coverage.md: what the levels of our suite reach, and the independent codec's streams beside them.

    python benchmarks/coverage_page.py [--jobs N] [--output docs/coverage.md]

Core is read from vectors/, full is generated; each set is measured by the reference decoder (the plain kernel records).
"""

import argparse
import tempfile
from pathlib import Path

from nnc_conformance.generator.coverage.catalogue import catalogue
from nnc_conformance.generator.coverage.goals import Kind, Standing
from nnc_conformance.generator.coverage.measure import Coverage
from nnc_conformance.generator.coverage.selection import core_goals, select
from nnc_conformance.generator.coverage.streams import cover, find_streams
from nnc_conformance.generator.generate import generate
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


def chosen_for_core(core: Coverage, vectors: Path) -> list[str]:
    """What the planner makes of core: by goals, then by the bugs that vectors state."""
    stored = {stored.vector.id: stored.vector for stored in load_suite(vectors, levels={Level.CORE}, verify=False).vectors}
    sizes = {name: sum(file.size for file in files_of(vector)) for name, vector in stored.items()}
    found = select(core_goals(core), {name: {vector.catches} for name, vector in stored.items()}, sizes.__getitem__)
    further = sum(sizes[name] for name in found.superfluous)
    return [
        "## What core's vectors are there for",
        "",
        "The planner (`generator/planner.py`) chooses among all of core: few vectors, and light ones, that meet every certified goal but",
        "triples, then few of the others that catch the bugs which those do not name (`generator/coverage/selection.py`).",
        "",
        "| vectors of core | number | bytes |",
        "|---|---|---|",
        f"| that meet every goal, none of them needlessly | {len(found.for_goals)} | {sum(sizes[name] for name in found.for_goals):,} |",
        f"| each for a bug that none before it names | {len(found.for_bugs)} | {sum(sizes[name] for name in found.for_bugs):,} |",
        f"| for a further instance of a bug that one of those names | {len(found.superfluous)} | {further:,} |",
        "",
        f"Further instances: {', '.join(f'`{name}`' for name in found.superfluous)}.",
        "",
    ]


def page(core: Coverage, full: Coverage, peer: Coverage, others: dict[Standing, Coverage], choice: list[str]) -> str:
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
        *choice,
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

    with tempfile.TemporaryDirectory() as scratch:
        generate([Level.FULL], jobs=arguments.jobs, out=Path(scratch))
        core = covered(vectors / "core")
        full = Coverage({**core.streams, **covered(Path(scratch)).streams})
    others = {
        Standing.DISPUTED: Coverage({**core.streams, **covered(vectors / "disputed").streams}),
        Standing.INFERRED: Coverage({**core.streams, **covered(vectors / "inferred").streams}),
    }
    arguments.output.write_text(page(core, full, covered(PEER), others, chosen_for_core(core, vectors)), encoding="utf-8")


if __name__ == "__main__":
    main()
