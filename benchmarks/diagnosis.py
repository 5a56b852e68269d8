"""Measure how well `explain` finds the faults of unknown decoders; writes docs/diagnosis.md.

    python benchmarks/diagnosis.py [--edition YEAR] [--journal FILE] [--page FILE]

There are four measurements, each of seeded bugs in the reference decoder. Bugs of each edition,
written without knowledge of the catalogue (`seeded_bugs`, `seeded_bugs_2024`), are explained with
the whole catalogue. In the first edition, mutants of a held out third, by the hash of their ids,
are explained with a catalogue without that third, and entries of the coder's tables get another
value. ``--edition`` measures one edition, and keeps the page's section on the other. The exit code
is 1 if too few bugs are explained.
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final

import seeded_bugs
import seeded_bugs_2024

from nnc_conformance.faults.diagnosis.cause import Cause, all_causes
from nnc_conformance.faults.diagnosis.evidence import is_small
from nnc_conformance.faults.diagnosis.explain import explain
from nnc_conformance.faults.diagnosis.shrink import ShrinkError, judge_of, shrink
from nnc_conformance.faults.diagnosis.simulation import SymptomCache, faulty_decoder, simulated, symptoms
from nnc_conformance.faults.diagnosis.symptom import symptom_of
from nnc_conformance.faults.diagnosis.weights import EFFORT
from nnc_conformance.faults.mutants.entries import entry, entry_places, is_entry, usual_value
from nnc_conformance.faults.mutants.fault import UNCHECKED_ENTRY_POINTS, NamedFault
from nnc_conformance.faults.mutants.mutated_decoder import prepare
from nnc_conformance.faults.mutants.named.catalogue import mutant_of
from nnc_conformance.faults.mutants.patch import lines_of
from nnc_conformance.faults.mutants.values import TABLES, Value
from nnc_conformance.faults.score.trial_vectors import TracedVector, TrialVector, traced
from nnc_conformance.reference.entropy.kernel_tables import STATES
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.syntax.elements import FIRST_EDITION, SECOND_EDITION
from nnc_conformance.storage.suite_folder import StoredVector, built_in_root, load_suite
from nnc_conformance.storage.vector import EDITIONS, Edition, Level, Vector
from nnc_conformance.suites.results.outcomes import OUTCOMES
from nnc_conformance.suites.results.result import CaseResult

PARTS = 3
"""Parts that the mutants are divided into."""
HELD_OUT = 0
"""The part that is held out."""
HELD_BUGS = 40
"""Mutants of the held out part that are measured."""
ENTRIES_IN_ALL = 20
"""Entries of the tables that are measured."""
FARTHEST = 20
"""Greatest difference of a wrong entry."""
FEWEST_FAILING = 1
"""Cases that a bug must fail to be measured."""
SECONDS = 3600.0
"""Seconds that one explanation may take."""
SHRUNK, SMALL_ENOUGH, LARGEST_SHRUNK, LOOKED_AT = 10, 200, 1000, 25
"""Failures to shrink; bytes above which a stream is shrunk, and of the largest; vectors to try."""
SHRINK_SECONDS = 60.0
"""Seconds that shrinking one stream may take."""


@dataclass(frozen=True)
class BlindBugs:
    """The measurement of one edition by bugs that were written without the catalogue.

    Args:
        edition: The edition, whose causes are the catalogue.
        name: The edition's name.
        module: The module that holds the bugs.
        bugs: The bugs, in their order.
        count: How many are measured.
        element_mark: Bugs whose element must be right.
        cause_mark: Bugs whose cause must be right.
        levels: Levels of the vectors that a decoder runs on, which are those of all editions up to
            this one.
        lines: Lines that the decoder without a bug executes for these vectors at most.
        note: Further sentences on the bugs, for the page.
    """

    edition: Edition
    name: str
    module: str
    bugs: tuple[NamedFault, ...]
    count: int
    element_mark: int
    cause_mark: int
    levels: tuple[Level, ...]
    lines: int
    note: str


BLIND: Final = {
    FIRST_EDITION: BlindBugs(
        FIRST_EDITION,
        "first edition",
        "seeded_bugs",
        seeded_bugs.BUGS,
        40,
        34,
        28,
        (Level.CORE, Level.FULL, Level.NEGATIVE),
        EFFORT.lines,
        """The bugs of an earlier such author showed what to
improve (29 of 40 causes, 32 of 40 elements were right); they are part of the catalogue (`faults/mutants/named/implementers.py`).""",
    ),
    SECOND_EDITION: BlindBugs(
        SECOND_EDITION,
        "second edition",
        "seeded_bugs_2024",
        seeded_bugs_2024.BUGS,
        20,
        17,
        14,
        (Level.CORE, Level.NEGATIVE),
        200_000,
        """All were written
before the first of them was explained. While a first measurement ran, `explain` was changed to tell failures in different steps of a
session apart; the first 17 bugs had been measured by then, and all their elements and causes were right before and after. A run has the
vectors of both editions. It does not count a wrong model after a step, so that bugs which show in nothing else are left out.""",
    ),
}
"""The measurement of each edition."""


def digest(text: str) -> int:
    """Hash a text to a number."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def part_of(name: str) -> int:
    """Return the part of a mutant, by its id."""
    return digest(name) % PARTS


@dataclass(frozen=True)
class SeededBug:
    """A seeded bug as a cause, and the elements that are right to name."""

    cause: Cause
    elements: tuple[str, ...]


@dataclass(frozen=True)
class BugResult:
    """The result for one bug.

    Args:
        failing: Number of cases that it fails.
        named: The elements that `explain` named.
        causes: The causes that it named, by id.
        fits: Their fits.
        element_place: Position of the first right element, from 1; 0 if there is none.
        cause_place: Position of the first right cause, from 1; 0 if there is none.
        why: Why that cause is right.
        exact: Whether the first cause did the same as the bug in everything that was tried.
        tried: Number of causes that were tried.
    """

    bug: str
    sentence: str
    elements: tuple[str, ...]
    failing: int
    named: tuple[str, ...]
    causes: tuple[str, ...]
    fits: tuple[float, ...]
    element_place: int
    cause_place: int
    why: str
    exact: bool
    tried: int


@dataclass(frozen=True)
class ShrunkFailure:
    """A failure that was shrunk, with sizes in bytes."""

    bug: str
    vector: str
    failure: str
    before: int
    after: int


def small_vectors(vectors: Mapping[str, StoredVector], lines: int, jobs: int) -> list[TracedVector]:
    """Select small vectors; faulty decoders run on them uncompiled.

    Args:
        lines: Lines that the decoder without a bug executes for them at most.
        jobs: Vectors to trace in parallel.
    """
    found = traced([TrialVector.of(stored) for stored in vectors.values() if is_small(stored)], jobs)
    return [one for one in found if one.executed.count <= lines]


def same_cause(bug: Cause, cause: Cause) -> bool:
    """Whether a cause is the right one.

    If the bug or the cause is written by hand, they must change a line in common; else function and
    class of bug must be equal.
    """
    if bug.named or cause.named:
        return bool(set(changed_lines(bug)) & set(changed_lines(cause)))
    return bug.function == cause.function and bug.mutant.operator == cause.mutant.operator


def changed_lines(cause: Cause) -> Iterator[tuple[str, int]]:
    """Iterate over the lines that a cause changes, without edits that many seeded bugs share."""
    edits = cause.mutant.fault.edits if cause.mutant.fault is not None else ()
    spans = [(edit.module, *lines_of(edit)) for edit in edits if edit != UNCHECKED_ENTRY_POINTS] if edits else cause.mutant.lines
    for module, first, last in spans:
        yield from ((module, line) for line in range(first, last + 1))


def detected(bugs: Iterable[SeededBug], count: int, trials: Sequence[TracedVector]) -> Iterator[tuple[SeededBug, list[CaseResult]]]:
    """Iterate over bugs that some, but not all vectors detect, with their results.

    Only one mutant of the catalogue is used for each function.

    Args:
        count: Bugs after which to stop.
    """
    found = 0
    functions: set[str] = set()
    for bug in bugs:
        if bug.cause.function in functions:
            continue
        results = simulated(bug.cause, trials)
        if FEWEST_FAILING <= sum(OUTCOMES[case.outcome].fails for case in results) < len(results):
            found += 1
            functions |= set() if bug.cause.named or is_entry(bug.cause.id) else {bug.cause.function}
            yield bug, results
        if found == count:
            return


def independent_bugs(blind: BlindBugs) -> list[SeededBug]:
    """Return the bugs of an edition in their order."""
    return [SeededBug(Cause(mutant_of(fault)), fault.elements) for fault in blind.bugs]


def mutants_of(parts: Sequence[int]) -> list[SeededBug]:
    """Return the mutants of some parts, by the hash of their ids.

    They concern undisputed facts, and code of a single element.
    """
    own = (cause for cause in all_causes().values() if not cause.named and cause.mutant.certified and not cause.vague)
    return [SeededBug(cause, (cause.element,)) for cause in sorted(own, key=lambda one: digest(one.id)) if part_of(cause.id) in parts]


def entries_drawn() -> Iterator[SeededBug]:
    """Draw entries of the coder's tables, and their values, by hashes."""
    of_table = {
        name: sorted((place for own, place in entry_places() if own == name), key=lambda at: digest(f"{name} {at}")) for name in TABLES
    }
    for drawn in zip_longest(*of_table.values()):
        for name, place in zip(of_table, drawn, strict=True):
            made = drawn_entry(name, place) if place is not None else None
            if made is not None:
                yield SeededBug(Cause(made.mutant), (made.mutant.element,))


def drawn_entry(name: str, place: int) -> Value | None:
    """Draw the value of an entry by a hash.

    Return None if it is the right one or cannot run.

    A stateId can have any value, other entries differ by up to `FARTHEST`.
    """
    usual, number = usual_value(name, place), digest(f"{name} {place} value")
    value = number % STATES if name == "STATE_TRANS_TAB" else usual + number % (2 * FARTHEST + 1) - FARTHEST
    return entry(name, place, value) if value != usual else None


def why_right(bug: Cause, cause: Cause, results: Sequence[CaseResult], trials: Sequence[TracedVector]) -> str:
    """Return why a cause is the right one; empty if it is not."""
    if is_entry(bug.id):
        same = cause.mutant.before == bug.mutant.before
        return "" if not same else "the entry and its value" if cause.mutant.after == bug.mutant.after else "the entry"
    if cause.place == bug.place:
        return "same statement"
    if same_cause(bug, cause):
        return "same statement" if bug.named or cause.named else "same function and class"
    ours = {case.vector: symptom_of(case) for case in results}
    theirs = {trial.trial.id: symptom for _, trial, symptom in symptoms((cause, trial) for trial in trials)}
    return "same output everywhere" if theirs == ours else ""


def explain_bug(
    bug: SeededBug,
    results: list[CaseResult],
    catalogue: Sequence[Cause],
    vectors: Mapping[str, StoredVector],
    memory: SymptomCache,
    trials: Sequence[TracedVector],
) -> BugResult:
    """Explain a bug by its smallest failing case."""
    failing = [case for case in results if OUTCOMES[case.outcome].fails]
    asked = min(failing, key=lambda case: (vectors[case.vector].stream_bytes, case.vector))
    common, others = [[cause for cause in catalogue if cause.named is named] for named in (True, False)]
    explained = explain(results, vectors, asked, common=common, others=others, symptoms=memory, seconds=SECONDS)
    reasons = [why_right(bug.cause, one.cause, results, trials) for one in explained.causes]
    place = next((number for number, reason in enumerate(reasons, 1) if reason), 0)
    named = tuple(one.element for one in explained.named)
    return BugResult(
        bug.cause.id,
        bug.cause.sentence if bug.cause.named else bug.cause.sentence.partition(": ")[2],
        bug.elements,
        len(failing),
        named,
        tuple(one.cause.id for one in explained.causes),
        tuple(round(one.fit, 3) for one in explained.causes),
        next((number for number, name in enumerate(named, 1) if name in bug.elements), 0),
        place,
        reasons[place - 1] if place else "",
        bool(explained.causes) and explained.causes[0].exact,
        explained.ranking.tried,
    )


def shrunk(bugs: Sequence[SeededBug], vectors: Mapping[str, StoredVector], count: int) -> Iterator[ShrunkFailure]:
    """Shrink the first failure of each bug on a stream larger than `SMALL_ENOUGH` bytes.

    Args:
        count: Failures after which to stop.
    """
    core = [one for one in vectors.values() if one.vector.level is Level.CORE]
    large = [one for one in core if SMALL_ENOUGH < one.vector.steps[-1].stream.size < LARGEST_SHRUNK]
    large.sort(key=lambda stored: digest(stored.vector.id))
    found = 0
    for bug in bugs:
        decode_stream = faulty_decoder(bug.cause)
        for stored in large[:LOOKED_AT]:
            stream = stored.read(stored.vector.steps[-1].stream)
            try:
                small = shrink(stream, judge_of(decode_stream), seconds=SHRINK_SECONDS)
            except (ShrinkError, ModelError):
                continue
            yield ShrunkFailure(bug.cause.id, stored.vector.id, str(small.failure), len(stream), len(small.stream))
            found += 1
            break
        if found == count:
            return


SECTION = """## {bugs} seeded bugs of the {edition} that were not used to build it

| | right | of | required |
|---|---|---|---|
| an element among the three that are named | **{elements}** | {bugs} | {element_mark} |
| the element named first | {first_element} | {bugs} | - |
| a cause among the first three | **{causes}** | {bugs} | {cause_mark} |
| the first cause | {first} | {bugs} | - |

The bugs (`benchmarks/{module}.py`) are plausible mistakes of implementers. Their author wrote them from the facts of the
standard and the source of the decoder, without knowledge of the catalogue of causes or its ranking; {several} of them change several
places or lines. These are the first {bugs} that some, but not all, of the {vectors} smaller vectors of {levels}
detect. `explain` uses its whole catalogue, in which nothing was changed for them. {note}

An element is right if the author of the bug lists it. A cause is right if it changes a line that the bug changes, or gives the same
outputs as the bug on all {vectors} vectors, so that outputs cannot distinguish them.

Of the right causes {statement} change the same statement and {output} give the same output everywhere. In {exact} cases the first
cause did exactly the same as the decoder in everything that was tried.

| bug | what it does | cases failed | element | right one of those named | right cause | first cause named | fit |
|---|---|---|---|---|---|---|---|
{rows}

"""
"""Section of the page on the blind bugs of one edition."""

PAGE = """# Diagnosis

`nnc-conformance explain RESULTS CASE` finds the first symbol that the decoder must have got wrong in a failing case, the bins
around it, its element and clause, and likely causes. It needs only the decoder's output: `results.json` has the hash of each output
and the first differences, `run.json` the small outputs of failing cases, `--decoder` runs the decoder, `--output` reads a file.

A cause is a bug in the reference decoder: a mutant made by a tool (`faults/mutants`) or a seeded bug written by hand
(`faults/mutants/named`). Causes whose code every failing case runs are tried on two small failing cases. The {finalists} most
similar ones are tried on up to {failing} failing and {passing} passing cases, and the {last} best of these on up to {further}
more of each kind. The fit of a cause is the share of these cases in which it does the same as the decoder. Cases have weights: a
case counts little if most of the last causes do the same in it. A fit of 1 means the same output or the same refusal in each
failing case, while every passing case passes.

This page is written by `python benchmarks/diagnosis.py`.

{first_edition}{second_edition}## {held_bugs} mutants that the catalogue lacks

| | right | of |
|---|---|---|
| an element among the three that are named | **{held_elements}** | {held_bugs} |
| the element named first | {held_first_element} | {held_bugs} |
| a cause among the first three | **{held_causes}** | {held_bugs} |
| the first cause | {held_first} | {held_bugs} |

This is harder: these mutants are from the third whose ids have hashes of {held_out} modulo {parts}, one for each function in the order
of the hashes, and **none of that third is in the catalogue** here. `explain` cannot find the bug itself; it is right if it names a
related cause: one that changes the same statement, has the same class (off by one, another comparison, ...) in the same function, or
gives the same outputs everywhere. Mutants of inferred or disputed facts, and of code that does not belong to a single element, are
left out. An element is right if the catalogue has it for the statement of the bug; statements often concern several elements, of which
the others count as wrong. The weights of the ranking were set by two thirds of the mutants, which an earlier form of the ids divided
otherwise: mutants held out here may have been among them.

| bug | what it does | cases failed | element | right one of those named | right cause | first cause named | fit |
|---|---|---|---|---|---|---|---|
{held_rows}

## {entry_bugs} wrong entries of the coder's tables

| | right | of |
|---|---|---|
| the element named first | {entry_first_element} | {entry_bugs} |
| the entry among the first three causes | **{entry_causes}** | {entry_bugs} |
| the entry as the first cause | {entry_first} | {entry_bugs} |
| the entry and its value as the first cause | {entry_values} | {entry_bugs} |

Entries are drawn by hashes, from each table in turn, with values that differ by up to {farthest}; these are the first {entry_bugs} that
the smaller vectors detect. A cause is right if it is the same entry. The catalogue has few entries; `explain` itself changes each
entry, to the same range of values and a few more (`faults/diagnosis/wrong_entries.py`). If several do the same in everything that is
tried, it names the one closest to the right value.

| bug | what it does | cases failed | element | right one of those named | right cause | first cause named | fit |
|---|---|---|---|---|---|---|---|
{entry_rows}

## Ten seeded failures, shrunk

`nnc-conformance shrink STREAM --decoder D` removes units, tensors, dimensions, tools and values as long as the decoder fails in
the same way. Of the bugs of the first edition above, these are the first ten that fail one of {looked_at} core vectors of {small} to
{largest} bytes:

| bug | vector | failure | bytes | shrunk |
|---|---|---|---|---|
{shrunk}

{below} of {shrunk_count} are below {small} bytes.

## The other commands

- `nnc-conformance diff OLD NEW` compares two results: broken, unstable, fixed, changed, new and removed cases. The exit code is 1 if
  something is broken, and 3 if the later run is incomplete.
- `nnc-conformance fuzz --decoder D` mutates streams by their syntax, continues from those in which the reference decoder meets a new
  coverage goal, and saves streams that the decoder fails, shrunk, as vectors. Two decoders can be compared with each other. A seed
  gives the same run, however often it is interrupted.
- `nnc-conformance trace STREAM --html F` writes a page with bytes, units and elements next to each other, the bits of each marked, and
  the arithmetic coder's interval and contexts over time.
"""


def cell(text: str) -> str:
    """Escape a text for a table."""
    return " ".join(text.replace("|", "\\|").replace("`", "'").split())


def rows(lines: Sequence[BugResult]) -> str:
    """Write the rows of a table of bugs."""
    return "\n".join(
        f"| `{line.bug}` | {cell(line.sentence)} | {line.failing} | {', '.join(line.elements)} | "
        f"{line.element_place or '**no**'}: {', '.join(line.named)} | "
        f"{f'{line.cause_place}: {line.why}' if line.cause_place else '**no**'} | `{line.causes[0]}` | {line.fits[0]:.2f} |"
        for line in lines
    )


def tally(lines: Sequence[BugResult]) -> dict[str, int]:
    """Count the bugs, and those with right elements and causes."""
    return {
        "bugs": len(lines),
        "elements": sum(line.element_place > 0 for line in lines),
        "first_element": sum(line.element_place == 1 for line in lines),
        "causes": sum(line.cause_place > 0 for line in lines),
        "first": sum(line.cause_place == 1 for line in lines),
    }


def section(blind: BlindBugs, lines: Sequence[BugResult], vectors: int) -> str:
    """Write the page's section on the bugs of one edition.

    Args:
        lines: Their results.
        vectors: Number of the vectors that the bugs ran on.
    """
    why = [line.why for line in lines if line.cause_place]
    edits = {fault.name: fault.edits for fault in blind.bugs}
    *others, last = (level.value for level in blind.levels)
    return SECTION.format(
        **tally(lines), edition=blind.name, module=blind.module, vectors=vectors, levels=f"{', '.join(others)} and {last}", note=blind.note,
        element_mark=blind.element_mark, cause_mark=blind.cause_mark,
        several=sum(len(edits[line.bug]) > 1 or "\n" in edits[line.bug][0].new for line in lines),
        statement=why.count("same statement"), output=why.count("same output everywhere"), exact=sum(line.exact for line in lines),
        rows=rows(lines),
    )  # fmt: skip


def page(
    sections: Mapping[Edition, str], held: Sequence[BugResult], entry_lines: Sequence[BugResult], small: Sequence[ShrunkFailure]
) -> str:
    """Write the page in Markdown, with a section for each edition."""
    return PAGE.format(
        first_edition=sections[FIRST_EDITION], second_edition=sections[SECOND_EDITION],
        **{f"held_{name}": count for name, count in tally(held).items()},
        **{f"entry_{name}": count for name, count in tally(entry_lines).items()}, entry_rows=rows(entry_lines), farthest=FARTHEST,
        entry_values=sum(line.cause_place == 1 and line.why == "the entry and its value" for line in entry_lines),
        last=EFFORT.last, further=EFFORT.further, finalists=EFFORT.finalists, failing=EFFORT.failing, passing=EFFORT.passing,
        held_out=HELD_OUT, parts=PARTS, held_rows=rows(held), looked_at=LOOKED_AT, small=SMALL_ENOUGH, largest=LARGEST_SHRUNK,
        shrunk="\n".join(f"| `{one.bug}` | {one.vector} | {one.failure} | {one.before} | {one.after} |" for one in small),
        below=sum(one.after < SMALL_ENOUGH for one in small), shrunk_count=len(small),
    )  # fmt: skip


def section_of(text: str, edition: Edition) -> str:
    """Return the section of a page on the bugs of an edition; empty if it has none."""
    heading = rf"## \d+ seeded bugs of the {BLIND[edition].name} "
    return next((part for part in re.split(r"(?m)^(?=## )", text) if re.match(heading, part)), "")


def with_section(text: str, edition: Edition, new: str) -> str:
    """Return a page with a new section on the bugs of an edition, and nothing else changed.

    It stands in the place of the old one, or after that of the first edition.
    """
    old = section_of(text, edition)
    first = section_of(text, FIRST_EDITION)
    return text.replace(old, new) if old else text.replace(first, first + new)


def measure(
    bugs: Iterable[tuple[SeededBug, list[CaseResult]]],
    causes: Sequence[Cause],
    vectors: Mapping[str, StoredVector],
    memory: SymptomCache,
    trials: Sequence[TracedVector],
) -> tuple[list[SeededBug], list[BugResult]]:
    """Explain bugs; print each result."""
    tried_bugs, lines = [], []
    for bug, results in bugs:
        line = explain_bug(bug, results, [cause for cause in causes if cause.id != bug.cause.id], vectors, memory, trials)
        print(json.dumps(asdict(line)), flush=True)
        tried_bugs.append(bug)
        lines.append(line)
    print(tally(lines), flush=True)
    return tried_bugs, lines


def measured_blind(blind: BlindBugs, memory: SymptomCache) -> tuple[str, list[SeededBug], dict[str, int]]:
    """Measure the bugs of an edition; return its section, the bugs, and how many are right."""
    vectors = vectors_of(blind)
    trials = small_vectors(vectors, blind.lines, memory.jobs)
    causes = list(all_causes(blind.edition).values())
    bugs, lines = measure(detected(independent_bugs(blind), blind.count, trials), causes, vectors, memory, trials)
    return section(blind, lines, len(trials)), bugs, tally(lines)


def vectors_of(blind: BlindBugs) -> dict[str, StoredVector]:
    """Return the vectors that a decoder of an edition runs on, by id."""
    suite = load_suite(built_in_root(), levels=blind.levels, verify=False)
    return {stored.vector.id: stored for stored in suite.vectors if stored.vector.edition <= blind.edition}


def main() -> int:
    """Measure, write the page, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--journal", type=Path, metavar="FILE", help="file with finished simulations, to resume from")
    parser.add_argument("--jobs", type=int, default=2, help="processes to use (default %(default)s)")
    default_page = Path(__file__).parents[1] / "docs" / "diagnosis.md"
    parser.add_argument("--page", type=Path, metavar="FILE", default=default_page, help="page to write (default %(default)s)")
    parser.add_argument(
        "--edition", type=int, choices=EDITIONS, metavar="YEAR", help="measure this edition only, and keep the page's section on the other"
    )
    parser.add_argument(
        "--develop", type=int, default=0, metavar="N", help="only measure N bugs of the parts that are not held out; write no page"
    )
    options = parser.parse_args()
    memory = SymptomCache(options.journal, jobs=options.jobs)
    prepare()
    editions: tuple[Edition, ...] = EDITIONS if options.edition is None else (options.edition,)
    if options.develop:
        develop(options.develop, memory)
        return 0
    found = {edition: measured_blind(BLIND[edition], memory) for edition in editions}
    sections = {edition: made for edition, (made, _, _) in found.items()}
    kept = True
    if FIRST_EDITION in editions:
        before = options.page.read_text() if options.page.exists() else ""
        others = {edition: section_of(before, edition) for edition in EDITIONS}
        text, kept = mutants_and_entries({**others, **sections}, found[FIRST_EDITION][1], memory)
    else:
        text = with_section(options.page.read_text(), SECOND_EDITION, sections[SECOND_EDITION])
    options.page.write_text(text)
    marks = [(right, BLIND[edition]) for edition, (_, _, right) in found.items()]
    enough = all(right["elements"] >= blind.element_mark and right["causes"] >= blind.cause_mark for right, blind in marks)
    return 0 if enough and kept else 1


def develop(count: int, memory: SymptomCache) -> None:
    """Measure mutants of the parts that are not held out.

    Args:
        count: Number of the mutants.
        memory: What causes are known to do.
    """
    vectors, trials, without = of_first_edition(memory)
    parts = [part for part in range(PARTS) if part != HELD_OUT]
    measure(detected(mutants_of(parts), count, trials), without, vectors, memory, trials)


def of_first_edition(memory: SymptomCache) -> tuple[dict[str, StoredVector], list[TracedVector], list[Cause]]:
    """Return the vectors of the first edition, the small ones, and the catalogue without the held out part."""
    blind = BLIND[FIRST_EDITION]
    vectors = vectors_of(blind)
    without = [cause for cause in all_causes().values() if cause.named or part_of(cause.id) != HELD_OUT]
    return vectors, small_vectors(vectors, blind.lines, memory.jobs), without


def mutants_and_entries(sections: Mapping[Edition, str], bugs: Sequence[SeededBug], memory: SymptomCache) -> tuple[str, bool]:
    """Measure held out mutants and wrong entries, and shrink failures.

    Return the page, and whether enough failures were shrunk.

    Args:
        sections: The page's sections on the bugs of each edition.
        bugs: The bugs whose failures are shrunk.
        memory: What causes are known to do.
    """
    vectors, trials, without = of_first_edition(memory)
    causes = list(all_causes().values())
    _, held = measure(detected(mutants_of([HELD_OUT]), HELD_BUGS, trials), without, vectors, memory, trials)
    _, entry_lines = measure(detected(entries_drawn(), ENTRIES_IN_ALL, trials), causes, vectors, memory, trials)
    small = list(shrunk(bugs, {name: stored for name, stored in vectors.items() if isinstance(stored.vector, Vector)}, SHRUNK))
    kept = len(small) == SHRUNK and all(one.after < SMALL_ENOUGH for one in small)
    return page(sections, held, entry_lines, small), kept


if __name__ == "__main__":
    sys.exit(main())
