"""Mutants of the plain decoder, which shares no code with the reference, tried on the vectors.

    PYTHONPATH=tests python -m helpers.plain_mutants --journal FILE [--page docs/plain-mutants.md]

A run that was stopped goes on where it was: the journal holds the result of each mutant. One
process at a time, forked per mutant, with bounded memory and time.
"""

import argparse
import ast
import os
import resource
import signal
import sys
import tomllib
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from time import process_time
from types import CodeType, FrameType
from typing import Any, Final, NoReturn, TextIO

import numpy as np
import plain_decoder
from helpers.samples import DATA
from plain_decoder import PlainError
from pydantic import TypeAdapter

from nnc_conformance.faults.mutants.code import last_line, statement_change
from nnc_conformance.faults.mutants.executed_lines import watch_lines
from nnc_conformance.faults.mutants.mutable_code import MutableCode
from nnc_conformance.faults.mutants.mutant import Operator
from nnc_conformance.faults.mutants.mutated_decoder import Ending, MutantOutcome, OutOfTimeError
from nnc_conformance.faults.mutants.operators import TreeEdit, edited, edits
from nnc_conformance.faults.score.trial_vectors import SCORED_LEVELS, Kill, TrialVector, kill_of
from nnc_conformance.faults.score.trials import decides
from nnc_conformance.reference.errors import Category
from nnc_conformance.storage.documents import Frozen, sha256
from nnc_conformance.storage.suite_folder import built_in_root, load_suite
from nnc_conformance.storage.vector import AnyVector, Level

ROOT: Final = Path(plain_decoder.__file__).parent
MODULES: Final = (
    "bits", "arithmetic", "tensor", "codebook", "values", "data_unit", "payload", "parameter_sets", "maps", "topology", "stream",
)  # fmt: skip
"""Modules that decode streams of the first edition; the others hold tables, switches, errors,
updates, and streams made by hand.
"""
ARGUMENTS: Final = Path(__file__).with_name("plain_mutants.toml")
"""Arguments about mutants that survive."""
LEVELS: Final = (Level.CORE, Level.NEGATIVE, Level.FULL, Level.DISPUTED, Level.INFERRED)
"""Levels of the vectors, in the order in which mutants are tried on them."""
UNCOUNTED: Final = (Level.DISPUTED, Level.INFERRED)
"""Levels of vectors that a certificate does not count."""
EXAMPLES: Final = DATA / "second-edition" / "samples.zip"
"""Streams of the second edition: what only they tell from the decoder is about that edition."""
BOMB: Final = "bad-deflate-bomb"
"""A vector that must be refused for its size: the plain decoder has no limits."""
QUICK: Final = 0.25
"""CPU seconds up to which a vector is tried on every mutant; what takes longer is tried on those
that no quick vector kills.
"""
LONG: Final = ("arithmetic", "tensor", "values")
"""Modules whose mutants are tried on vectors that are not quick: their tensors are large, and
nothing else about them is.
"""
SECONDS: Final = 0.5
"""CPU seconds that a mutant has for any stream, in addition to `TIMES` what the decoder takes."""
TIMES: Final = 10.0
"""Factor by which a mutant may be slower than the decoder."""
MEMORY: Final = 1 << 30
"""Bytes of memory that a mutant may take in addition to what the process has."""
CALLS: Final = 2000
"""Calls of each function that are traced in a stream."""
GRACE: Final = 10.0
"""Seconds after its time at which a mutant that does not stop by itself is killed."""


def _affects_output(node: ast.AST) -> bool:
    return not isinstance(node, ast.Assert | ast.Import | ast.ImportFrom | ast.FunctionDef)


PLAIN: Final = MutableCode(_affects_output, {"PlainError": frozenset()})
"""All of the plain decoder but assertions and the messages of errors."""


@dataclass(frozen=True)
class PlainMutant:
    """A small bug in one function of the plain decoder.

    Args:
        id: Module, function and change.
        module: The module below plain_decoder.
        function: The function, with its class.
        operator: The kind of bug.
        lines: The lines of the changed statement, its blocks left out.
        edit: The change.
        tree: The function as it is.
    """

    id: str
    module: str
    function: str
    operator: Operator
    lines: range
    edit: TreeEdit
    tree: ast.FunctionDef

    def install(self) -> None:
        """Put the bug into this process."""
        function: Any = sys.modules[f"plain_decoder.{self.module}"]
        for step in self.function.split("."):
            function = vars(function)[step]
        function = getattr(function, "__func__", getattr(function, "fget", function))
        function.__code__ = _code(self)


def _code(mutant: PlainMutant) -> CodeType:
    changed = edited(mutant.tree, mutant.edit)
    changed.decorator_list = []
    holder, _, name = mutant.function.rpartition(".")
    whole: Any = ast.parse(f"class {holder}: ..." if holder else "")
    (whole.body[0] if holder else whole).body = [changed]
    code = compile(ast.fix_missing_locations(whole), str(ROOT / f"{mutant.module}.py"), "exec", dont_inherit=True)
    for step in (holder, name) if holder else (name,):
        code = next(part for part in code.co_consts if isinstance(part, CodeType) and part.co_name == step)
    return code


def plain_mutants() -> Iterator[PlainMutant]:
    """Yield every mutant, in the order of the sources.

    If several edits give the same code, only the first is kept.
    """
    for module in MODULES:
        body = ast.parse((ROOT / f"{module}.py").read_text(encoding="utf-8")).body
        for holder, statements in (("", body), *((node.name, node.body) for node in body if isinstance(node, ast.ClassDef))):
            for tree in statements:
                if isinstance(tree, ast.FunctionDef):
                    yield from _of_function(module, f"{holder}.{tree.name}" if holder else tree.name, tree)


def _of_function(module: str, function: str, tree: ast.FunctionDef) -> Iterator[PlainMutant]:
    seen = {ast.dump(tree)}
    alike: Counter[str] = Counter()
    for edit in edits(tree, PLAIN):
        changed = edited(tree, edit)
        if (text := ast.dump(changed)) in seen:
            continue
        seen.add(text)
        before, was, becomes = statement_change((tree, changed), edit)
        name = f"{module}.{function}: {was} => {becomes}"
        alike[name] += 1
        number = f" [{alike[name]}]" if alike[name] > 1 else ""
        yield PlainMutant(name + number, module, function, edit.operator, range(before.lineno, last_line(before) + 1), edit, tree)


@dataclass(frozen=True)
class Trial:
    """A stream that mutants are tried on.

    Args:
        id: The vector, or the example of the second edition.
        level: The vector's level; None for an example.
        kill: Returns how the stream catches the decoder in force.
        lines: The lines that the decoder executes, by module; None if it is not quick.
        seconds: CPU seconds that a mutant has.
    """

    id: str
    level: Level | None
    kill: Callable[[], Kill | None]
    lines: dict[str, frozenset[int]] | None
    seconds: float

    def meets(self, mutant: PlainMutant) -> bool:
        """Return whether the stream executes the mutant's statement."""
        if self.lines is None:
            return mutant.module in LONG
        return not self.lines.get(mutant.module, frozenset()).isdisjoint(mutant.lines)


def trials(levels: Sequence[Level] = LEVELS, *, examples: bool = False, takes: Callable[[AnyVector], bool] = lambda _: True) -> list[Trial]:
    """Return the trials of some levels, by level and the quickest first.

    Include those of the second edition's ``examples``.

    `BOMB` and the vectors of rule limits are left out.
    """
    suite = load_suite(built_in_root(), levels=set(levels), verify=False)
    made = []
    for stored in suite.vectors:
        limits = stored.vector.negative is not None and stored.vector.negative.rule == "limits"
        if stored.vector.id != BOMB and not limits and takes(stored.vector):
            made.append(_trial(stored.vector.id, stored.vector.level, _by_vector(TrialVector.of(stored))))
    for name, streams in _sessions() if examples else ():
        with suppress(PlainError):
            made.append(_trial(name, None, _by_session(streams, session_bytes(streams))))
    order = {level: place for place, level in enumerate((*LEVELS, None))}
    return sorted(made, key=lambda trial: (trial.lines is None, order[trial.level], trial.seconds, trial.id))


def _by_vector(vector: TrialVector) -> Callable[[], Kill | None]:
    return lambda: kill_of(vector, *outcomes_of(vector))


def _by_session(streams: Sequence[bytes], expected: bytes) -> Callable[[], Kill | None]:
    return lambda: None if _session(streams) == expected else Kill.OUTPUT


def _sessions() -> Iterator[tuple[str, list[bytes]]]:
    """Yield the examples of the second edition, each as the streams of a session."""
    found: dict[str, list[bytes]] = {}
    with zipfile.ZipFile(EXAMPLES) as archive:
        for name in sorted(name for name in archive.namelist() if name.endswith(".nnr")):
            found.setdefault(Path(name).name.partition(".")[0], []).append(archive.read(name))
    yield from found.items()


def _trial(name: str, level: Level | None, kill: Callable[[], Kill | None]) -> Trial:
    start = process_time()
    assert kill() is None, f"the plain decoder fails {name}"
    seconds = process_time() - start
    return Trial(name, level, kill, executed_lines(kill) if seconds < QUICK else None, SECONDS + TIMES * seconds)


def outcomes_of(vector: TrialVector) -> list[MutantOutcome]:
    """Decode a vector's stream, or those of its session up to the first that is not decoded."""
    content = vector.content
    if isinstance(content, bytes):
        return [outcome_of(content)]
    session = plain_decoder.Session()
    outcomes = []
    for stream in content:
        outcomes.append(outcome_of(stream, lambda stream: session.decode(stream).decoded))
        if outcomes[-1].ending is not Ending.DECODED:
            break
    return outcomes


def outcome_of(stream: bytes, decode: Callable[[bytes], plain_decoder.Decoded] | None = None) -> MutantOutcome:
    """Decode a stream with the plain decoder in force, or with a session of it."""
    try:
        decoded = (decode or plain_decoder.decode)(stream)
    except PlainError as refusal:
        return MutantOutcome(Ending.REFUSED, category=Category(refusal.category))
    except Exception as error:  # a crash of a mutant is its outcome
        return MutantOutcome(Ending.CRASHED, detail=repr(error))
    return MutantOutcome(Ending.DECODED, parameters=decoded.parameters, topology=decoded.topology)


def session_bytes(streams: Sequence[bytes]) -> bytes:
    """Decode a session; return all its tensors in one string of bytes."""
    text = BytesIO()
    for step in plain_decoder.decode_session(list(streams)):
        for tensors in (step.parameters, step.model):
            for name, values in tensors.items():
                text.write(f"{name} {values.dtype} {values.shape}\n".encode() + values.tobytes())
    return text.getvalue()


def _session(streams: Sequence[bytes]) -> bytes:
    try:
        return session_bytes(streams)
    except Exception as error:  # a crash of a mutant is its outcome
        return repr(error).encode()


def executed_lines(run: Callable[[], object]) -> dict[str, frozenset[int]]:
    """Return the lines of the plain decoder that a call executes, by module.

    Only the first `CALLS` calls of each function are traced.
    """
    return watch_lines(run, {str(ROOT / f"{module}.py"): module for module in MODULES}, most_calls=CALLS).lines


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    CATEGORY = "killed by category alone"
    UNCERTIFIED = "killed by a disputed or inferred vector alone"
    UNCOUNTED = "of what does not count"
    EQUIVALENT = "equivalent"
    SURVIVED = "survived"


LEFT_OUT: Final = frozenset({Fate.UNCERTIFIED, Fate.UNCOUNTED, Fate.EQUIVALENT})
"""Fates of mutants that core and negative need not show."""


class PlainResult(Frozen):
    """The first kill of a mutant that decides, else the first by category.

    Args:
        mutant: Its id.
        vector: The stream that catches it; empty if none does.
        level: The level of that vector; None for an example of the second edition.
        kill: How.
        tried: Streams that it was tried on.
    """

    mutant: str
    vector: str = ""
    level: Level | None = None
    kill: Kill | None = None
    tried: int = 0

    @property
    def scored(self) -> bool:
        """Whether a vector of core or negative catches it."""
        return self.level in SCORED_LEVELS

    @property
    def fate(self) -> Fate:
        """What became of it, before any argument."""
        if self.kill is None:
            return Fate.SURVIVED
        if not self.scored:
            return Fate.UNCERTIFIED if self.level in UNCOUNTED else Fate.SURVIVED
        return Fate.KILLED if decides(self.kill) else Fate.CATEGORY


def judge_mutant(mutant: PlainMutant, streams: Sequence[Trial]) -> PlainResult:
    """Try a mutant on the streams that execute its statement, in their order, up to the first kill
    that decides.
    """
    wanted = [trial for trial in streams if trial.meets(mutant)]
    reader, writer = Pipe(duplex=False)
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        _be_child(mutant, wanted, writer)
    writer.close()
    by_category: PlainResult | None = None
    try:
        for tried, trial in enumerate(wanted, 1):
            try:
                kill = reader.recv() if reader.poll(trial.seconds + GRACE) else Kill.HANG
            except EOFError:
                kill = Kill.CRASH
            if kill is not None:
                found = PlainResult(mutant=mutant.id, vector=trial.id, level=trial.level, kill=kill, tried=tried)
                if decides(kill):
                    return found if by_category is None or found.scored else by_category
                by_category = by_category or found
        return by_category or PlainResult(mutant=mutant.id, tried=len(wanted))
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        reader.close()


def _be_child(mutant: PlainMutant, wanted: Sequence[Trial], writer: Connection) -> NoReturn:
    """Put the bug in force, and send for each stream how it catches the mutant."""
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        signal.signal(signal.SIGPROF, _out_of_time)
        warnings.simplefilter("ignore")
        np.seterr(all="ignore")
        mutant.install()
        for trial in wanted:
            signal.setitimer(signal.ITIMER_PROF, trial.seconds)
            try:
                kill = trial.kill()
            except OutOfTimeError:
                kill = Kill.HANG
            except MemoryError:
                kill = Kill.CRASH
            signal.setitimer(signal.ITIMER_PROF, 0)
            writer.send(kill)
            if decides(kill):
                break
    except BaseException:  # whatever a bug does must not go on in this copy of the parent
        traceback.print_exc()
    finally:
        os._exit(0)


def _out_of_time(_number: int, _frame: FrameType | None) -> NoReturn:
    raise OutOfTimeError


class Argument(Frozen):
    """A reason that holds for some mutants.

    A name is that of a mutant, of a statement (its mutants' names up to the arrow) or of a
    function; a statement or a function stands for all its mutants that survive.

    Args:
        reason: Why no vector of core or negative shows them.
        equivalent: Mutants that decode every stream as the decoder does.
        uncounted: Mutants that only a disputed point, an inferred fact, or a rule that a lenient
            decoder need not keep shows.
        survived: Mutants that a vector could show.
    """

    reason: str
    equivalent: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    survived: tuple[str, ...] = ()

    @property
    def by_fate(self) -> dict[Fate, tuple[str, ...]]:
        """The names, by what becomes of their mutants."""
        return {Fate.EQUIVALENT: self.equivalent, Fate.UNCOUNTED: self.uncounted, Fate.SURVIVED: self.survived}


def names_of(mutant: str) -> tuple[str, str, str]:
    """Return the names by which an argument can mean a mutant, the narrowest first."""
    statement = mutant.partition(" => ")[0]
    return mutant, statement, statement.partition(": ")[0]


def arguments() -> tuple[Argument, ...]:
    """Return the arguments of `ARGUMENTS`."""
    return TypeAdapter(tuple[Argument, ...]).validate_python(tomllib.loads(ARGUMENTS.read_text(encoding="utf-8")).get("because", []))


def journalled(path: Path) -> dict[str, PlainResult]:
    """Return the results in a journal, by mutant; the last line may be cut."""
    results = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with suppress(ValueError):
            result = PlainResult.model_validate_json(line)
            results[result.mutant] = result
    return results


def try_all(mutants: Sequence[PlainMutant], streams: Sequence[Trial], journal: TextIO) -> list[PlainMutant]:
    """Judge mutants and write their results to the journal.

    Return those that no vector of core or negative decides on.
    """
    left = []
    for mutant in mutants:
        result = judge_mutant(mutant, streams)
        journal.write(result.model_dump_json() + "\n")
        journal.flush()
        if result.fate is not Fate.KILLED:
            left.append(mutant)
    return left


def fates(mutants: Sequence[PlainMutant], results: Mapping[str, PlainResult]) -> dict[str, tuple[Fate, str]]:
    """Return what became of each mutant, arguments included, and the reason if one was argued.

    The narrowest name counts. Raise `AssertionError` for an argument that a vector contradicts.
    """
    meant = {name: (fate, one.reason) for one in arguments() for fate, names in one.by_fate.items() for name in names}
    found = {}
    for mutant in mutants:
        if mutant.id in results:
            result = results[mutant.id]
            alive = result.fate in (Fate.SURVIVED, Fate.CATEGORY)
            assert alive or mutant.id not in meant, f"{mutant.id}: {result.fate}, so the argument is wrong"
            argued = (meant[name] for name in names_of(mutant.id) if alive and name in meant)
            fate, reason = found[mutant.id] = next(argued, (result.fate, ""))
            contradicted = {
                Fate.UNCOUNTED: result.level is Level.FULL,
                Fate.EQUIVALENT: result.fate is Fate.SURVIVED and bool(result.vector),
            }
            assert not (reason and contradicted.get(fate)), f"{mutant.id}: {result.vector} shows it, so the argument is wrong"
    return found


def page(mutants: Sequence[PlainMutant], results: Mapping[str, PlainResult]) -> str:
    """Write the page about the results."""
    found = fates(mutants, results)
    by_module: dict[str, Counter[Fate]] = {module: Counter() for module in MODULES}
    for mutant in mutants:
        if mutant.id in found:
            by_module[mutant.module][found[mutant.id][0]] += 1
    whole = sum(by_module.values(), Counter[Fate]())
    rows = [_row(f"`{module}`", counts) for module, counts in by_module.items()] + [_row("all", whole)]
    lines = [
        "# Mutants of a decoder that shares nothing with the reference",
        "",
        "Made by `nox -s plain-mutants`. The [mutation score](mutation.md) measures the vectors by bugs in the",
        "reference decoder, whose code the generator knows. Here the same operators put small bugs into",
        "`tests/plain_decoder`, a second decoder that was written from the specification sheets alone. Each",
        "mutant is tried on the vectors of levels core and negative of both editions, up to the first that fails it,",
        "and, if none does and no argument says why, on all others and on examples of the second edition.",
        f"Of its {len(list(plain_mutants())):,} mutants {len(found):,} were tried, drawn at random.",
        "",
        f"| module | {' | '.join(fate.value for fate in Fate)} | score |",
        f"| --- |{' --- |' * len(Fate)} --- |",
        *rows,
        "",
        "The score is of core and negative alone: mutants killed of those that are not left out. Left out is what no",
        "vector of these levels may rest on, a disputed point, an inferred fact, or a rule that a lenient decoder need not",
        "keep, and what by an argument has no effect. A decoder that only gives another category of refusal passes, so that",
        "such a mutant is not killed.",
        "",
    ]
    for fate in (Fate.SURVIVED, Fate.CATEGORY):
        named = [name for name in sorted(found) if found[name][0] is fate]
        lines += [f"## {fate.value.capitalize()}: {len(named)}", ""]
        lines += [f"- `{name}`: {found[name][1] or 'no argument'}" for name in named] + ([""] if named else [])
    for fate in (Fate.UNCOUNTED, Fate.EQUIVALENT):
        by_reason: dict[str, list[str]] = {}
        for name in sorted(found):
            if found[name][0] is fate:
                by_reason.setdefault(found[name][1], []).append(name)
        lines += [f"## {fate.value.capitalize()}, by an argument: {sum(map(len, by_reason.values()))}", ""]
        for reason, named in by_reason.items():
            lines += [f"{reason}", "", *(f"- `{name}`" for name in named), ""]
    return "\n".join(lines)


def _row(name: str, counts: Counter[Fate]) -> str:
    total = sum(counts[fate] for fate in Fate if fate not in LEFT_OUT)
    killed = counts[Fate.KILLED]
    score = f"{killed / total:.2%}" if total else "-"
    return f"| {name} | {' | '.join(str(counts[fate]) for fate in Fate)} | {score} |"


def main() -> None:
    """Try every mutant that the journal lacks, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--count", type=int, help="mutants to try, of all drawn at random; all if not given")
    parser.add_argument("--check-arguments", action="store_true", help="try those about which there is an argument on all levels, too")
    parser.add_argument("--page", type=Path, help="page to write")
    given = parser.parse_args()
    results = journalled(given.journal)
    mutants = sorted(plain_mutants(), key=lambda mutant: sha256(mutant.id.encode()))[: given.count]
    scored = [level for level in LEVELS if level in SCORED_LEVELS]
    with given.journal.open("a", encoding="utf-8") as journal:
        untried = [mutant for mutant in mutants if mutant.id not in results]
        print(f"{len(mutants)} mutants, {len(untried)} to try", flush=True)
        if untried:
            try_all(untried, [trial for trial in trials(scored) if trial.lines is not None], journal)
        results = journalled(given.journal)
        found = fates(mutants, results)
        argued = {name for name, (_, reason) in found.items() if reason}
        alive = {name for name, (fate, _) in found.items() if fate in (Fate.SURVIVED, Fate.CATEGORY)}
        wanted = alive | argued if given.check_arguments else alive - argued
        open_ones = [mutant for mutant in mutants if mutant.id in wanted]
        print(f"{len(open_ones)} are left for the other levels", flush=True)
        if open_ones:
            further = [trial for trial in trials(examples=True) if trial.level not in SCORED_LEVELS or trial.lines is None]
            try_all(open_ones, further, journal)
    if given.page is not None:
        given.page.write_text(page(mutants, journalled(given.journal)), encoding="utf-8")


if __name__ == "__main__":
    main()
