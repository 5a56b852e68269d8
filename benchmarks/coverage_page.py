"""Measure the coverage of each level and of the peer's streams; writes docs/coverage.md.

    python benchmarks/coverage_page.py [--jobs N] [--output docs/coverage.md]

Streams are decoded by the reference decoder, whose plain kernel records what it meets.
"""

import argparse
from pathlib import Path

from nnc_conformance.faults.score.needs import needs_of
from nnc_conformance.generator.coverage.catalogue import catalogue
from nnc_conformance.generator.coverage.goals import GoalKind, GoalStanding
from nnc_conformance.generator.coverage.measure import Coverage
from nnc_conformance.generator.coverage.streams import cover, find_streams, vector_streams
from nnc_conformance.storage.suite_folder import files_of, load_suite
from nnc_conformance.storage.vector import Level

ROOT = Path(__file__).parents[1]
"""Root of the repository."""
PEER = ROOT / "tests" / "data" / "peer-samples"
"""Streams of the independent codec."""


def row(kind: GoalKind, standing: GoalStanding, sets: list[Coverage], edition: int = 2022) -> str:
    """Write the goals reached and reachable, by set, for one kind of goal."""
    cells = []
    for coverage in sets:
        tally = coverage.tally(kind, standing, edition)
        cells.append(f"{tally.reached} of {tally.reachable} ({tally.share:.2%})" if tally.reachable else "-")
    return f"| {kind.value} | {' | '.join(cells)} |"


def core_needs(core: Coverage, root: Path, jobs: int) -> list[str]:
    """Write what core's vectors are needed for."""
    vectors = [stored.vector for stored in load_suite(root, levels={Level.CORE}, verify=False).vectors]
    sizes = {vector.id: sum(file.size for file in files_of(vector)) for vector in vectors if vector.edition == 2022}
    needs = needs_of(sizes, core, root, jobs)
    rows = [
        ("needed to meet a goal (of the first table, including triples)", needs.goals),
        ("of the others, needed to catch a named fault", needs.bugs),
        ("of the others, needed to name an element", needs.names),
        ("not needed", needs.nothing),
    ]
    return [
        "## What core's vectors are needed for",
        "",
        "Without any one of these vectors a figure above would be lower; or a named fault (`faults/mutants/named`) that the vector states",
        "would not be caught by any vector of core or negative; or a report on core's small vectors would name the wrong element for more",
        "of the faults that published decoders had. Vectors that none of this needs belong to level full (`level=Level.FULL` in their",
        "recipe); those still in core are listed. `nox -s smallest` checks all this for twenty vectors drawn at random.",
        "",
        "| vectors of core | number | bytes |",
        "|---|---|---|",
        *(f"| {what} | {len(ids)} | {sum(sizes[name] for name in ids):,} |" for what, ids in rows),
        "",
        *([f"Not needed: {', '.join(f'`{name}`' for name in sorted(needs.nothing))}.", ""] if needs.nothing else []),
    ]


def page(core: Coverage, full: Coverage, peer: Coverage, others: dict[GoalStanding, Coverage], more: list[str]) -> str:
    """Write the page in Markdown."""
    lines = [
        "# Coverage",
        "",
        "Made by `python benchmarks/coverage_page.py`. A goal counts as reached if the reference decoder met it, whatever the vector",
        "was meant to test. Goals are derived from the registry of elements, the branches of the structures and the coder's tables. Goals",
        "that depend on a disputed point or an inferred fact are counted separately from core's.",
        "",
        f"Core: {len(core.streams)} vectors. Core and full: {len(full.streams)}. The independent codec's streams: {len(peer.streams)}.",
        "",
        "| goals (certified) | core | core and full | the independent codec's streams |",
        "|---|---|---|---|",
        *(row(kind, GoalStanding.CERTIFIED, [core, full, peer]) for kind in GoalKind),
        "",
        *(
            line
            for standing, coverage in others.items()
            for line in (
                f"| goals ({standing.value}) | level {standing.value} and core |",
                "|---|---|",
                *(row(kind, standing, [coverage]) for kind in GoalKind),
                "",
            )
        ),
        *more,
        "## Goals that no valid stream meets",
        "",
        "Each has a reason that is proved again whenever the catalogue is built: from the tables, the source of the structures or the",
        "decoder (`generator/coverage/proofs.py`), or from the bytes and time that the value would take (`generator/coverage/costs.py`).",
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


def second_edition(vectors: Path, jobs: int) -> list[str]:
    """Write the goals reached of those that the second edition brought."""
    levels = (Level.CORE, Level.FULL, Level.DISPUTED, Level.INFERRED)
    core, full, disputed, inferred = (cover(vector_streams(vectors, level, 2024), jobs=jobs).streams for level in levels)
    sets = [Coverage(core), Coverage({**core, **full})]
    others = {GoalStanding.DISPUTED: Coverage({**core, **disputed}), GoalStanding.INFERRED: Coverage({**core, **inferred})}
    return [
        "## Second edition",
        "",
        "What general_profile_idc 1 brought: its elements and branches, the contexts of updates with each parameter set and bin, events of",
        "skipped rows and of codebooks, each tool after each history (state), and pairs and triples of tools. What both editions share",
        f"is counted above. Core: {len(core)} vectors. Core and full: {len(core) + len(full)}.",
        "",
        "| goals of 2024 (certified) | core | core and full |",
        "|---|---|---|",
        *(row(kind, GoalStanding.CERTIFIED, sets, 2024) for kind in GoalKind),
        "",
        *(
            line
            for standing, coverage in others.items()
            for line in (
                f"| goals of 2024 ({standing.value}) | level {standing.value} and core |",
                "|---|---|",
                *(row(kind, standing, [coverage], 2024) for kind in GoalKind),
                "",
            )
        ),
    ]


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2, help="processes to use (default %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "coverage.md", help="page to write (default %(default)s)")
    arguments = parser.parse_args()
    vectors = ROOT / "vectors"

    def covered(level: Level) -> Coverage:
        return cover(vector_streams(vectors, level, 2022), jobs=arguments.jobs)

    core = covered(Level.CORE)
    full = Coverage({**core.streams, **covered(Level.FULL).streams})
    others = {
        GoalStanding.DISPUTED: Coverage({**core.streams, **covered(Level.DISPUTED).streams}),
        GoalStanding.INFERRED: Coverage({**core.streams, **covered(Level.INFERRED).streams}),
    }
    peer = cover(find_streams([PEER]), jobs=arguments.jobs)
    more = core_needs(core, vectors, arguments.jobs) + second_edition(vectors, arguments.jobs)
    arguments.output.write_text(page(core, full, peer, others, more), encoding="utf-8")


if __name__ == "__main__":
    main()
