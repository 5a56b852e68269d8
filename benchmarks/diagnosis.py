"""How well `explain` finds the fault of decoders with seeded bugs that it has never seen: docs/diagnosis.md.

    python benchmarks/diagnosis.py [--journal F] [--page F]

Three measures: bugs written without sight of the catalogue (`seeded_bugs`), explained with all of it; mutants of a third that is held
out, by the hash of their ids, explained with a catalogue that has none of that third; and entries of the coder's tables with another value.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path

from seeded_bugs import BUGS

from nnc_conformance.faults.diagnosis.cause import Cause, all_causes
from nnc_conformance.faults.diagnosis.explain import explain
from nnc_conformance.faults.diagnosis.panel import FAILING, FURTHER, MOST_BYTES, MOST_LINES, MOST_OUTPUT, PASSING
from nnc_conformance.faults.diagnosis.ranking import FINALISTS, LAST
from nnc_conformance.faults.diagnosis.shrink import ShrinkError, judge_of, shrink
from nnc_conformance.faults.diagnosis.symptom import symptom_of
from nnc_conformance.faults.diagnosis.trying import Memory, Probe, faulty, simulated, symptoms
from nnc_conformance.faults.mutants.entries import TABLES, entry, is_entry, places, usual_value
from nnc_conformance.faults.mutants.named.common import UNCHECKED
from nnc_conformance.faults.mutants.named_mutants import mutant_of
from nnc_conformance.faults.mutants.patch import lines_of
from nnc_conformance.faults.mutants.reach import reaches
from nnc_conformance.faults.mutants.running import prepare
from nnc_conformance.faults.mutants.values import Value
from nnc_conformance.faults.score.cases import Case
from nnc_conformance.reference.entropy.kernel_tables import STATES
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.storage.suite_folder import StoredVector, built_in_root, load_suite
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.judging.expected_output import read_expected_output
from nnc_conformance.suites.results.outcomes import OUTCOMES
from nnc_conformance.suites.results.result import CaseResult

LEVELS = (Level.CORE, Level.FULL, Level.NEGATIVE)
PARTS = 3
HELD_OUT = 0
"""Which part of the mutants is held out."""
BUGS_IN_ALL = 40
ENTRIES_IN_ALL = 20
FARTHEST = 20
"""How far off a wrong entry is at most."""
ELEMENT_MARK, CAUSE_MARK = 34, 28
FEWEST_FAILING = 1
SECONDS = 3600.0
SHRUNK, SMALL_ENOUGH, LARGEST_SHRUNK, LOOKED_AT = 10, 200, 1000, 25
SHRINK_SECONDS = 60.0


def digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def part_of(name: str) -> int:
    return digest(name) % PARTS


@dataclass(frozen=True)
class Bug:
    """A seeded bug: as a cause, and the elements one of which is right to name."""

    cause: Cause
    elements: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """What came of one bug; ``element_place`` and ``cause_place``: which of those named is the first right one (0: none), ``why`` it is."""

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
class Small:
    """A failure that was shrunk, with sizes in bytes."""

    bug: str
    vector: str
    failure: str
    before: int
    after: int


def small_probes(vectors: Mapping[str, StoredVector]) -> list[Probe]:
    """The vectors on which a faulty decoder is run: small ones, for it is not compiled."""
    cases = []
    for stored in vectors.values():
        vector = stored.vector
        if vector.stream.size <= MOST_BYTES and (vector.expected is None or vector.expected.size <= MOST_OUTPUT):
            cases.append(Case(vector, stored.read(vector.stream), read_expected_output(stored), False))
    found = reaches([(case.stream, False) for case in cases])
    return [probe for probe in map(Probe, cases, found) if probe.reach.cost <= MOST_LINES]


def same_cause(bug: Cause, cause: Cause) -> bool:
    """Whether a cause is the right one: for a bug or a cause told by hand lines in common, else function and class of bug."""
    if bug.named or cause.named:
        return bool(set(changed_lines(bug)) & set(changed_lines(cause)))
    return bug.function == cause.function and bug.mutant.operator == cause.mutant.operator


def changed_lines(cause: Cause) -> Iterator[tuple[str, int]]:
    """The lines that a cause changes, but for what many faults need in common."""
    edits = cause.mutant.fault.edits if cause.mutant.fault is not None else ()
    spans = [(edit.module, *lines_of(edit)) for edit in edits if edit != UNCHECKED] if edits else cause.mutant.lines
    for module, first, last in spans:
        yield from ((module, line) for line in range(first, last + 1))


def shown(bugs: Iterable[Bug], count: int, probes: Sequence[Probe]) -> Iterator[tuple[Bug, list[CaseResult]]]:
    """The first ``count`` bugs that some of the vectors catch and some not, each with its results; of the catalogue's mutants one a
    function.
    """
    found = 0
    functions: set[str] = set()
    for bug in bugs:
        if bug.cause.function in functions:
            continue
        results = simulated(bug.cause, probes)
        if FEWEST_FAILING <= sum(OUTCOMES[case.outcome].fails for case in results) < len(results):
            found += 1
            functions |= set() if bug.cause.named or is_entry(bug.cause.id) else {bug.cause.function}
            yield bug, results
        if found == count:
            return


def written_blind() -> list[Bug]:
    """The bugs of `seeded_bugs`, in their order."""
    return [Bug(Cause(mutant_of(fault)), fault.elements) for fault in BUGS]


def mutants_of(parts: Sequence[int]) -> list[Bug]:
    """Mutants of some parts by the hashes of their ids, of undisputed facts, in code about an element in particular."""
    own = (cause for cause in all_causes().values() if not cause.named and cause.mutant.certified and not cause.vague)
    return [Bug(cause, (cause.element,)) for cause in sorted(own, key=lambda one: digest(one.id)) if part_of(cause.id) in parts]


def entries_drawn() -> Iterator[Bug]:
    """Single entries of the coder's tables, of each table in turn, drawn with their values by hashes."""
    of_table = {name: sorted((place for own, place in places() if own == name), key=lambda at: digest(f"{name} {at}")) for name in TABLES}
    for drawn in zip_longest(*of_table.values()):
        for name, place in zip(of_table, drawn, strict=True):
            made = drawn_entry(name, place) if place is not None else None
            if made is not None:
                yield Bug(Cause(made.mutant), (made.mutant.element,))


def drawn_entry(name: str, place: int) -> Value | None:
    """An entry with a value drawn by a hash: of stateId any, else up to `FARTHEST` off; None where it is the right one or cannot be run."""
    usual, number = usual_value(name, place), digest(f"{name} {place} value")
    value = number % STATES if name == "STATE_TRANS_TAB" else usual + number % (2 * FARTHEST + 1) - FARTHEST
    return entry(name, place, value) if value != usual else None


def right_because(bug: Cause, cause: Cause, results: Sequence[CaseResult], probes: Sequence[Probe]) -> str:
    """Why a cause is the right one, empty where it is not."""
    if is_entry(bug.id):
        same = cause.mutant.before == bug.mutant.before
        return "" if not same else "the entry and its value" if cause.mutant.after == bug.mutant.after else "the entry"
    if cause.place == bug.place:
        return "same statement"
    if same_cause(bug, cause):
        return "same statement" if bug.named or cause.named else "same function and class"
    ours = {case.vector: symptom_of(case) for case in results}
    theirs = {probe.case.id: symptom for _, probe, symptom in symptoms((cause, probe) for probe in probes)}
    return "same output everywhere" if theirs == ours else ""


def tried(
    bug: Bug,
    results: list[CaseResult],
    catalogue: Sequence[Cause],
    vectors: Mapping[str, StoredVector],
    memory: Memory,
    probes: Sequence[Probe],
) -> Line:
    failing = [case for case in results if OUTCOMES[case.outcome].fails]
    asked = min(failing, key=lambda case: (vectors[case.vector].vector.stream.size, case.vector))
    explained = explain(results, vectors, asked, causes=catalogue, memory=memory, seconds=SECONDS)
    reasons = [right_because(bug.cause, one.cause, results, probes) for one in explained.causes]
    place = next((number for number, reason in enumerate(reasons, 1) if reason), 0)
    named = tuple(one.element for one in explained.named)
    return Line(
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


def shrunk(bugs: Sequence[Bug], vectors: Mapping[str, StoredVector], count: int) -> Iterator[Small]:
    """Of each bug in turn the first failure on a stream of more than `SMALL_ENOUGH` bytes, shrunk; ``count`` of them."""
    large = [one for one in vectors.values() if one.vector.level is Level.CORE and SMALL_ENOUGH < one.vector.stream.size < LARGEST_SHRUNK]
    large.sort(key=lambda stored: digest(stored.vector.id))
    found = 0
    for bug in bugs:
        ask = faulty(bug.cause)
        for stored in large[:LOOKED_AT]:
            stream = stored.read(stored.vector.stream)
            try:
                small = shrink(stream, judge_of(ask), seconds=SHRINK_SECONDS)
            except (ShrinkError, ModelError):
                continue
            yield Small(bug.cause.id, stored.vector.id, str(small.failure), len(stream), len(small.stream))
            found += 1
            break
        if found == count:
            return


PAGE = """# Diagnosis

`nnc-conformance explain RESULTS CASE` goes from a failing case to the first symbol that the decoder must have got wrong, the bins around
it, the element and clause, and likely causes. It needs the decoder's output only: `results.json` holds the hash of each output and the
first differences, `run.json` the small outputs of failing cases, `--decoder` asks the decoder, `--output` takes a file.

A cause is a seeded bug of the reference decoder, made by a tool (`faults/mutants`) or told by hand (`faults/mutants/named`). Those
whose code every failing case runs are tried on two small failing cases; the {finalists} that are most alike, on up to {failing} failing and
{passing} passing ones; the {last} best of these, on up to {further} more of each kind. The fit of a cause is the share of these cases in
which it does as the decoder did, each weighed by how much that tells: little where most of the last causes do the same. 1 means: the same
output, or the same refusal, in each failing case, and every passing case passes.

This page is made by `python benchmarks/diagnosis.py`.

## {bugs} seeded bugs that were not used to build it

| | right | of | asked for |
|---|---|---|---|
| an element among the three that are named | **{elements}** | {bugs} | {element_mark} |
| the element named first | {first_element} | {bugs} | - |
| a cause among the first three | **{causes}** | {bugs} | {cause_mark} |
| the first cause | {first} | {bugs} | - |

The bugs (`benchmarks/seeded_bugs.py`) were written from the standard's facts and the decoder's text by an author who had seen neither the
catalogue of causes nor how it is ranked, as what implementers plausibly get wrong; {several} of them change several places or lines.
They are the first {bugs} of his that some of the {vectors} smaller vectors of core, full and negative show, and not all of them.
`explain` has its whole catalogue, in which nothing was changed for them. The bugs of another such author, on which it was measured before,
showed what to mend (29 of 40 causes, 32 of 40 elements); they are in the catalogue since (`faults/mutants/named/implementers.py`).

An element is right where the bug's author lists it. A cause is right where it changes a line that the bug changes, or gives the same
outputs as the bug on every one of the {vectors} vectors, so that nobody who sees outputs can tell them apart.

Of the right causes {statement} change the same statement and {output} give the same output everywhere. In {exact} cases the first
cause did in all that was tried exactly what the decoder did.

| bug | what it does | cases failed | element | right, of those named | right cause | first cause named | fit |
|---|---|---|---|---|---|---|---|
{rows}

## {held_bugs} mutants that the catalogue lacks

| | right | of |
|---|---|---|
| an element among the three that are named | **{held_elements}** | {held_bugs} |
| the element named first | {held_first_element} | {held_bugs} |
| a cause among the first three | **{held_causes}** | {held_bugs} |
| the first cause | {held_first} | {held_bugs} |

A harder question: these are mutants of the third whose ids' hashes are {held_out} modulo {parts}, in the order of the hashes, one a
function, and **none of that third is in the catalogue** here, so that `explain` cannot find the bug itself, and is right where it names a
relative: a cause that changes the same statement, or is of the same class (off by one, another comparison, ...) in the same function, or
gives the same outputs everywhere. Left out are those in inferred or disputed facts or in code that is about no element in particular. An
element is right where it is the one that the catalogue has for the bug's statement; a statement often concerns several, so that its
neighbour counts as wrong. Development used the other two thirds; the ranking was changed by what these showed between one measurement of
this third and the next.

| bug | what it does | cases failed | element | right, of those named | right cause | first cause named | fit |
|---|---|---|---|---|---|---|---|
{held_rows}

## {entry_bugs} wrong entries of the coder's tables

| | right | of |
|---|---|---|
| the element named first | {entry_first_element} | {entry_bugs} |
| the entry, as a cause among the first three | **{entry_causes}** | {entry_bugs} |
| the entry, as the first cause | {entry_first} | {entry_bugs} |
| and with the value that it has | {entry_values} | {entry_bugs} |

The first {entry_bugs} that smaller vectors show of entries drawn by hashes, from each table in turn, with values drawn up to {farthest}
off. A cause is right where it is the same entry. The catalogue has few entries; `explain` changes each on its own, to values as far off
and a few more (`faults/diagnosis/wrong_entries.py`); where several do the same in all that is tried, it names the one that is least off.

| bug | what it does | cases failed | element | right, of those named | right cause | first cause named | fit |
|---|---|---|---|---|---|---|---|
{entry_rows}

## Ten seeded failures, shrunk

`nnc-conformance shrink STREAM --decoder D` leaves out units, tensors, dimensions, tools and values as long as the decoder fails in the same
way. Of the bugs above, in their order, the first ten that fail one of {looked_at} core vectors of {small} to {largest} bytes:

| bug | vector | failure | bytes | shrunk |
|---|---|---|---|---|
{shrunk}

{below} of {shrunk_count} are below {small} bytes.

## The other commands

- `nnc-conformance diff OLD NEW` compares two results: broken, unstable, fixed, changed, new and gone cases; it ends with 1 where
  something is broken, and with 3 where the later run did not end.
- `nnc-conformance fuzz --decoder D` makes streams from streams by their syntax, goes on from those in which the reference decoder meets a
  new goal of coverage, and files what the decoder fails, made small, as vectors. Two decoders are held against each other. A seed gives
  the same run, however often it is stopped.
- `nnc-conformance trace STREAM --html F` writes a page: bytes beside units and elements, the bits of each marked, and the arithmetic
  coder's interval and contexts over time.
"""


def cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("`", "'").split())


def rows(lines: Sequence[Line]) -> str:
    return "\n".join(
        f"| `{line.bug}` | {cell(line.sentence)} | {line.failing} | {', '.join(line.elements)} | "
        f"{line.element_place or '**no**'}: {', '.join(line.named)} | "
        f"{f'{line.cause_place}: {line.why}' if line.cause_place else '**no**'} | `{line.causes[0]}` | {line.fits[0]:.2f} |"
        for line in lines
    )


def tally(lines: Sequence[Line]) -> dict[str, int]:
    """How many bugs there are, and of how many the element and the cause are right, among those named and as the first."""
    return {
        "bugs": len(lines),
        "elements": sum(line.element_place > 0 for line in lines),
        "first_element": sum(line.element_place == 1 for line in lines),
        "causes": sum(line.cause_place > 0 for line in lines),
        "first": sum(line.cause_place == 1 for line in lines),
    }


def page(lines: Sequence[Line], held: Sequence[Line], entry_lines: Sequence[Line], small: Sequence[Small], vectors: int) -> str:
    why = [line.why for line in lines if line.cause_place]
    edits = {fault.name: fault.edits for fault in BUGS}
    return PAGE.format(
        **tally(lines), **{f"held_{name}": count for name, count in tally(held).items()},
        **{f"entry_{name}": count for name, count in tally(entry_lines).items()}, entry_rows=rows(entry_lines), farthest=FARTHEST,
        entry_values=sum(line.cause_place == 1 and line.why == "the entry and its value" for line in entry_lines),
        last=LAST, further=FURTHER, finalists=FINALISTS, failing=FAILING, passing=PASSING, held_out=HELD_OUT, parts=PARTS,
        vectors=vectors, element_mark=ELEMENT_MARK, cause_mark=CAUSE_MARK,
        several=sum(len(edits[line.bug]) > 1 or "\n" in edits[line.bug][0].new for line in lines),
        statement=why.count("same statement"), output=why.count("same output everywhere"), exact=sum(line.exact for line in lines),
        rows=rows(lines), held_rows=rows(held), looked_at=LOOKED_AT, small=SMALL_ENOUGH, largest=LARGEST_SHRUNK,
        shrunk="\n".join(f"| `{one.bug}` | {one.vector} | {one.failure} | {one.before} | {one.after} |" for one in small),
        below=sum(one.after < SMALL_ENOUGH for one in small), shrunk_count=len(small),
    )  # fmt: skip


def measured(
    bugs: Iterable[tuple[Bug, list[CaseResult]]],
    causes: Sequence[Cause],
    vectors: Mapping[str, StoredVector],
    memory: Memory,
    probes: Sequence[Probe],
) -> tuple[list[Bug], list[Line]]:
    """What comes of some bugs, each told as it is done."""
    tried_bugs, lines = [], []
    for bug, results in bugs:
        line = tried(bug, results, [cause for cause in causes if cause.id != bug.cause.id], vectors, memory, probes)
        print(json.dumps(asdict(line)), flush=True)
        tried_bugs.append(bug)
        lines.append(line)
    print(tally(lines), flush=True)
    return tried_bugs, lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--journal", type=Path, help="keep what is known here, and go on from it")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--page", type=Path, default=Path(__file__).parents[1] / "docs" / "diagnosis.md")
    parser.add_argument("--develop", type=int, default=0, help="try so many bugs of the parts that are not held out, and write no page")
    options = parser.parse_args()
    memory = Memory(options.journal, jobs=options.jobs)
    suite = load_suite(built_in_root(), levels=LEVELS, verify=False)
    vectors = {stored.vector.id: stored for stored in suite.vectors}
    prepare()
    probes = small_probes(vectors)
    causes = list(all_causes().values())
    without = [cause for cause in causes if cause.named or part_of(cause.id) != HELD_OUT]
    if options.develop:
        parts = [part for part in range(PARTS) if part != HELD_OUT]
        measured(shown(mutants_of(parts), options.develop, probes), without, vectors, memory, probes)
        return 0
    bugs, lines = measured(shown(written_blind(), BUGS_IN_ALL, probes), causes, vectors, memory, probes)
    _, held = measured(shown(mutants_of([HELD_OUT]), BUGS_IN_ALL, probes), without, vectors, memory, probes)
    _, entry_lines = measured(shown(entries_drawn(), ENTRIES_IN_ALL, probes), causes, vectors, memory, probes)
    small = list(shrunk(bugs, vectors, SHRUNK))
    options.page.write_text(page(lines, held, entry_lines, small, len(probes)))
    kept = len(small) == SHRUNK and all(one.after < SMALL_ENOUGH for one in small)
    right = tally(lines)
    return 0 if right["elements"] >= ELEMENT_MARK and right["causes"] >= CAUSE_MARK and kept else 1


if __name__ == "__main__":
    sys.exit(main())
