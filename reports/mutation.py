"""The pages of the mutation score.

They say which mutants the suite kills, and which vector kills which.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from nnc_conformance.faults.mutants.executed_lines import MOST_UNCOMPILED_LINES
from nnc_conformance.faults.mutants.mutant import MEANINGS, UNCERTIFIED_ELEMENTS, UNCERTIFIED_FUNCTIONS, Mutant, Operator
from nnc_conformance.faults.score.score import PASS_MARK, MutantTally, Score
from nnc_conformance.faults.score.trial_vectors import KILLS, Kill
from nnc_conformance.reference.syntax.elements import SECOND_EDITION
from nnc_conformance.reports.markdown import code, table

HEADINGS: Final = ("made", "killed", "of these by category alone", "equivalent", "survived", "score")
"""Headings of the columns of `cells`."""
_TABLES_TITLE: Final = "Mutants and the vectors that kill them"
TABLES_ANCHOR: Final = f"#{_TABLES_TITLE.lower().replace(' ', '-')}"
"""The tables as seen from the summary, where both are on one page."""
_SHOWN_PLACES: Final = 5
"""Functions, constants and tables named per vector."""

_INTRODUCTION: Final = f"""\
Made by `nnc-conformance mutation` (with `--matrix`, every mutant runs on every vector). A mutant is the reference
decoder with one small bug. It runs on the vectors that execute the changed statement, in a child process, with
uncompiled code; mutants of the tables of the arithmetic decoder run compiled, because compiled code takes the tables as
arguments.

A valid vector kills a mutant that decodes any bit, type, shape or name differently, refuses the stream, crashes or
hangs. A negative vector is given to the strict and to the lenient mutant and kills it as the suite fails a decoder:
tensors from a `must` stream, wrong tensors from a `may` stream, a crash or a hang. It also kills a mutant that refuses
with another category; such kills are counted apart, since a decoder without categories would not be caught by them.

The score counts the vectors of levels core and negative. Mutants of disputed points and inferred facts, which no vector
of these levels may rest on, also count as killed by a vector of level disputed or inferred. At least {PASS_MARK:.0%} of the
mutants that are not equivalent must be killed. The words are explained in the [glossary](glossary.md)."""


def cells(tally: MutantTally) -> tuple[str, ...]:
    """Format the figures of a tally, in the order of `HEADINGS`."""
    figures = (tally.made, tally.killed, tally.by_category, tally.equivalent, tally.survived)
    return (*map(str, figures), f"{tally.score:.2%}")


def rows_by_operator(score: Score) -> list[tuple[str, ...]]:
    """Return one row per operator that has mutants, and one row for all."""
    rows = [(operator, *cells(score.tally(mutants))) for operator, mutants in _grouped(score, lambda mutant: mutant.operator).items()]
    return [*rows, ("all", *cells(score.tally(list(score.mutants.values()))))]


def _edition_words(mutants: Sequence[Mutant]) -> str:
    """Return what a title adds if all mutants are about the second edition."""
    return " of the second edition" if mutants and all(mutant.edition == SECOND_EDITION for mutant in mutants) else ""


def mutation_page(score: Score, tables: str) -> str:
    """Make the summary page in Markdown; it links to the page of `mutation_tables` as ``tables``."""
    everything = list(score.mutants.values())
    standings = [("verified or published", True), ("disputed or inferred", False)]
    groups = [(title, [mutant for mutant in everything if score.certified_fact(mutant) is fact]) for title, fact in standings]
    by_standing = [(title, *cells(score.tally(mutants))) for title, mutants in groups]
    modules = [(code(name), *cells(score.tally(mutants))) for name, mutants in _grouped(score, lambda mutant: mutant.module).items()]
    parts = [
        f"# Mutation score{_edition_words(everything)}",
        _INTRODUCTION,
        f"The equivalent mutants with their reasons, and the mutants that each vector kills: [tables]({tables}).",
        "## By kind of bug",
        table(("bug", *HEADINGS), rows_by_operator(score)),
        _without_categories(score),
        "\n".join(f"- {operator}: {MEANINGS[operator]}" for operator in Operator),
        "## By facts that the mutant changes",
        table(("facts", *HEADINGS), by_standing),
        "## By module of the reference",
        table(("module", *HEADINGS), modules),
        "## How they are killed",
        table(("kill", "meaning", "mutants"), _ways(score)),
        "## Survivors",
        _survivors(score),
    ]
    return "\n\n".join(parts) + "\n"


def mutation_tables(score: Score, *, matrix: bool) -> str:
    """Make the page of long tables in Markdown.

    The tables are equivalent mutants, mutants of disputed or inferred facts, and the kills of each
    vector.

    Args:
        score: The finished run.
        matrix: Whether every vector that reaches a mutant was run, not only up to the first kill.
    """
    parts = [
        f"# {_TABLES_TITLE}",
        "Made by `nnc-conformance mutation`; the summary is the [mutation score](mutation.md).",
        "## Equivalent mutants",
        _argued(score, score.arguments.equivalent),
        "## Mutants of disputed or inferred facts",
        "Only streams with disputed or inferred content show these mutants. First, whole functions and elements:",
        "\n".join(f"- {why}: {', '.join(map(code, names))}" for why, names in UNCERTIFIED_FUNCTIONS.items()),
        f"- elements: {', '.join(map(code, sorted(UNCERTIFIED_ELEMENTS)))}",
        "Then single mutants:",
        _argued(score, score.arguments.uncertified),
        "## Kills of each vector",
        _by_vector(score, matrix=matrix),
    ]
    return "\n\n".join(parts) + "\n"


def _without_categories(score: Score) -> str:
    tally = score.tally(list(score.mutants.values()))
    killed, counted = tally.killed - tally.by_category, tally.made - tally.equivalent
    return f"Without the kills by category alone: {killed} of {counted} ({killed / max(counted, 1):.2%})."


def _grouped(score: Score, key: Callable[[Mutant], str]) -> dict[str, list[Mutant]]:
    """Group the mutants of a score by a key, sorted by it."""
    groups: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in score.mutants.values():
        groups[key(mutant)].append(mutant)
    return dict(sorted(groups.items()))


def _ways(score: Score) -> list[tuple[str, ...]]:
    kinds_of = [{kill for _, kill in verdict.kills} for verdict in score.results.values()]
    return [(kill.value, KILLS[kill], str(sum(kill in kinds for kinds in kinds_of))) for kill in Kill]


def _survivors(score: Score) -> str:
    if not score.survivors:
        return "None."
    return table(("mutant", "before", "after"), [_change(mutant) for mutant in score.survivors])


def _change(mutant: Mutant) -> tuple[str, str, str]:
    return code(mutant.id), code(mutant.before), code(mutant.after)


def _argued(score: Score, reasons: Mapping[str, str]) -> str:
    """Return Markdown tables of the mutants of a score that have a reason, by reason.

    Args:
        score: The score, whose mutants are listed.
        reasons: The reason, such as why it is equivalent, by mutant id.
    """
    by_reason: dict[str, list[Mutant]] = defaultdict(list)
    for mutant_id, reason in reasons.items():
        if mutant_id in score.mutants:
            by_reason[reason].append(score.mutants[mutant_id])
    if not by_reason:
        return "None."
    return "\n\n".join(
        f"{reason}\n\n{table(('mutant', 'before', 'after'), [_change(mutant) for mutant in mutants])}"
        for reason, mutants in by_reason.items()
    )


def _by_vector(score: Score, *, matrix: bool) -> str:
    """Return a Markdown table of the mutants that each vector kills.

    Args:
        score: The score.
        matrix: Whether every mutant ran on every vector, not only until it was killed.
    """
    killed: dict[str, list[str]] = defaultdict(list)
    for mutant_id, verdict in score.results.items():
        for case, _ in verdict.kills:
            killed[case.removesuffix(" (lenient)")].append(mutant_id)
    extent = (
        "Every mutant ran on every vector that executes its statement. Vectors that execute more than "
        f"{MOST_UNCOMPILED_LINES:,} lines of the uncompiled decoder ran on mutants of tables only."
        if matrix
        else "Each mutant ran on its vectors, the cheapest first, until one killed it other than by category."
    )
    rows = []
    for vector, ids in sorted(killed.items()):
        mutants = sorted(set(ids))
        places: dict[str, int] = defaultdict(int)
        for mutant_id in mutants:
            places[mutant_id.partition(":")[0]] += 1
        most = sorted(places.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN_PLACES]
        rows.append((code(vector), str(len(mutants)), ", ".join(f"{code(place)} {count}" for place, count in most)))
    return f"{extent} The last column names the functions, constants and tables in which it kills most mutants.\n\n" + table(
        ("vector", "kills", "most of them in"), rows
    )
