"""docs/mutation.md: which seeded bugs the suite catches, and which vector catches what."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from nnc_conformance.faults.mutants.executed_lines import MOST_UNCOMPILED_LINES
from nnc_conformance.faults.mutants.mutant import MEANINGS, UNCERTIFIED_ELEMENTS, UNCERTIFIED_FUNCTIONS, Mutant, Operator
from nnc_conformance.faults.score.cases import KILLS, Kill
from nnc_conformance.faults.score.score import PASS_MARK, MutantTally, Score
from nnc_conformance.reports.markdown import code, table

HEADINGS: Final = ("made", "killed", "of them by category alone", "equivalent", "survived", "score")

_INTRODUCTION: Final = f"""\
Made by `nnc-conformance mutation` (with `--matrix`, each mutant is tried on every vector). A mutant is the reference decoder with one
seeded bug. It is tried on the vectors whose decoding runs the changed statement, in a child process, with the readable kernel uncompiled
(mutants of the coder's tables: compiled, the tables being arguments). A good vector kills it by any bit, type, shape or name that
differs, by a refusal, a crash or a hang. A bad vector is given to the strict mutant and to the lenient one; it kills as the suite fails a
decoder (tensors from a `must` stream, other tensors than the stated ones from a `may` stream, a crash, a hang), and, since the mutant
says why it refuses, by a refusal of another category. Kills of the last kind alone are counted by themselves: a decoder without
categories would not be caught by them.

The score is of vectors of core and negative. A mutant of what is disputed or inferred, on which no vector of these levels may rest,
counts as killed by a vector of level disputed or inferred too. At least {PASS_MARK:.0%} of the mutants that are not equivalent have to
be killed."""


def cells(tally: MutantTally) -> tuple[str, ...]:
    """A tally's figures, in the order of `HEADINGS`."""
    figures = (tally.made, tally.killed, tally.by_category, tally.equivalent, tally.survived)
    return (*map(str, figures), f"{tally.score:.2%}")


def rows_by_operator(score: Score) -> list[tuple[str, ...]]:
    """A row for each operator that has mutants, and one of all."""
    rows = [(operator, *cells(score.tally(found))) for operator, found in _grouped(score, lambda mutant: mutant.operator).items()]
    return [*rows, ("all", *cells(score.tally(list(score.mutants.values()))))]


def page(score: Score, *, matrix: bool) -> str:
    """The page, in Markdown."""
    everything = list(score.mutants.values())
    standings = [("what nobody disputes", True), ("what is disputed or inferred", False)]
    groups = [(title, [mutant for mutant in everything if score.certified_fact(mutant) is fact]) for title, fact in standings]
    by_standing = [(title, *cells(score.tally(found))) for title, found in groups]
    modules = [(code(name), *cells(score.tally(found))) for name, found in _grouped(score, lambda mutant: mutant.module).items()]
    parts = [
        "# Mutation score",
        _INTRODUCTION,
        "## By operator",
        table(("bug", *HEADINGS), rows_by_operator(score)),
        _without_categories(score),
        "\n".join(f"- {operator}: {MEANINGS[operator]}" for operator in Operator),
        "## By what the mutant is about",
        table(("facts", *HEADINGS), by_standing),
        "## By module of the reference",
        table(("module", *HEADINGS), modules),
        "## How they are killed",
        table(("kill", "what it is", "mutants"), _ways(score)),
        "## Survivors",
        _survivors(score),
        "## Equivalent mutants",
        _argued(score, score.arguments.equivalent),
        "## Mutants that show in disputed or inferred content alone",
        "Beside those of these functions and elements as a whole:",
        "\n".join(f"- {why}: {', '.join(map(code, names))}" for why, names in UNCERTIFIED_FUNCTIONS.items()),
        f"- elements: {', '.join(map(code, sorted(UNCERTIFIED_ELEMENTS)))}",
        _argued(score, score.arguments.uncertified),
        "## Which vector kills what",
        _by_vector(score, matrix=matrix),
    ]
    return "\n\n".join(parts) + "\n"


def _without_categories(score: Score) -> str:
    tally = score.tally(list(score.mutants.values()))
    killed, counted = tally.killed - tally.by_category, tally.made - tally.equivalent
    return f"Without the kills by category alone: {killed} of {counted} ({killed / max(counted, 1):.2%})."


def _grouped(score: Score, key: Callable[[Mutant], str]) -> dict[str, list[Mutant]]:
    groups: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in score.mutants.values():
        groups[key(mutant)].append(mutant)
    return dict(sorted(groups.items()))


def _ways(score: Score) -> list[tuple[str, ...]]:
    found = [{kill for _, kill in verdict.kills} for verdict in score.verdicts.values()]
    return [(kill.value, KILLS[kill], str(sum(kill in kinds for kinds in found))) for kill in Kill]


def _survivors(score: Score) -> str:
    if not score.survivors:
        return "None."
    return table(("mutant", "before", "after"), [_change(mutant) for mutant in score.survivors])


def _change(mutant: Mutant) -> tuple[str, str, str]:
    return code(mutant.id), code(mutant.before), code(mutant.after)


def _argued(score: Score, reasons: Mapping[str, str]) -> str:
    by_reason: dict[str, list[Mutant]] = defaultdict(list)
    for mutant_id, reason in reasons.items():
        if mutant_id in score.mutants:
            by_reason[reason].append(score.mutants[mutant_id])
    if not by_reason:
        return "None."
    return "\n\n".join(
        f"{reason}\n\n{table(('mutant', 'before', 'after'), [_change(mutant) for mutant in found])}" for reason, found in by_reason.items()
    )


def _by_vector(score: Score, *, matrix: bool) -> str:
    killed: dict[str, list[str]] = defaultdict(list)
    for mutant_id, verdict in score.verdicts.items():
        for case, _ in verdict.kills:
            killed[case.removesuffix(" (lenient)")].append(mutant_id)
    tried = (
        f"Every vector was tried on every mutant whose statement it runs, but for those that run more than "
        f"{MOST_UNCOMPILED_LINES:,} lines of the uncompiled decoder, which were tried on mutants of tables alone."
        if matrix
        else "Each mutant was tried up to its first kill that is none by category, the cheapest vectors first."
    )
    rows = []
    for vector, ids in sorted(killed.items()):
        found = sorted(set(ids))
        places: dict[str, int] = defaultdict(int)
        for mutant_id in found:
            places[mutant_id.partition(":")[0]] += 1
        most = sorted(places.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN_PLACES]
        rows.append((code(vector), str(len(found)), ", ".join(f"{code(place)} {count}" for place, count in most)))
    return f"{tried} The last column names the functions, constants and tables with most of its kills.\n\n" + table(
        ("vector", "kills", "most of them in"), rows
    )


_SHOWN_PLACES: Final = 5
