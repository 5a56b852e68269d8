"""How well `explain` finds the fault of decoders with seeded bugs that it has never seen: docs/diagnosis.md.

    python benchmarks/diagnosis.py [--journal F] [--page F]

A third of all mutants, by the hash of their ids, is held out: none of them is in the catalogue that `explain` may use here.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from historical_bugs.faults import BUGS, HistoricalBug

from nnc_conformance.generator.mutants.reach import reaches
from nnc_conformance.generator.mutants.running import prepare
from nnc_conformance.storage.suite_folder import StoredVector, built_in_root, load_suite
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.diagnosis.cause import Cause, all_causes, named_cause
from nnc_conformance.suites.diagnosis.explain import Explanation, explain
from nnc_conformance.suites.diagnosis.panel import MOST_BYTES, MOST_LINES, MOST_OUTPUT
from nnc_conformance.suites.diagnosis.patch import Edit
from nnc_conformance.suites.diagnosis.trying import Memory, Probe, simulated
from nnc_conformance.suites.execute import expectation_of
from nnc_conformance.suites.mutation.cases import Case
from nnc_conformance.suites.outcomes import OUTCOMES
from nnc_conformance.suites.result import CaseResult

PARTS = 3
HELD_OUT = 0
"""Which part of the mutants is held out."""
MUTANTS, HISTORICAL = 30, 10
ELEMENT_MARK, CAUSE_MARK = 34, 28
FEWEST_FAILING = 2
SECONDS = 3600.0


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
    """What came of one bug."""

    bug: str
    sentence: str
    elements: tuple[str, ...]
    failing: int
    named: tuple[str, ...]
    causes: tuple[str, ...]
    fits: tuple[float, ...]
    element_right: bool
    cause_place: int
    exact: bool
    seconds: float


def historical(name: str, bug: HistoricalBug) -> Bug:
    edits = tuple(Edit(*place.split(":"), old, new) for place, old, new in bug.edits)
    return Bug(named_cause(name, bug.sentence, bug.elements[0], edits), bug.elements)


def small_probes(vectors: Mapping[str, StoredVector]) -> list[Probe]:
    """The vectors on which a faulty decoder is run: small ones, for it is not compiled."""
    cases = []
    for stored in vectors.values():
        vector = stored.vector
        if vector.stream.size <= MOST_BYTES and (vector.expected is None or vector.expected.size <= MOST_OUTPUT):
            cases.append(Case(vector, stored.read(vector.stream), expectation_of(stored), False))
    found = reaches([(case.stream, False) for case in cases])
    return [probe for probe in map(Probe, cases, found) if probe.reach.cost <= MOST_LINES]


def same_cause(bug: Cause, cause: Cause) -> bool:
    """Whether a cause is the right one: the bug's statement, or its function and class of bug.

    For a bug by edits, and for a named fault: statements in common.
    """
    if bug.mutant is not None and cause.mutant is not None:
        if (bug.mutant.module, bug.mutant.function) != (cause.mutant.module, cause.mutant.function):
            return False
        return bug.place == cause.place or bug.operator == cause.operator
    mine, theirs = set(statements(bug)), set(statements(cause))
    return bool(mine & theirs)


def statements(cause: Cause) -> Iterator[tuple[str, int]]:
    for module, first, last in cause.lines:
        yield from ((module, line) for line in range(first, last + 1))


def chosen(parts: Sequence[int], mutants: int, named: int, probes: Sequence[Probe]) -> Iterator[tuple[Bug, list[CaseResult]]]:
    """Bugs by the hashes of their ids, one a function, that some of the vectors catch and some not; each with its results."""
    causes = all_causes()
    known = {repr(cause.edits) for cause in causes.values()}
    olds = [historical(name, bug) for name, bug in sorted(BUGS.items(), key=lambda item: digest(item[0])) if bug.level == "core"]
    olds = [bug for bug in olds if repr(bug.cause.edits) not in known and digest(bug.cause.id) % 2 == (1 if HELD_OUT in parts else 0)]
    seeded = sorted((cause for cause in causes.values() if cause.mutant and part_of(cause.id) in parts), key=lambda one: digest(one.id))
    functions: set[str] = set()
    for wanted, bugs in ((named, olds), (mutants, [Bug(cause, (cause.element,)) for cause in seeded])):
        found = 0
        for bug in bugs:
            if found == wanted:
                break
            mutant = bug.cause.mutant
            if mutant is not None and (not mutant.certified or bug.cause.vague or bug.cause.function in functions):
                continue
            results = simulated(bug.cause, probes)
            failing = sum(OUTCOMES[case.outcome].fails for case in results)
            if FEWEST_FAILING <= failing < len(results):
                found += 1
                functions.add(bug.cause.function)
                yield bug, results


def judged_line(bug: Bug, results: Sequence[CaseResult], explained: Explanation, seconds: float) -> Line:
    places = explained.causes
    right = [number for number, one in enumerate(places, 1) if same_cause(bug.cause, one.cause)]
    named = tuple(one.element for one in explained.elements)
    return Line(
        bug.cause.id,
        bug.cause.sentence,
        bug.elements,
        sum(OUTCOMES[case.outcome].fails for case in results),
        named[:3],
        tuple(one.cause.id for one in places),
        tuple(round(one.fit, 3) for one in places),
        bool(named) and named[0] in bug.elements,
        right[0] if right else 0,
        bool(places) and places[0].exact,
        round(seconds, 1),
    )


def tried(bug: Bug, results: list[CaseResult], catalogue: Sequence[Cause], vectors: Mapping[str, StoredVector], memory: Memory) -> Line:
    began = time.monotonic()
    failing = [case for case in results if OUTCOMES[case.outcome].fails]
    asked = min(failing, key=lambda case: vectors[case.vector].vector.stream.size)
    explained = explain(results, vectors, asked, causes=catalogue, memory=memory, seconds=SECONDS)
    return judged_line(bug, results, explained, time.monotonic() - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--journal", type=Path, help="keep what is known here, and go on from it")
    parser.add_argument("--page", type=Path, default=Path(__file__).parents[1] / "docs" / "diagnosis.md")
    parser.add_argument("--develop", type=int, default=0, help="try so many bugs of the parts that are not held out, and write no page")
    options = parser.parse_args()
    memory = Memory(options.journal)
    suite = load_suite(built_in_root(), levels={Level.CORE, Level.NEGATIVE}, verify=False)
    vectors = {stored.vector.id: stored for stored in suite.vectors}
    prepare()
    probes = small_probes(vectors)
    causes = [cause for cause in all_causes().values() if cause.mutant is None or part_of(cause.id) != HELD_OUT]
    parts = (1, 2) if options.develop else (HELD_OUT,)
    counts = (options.develop, options.develop // 3) if options.develop else (MUTANTS, HISTORICAL)
    lines = []
    for bug, results in chosen(parts, *counts, probes):
        catalogue = [cause for cause in causes if cause.id != bug.cause.id]
        line = tried(bug, results, catalogue, vectors, memory)
        print(json.dumps(asdict(line)), flush=True)
        lines.append(line)
    right = sum(line.element_right for line in lines), sum(0 < line.cause_place <= 3 for line in lines)
    print(f"{len(lines)} bugs: element {right[0]}, cause {right[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
