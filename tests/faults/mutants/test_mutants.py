"""The mutation tool: what is mutated and how, that a mutant stays in its child, and that the suite
catches a sample.
"""

import ast
import hashlib
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nnc_conformance.cli.main import main
from nnc_conformance.faults.mutants import equivalents, mutable_code, mutant_elements
from nnc_conformance.faults.mutants.catalogue import all_mutants, mutants
from nnc_conformance.faults.mutants.code import live_function, of_function
from nnc_conformance.faults.mutants.equivalents import StaleArgumentError, arguments, mutants_named
from nnc_conformance.faults.mutants.executed_lines import ExecutedLines, executed_lines_of
from nnc_conformance.faults.mutants.mutant import Mutant, MutantKind, Operator
from nnc_conformance.faults.mutants.mutated_decoder import Ending, MutantOutcome, decode_mutated
from nnc_conformance.faults.mutants.operators import edited, edits
from nnc_conformance.faults.score import run as runs
from nnc_conformance.faults.score.run import JOURNAL_FILE
from nnc_conformance.faults.score.trial_vectors import SCORED_LEVELS, Kill, TracedVector, TrialVector, kill_of, load_trial_vectors
from nnc_conformance.faults.score.trials import MutantResult, try_all
from nnc_conformance.reference import decode
from nnc_conformance.reference.errors import Category
from nnc_conformance.reference.syntax.elements import ELEMENTS
from nnc_conformance.reference.syntax.structures import unit
from nnc_conformance.suites.running.journal import JournalError

ROOT = Path(__file__).parents[3]
WORD = bytes.fromhex("0004000000080401001ffc80000e1409610020e0a002340080fe")
"""An NNR_STR, an NNR_MPS and a FLOAT of two indexes."""
BLOCK = (ROOT / "vectors/core/block-bi/stream.nnr").read_bytes()


def named(change: str) -> Mutant:
    """The mutant of code that a change names, as equivalents.toml does."""
    (mutant_id,) = mutants_named(change)
    return all_mutants()[mutant_id]


DOUBLED_FROM_0 = (
    "entropy.plain.doubled: return 2 * quant - (state_id & 1 if quant > 0 else -(state_id & 1))"
    " => return 2 * quant - (state_id & 1 if quant >= 0 else -(state_id & 1))"
)
"""The same output: 0 has been given back before."""
_MANTISSA = "quantization.reconstruction.step_size: mantissa = (1 << qp_density) + qp % (1 << qp_density) => mantissa = "
STEP_TOO_LARGE = f"{_MANTISSA}(2 << qp_density) + qp % (1 << qp_density)"
MODULO_0 = f"{_MANTISSA}(1 << qp_density) + qp % (1 << qp_density >> 1)"
NEVER_LARGER = "entropy.plain.renormalise: r[RANGE] *= 2 => pass"
SHIFTED_RIGHT = "payload.mapped: piece = np.moveaxis(piece, axis, axis - places) => piece = np.moveaxis(piece, axis, axis + places)"


def digest() -> str:
    content = [(m.id, m.before, m.after, m.element, m.clause, m.lines) for m in mutants().values()]
    return hashlib.sha256(repr(content).encode()).hexdigest()


@pytest.mark.slow
def test_the_same_mutants_are_made_everywhere() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests' / 'faults' / 'mutants')!r}); from test_mutants import digest; print(digest())"
    )
    elsewhere = subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": "17"}, capture_output=True, text=True, check=True)
    assert elsewhere.stdout.strip() == digest()


def test_there_are_enough_mutants_of_every_class_in_every_function() -> None:
    made = mutants()
    assert len(made) >= 400
    assert {mutant.operator for mutant in made.values()} == set(Operator)
    functions = {(module, function) for module, names in mutable_code.FUNCTIONS.items() for function in names}
    assert functions == {(mutant.module, mutant.function) for mutant in made.values() if mutant.kind is MutantKind.CODE}
    assert all(mutant.before != mutant.after for mutant in made.values())


def test_each_edition_has_mutants_of_its_own() -> None:
    first, second = mutants(), mutants(2024)
    assert not first.keys() & second.keys()
    functions = {(module, function) for module, names in mutable_code.FUNCTIONS_2024.items() for function in names}
    assert functions <= {(mutant.module, mutant.function) for mutant in second.values()}
    assert sum(mutant.fault is not None for mutant in second.values()) >= 100


OPERATIONS = (
    (Operator.COMPARISON, "return a < 3", "return a <= 3"),
    (Operator.COMPARISON, "return a is None", "return a is not None"),
    (Operator.CONDITION, "if a and b:\n    b = 2", "if a or b:\n    b = 2"),
    (Operator.CONDITION, "if a and b:\n    b = 2", "if b:\n    b = 2"),
    (Operator.CONDITION, "if a:\n    b = 2", "if not a:\n    b = 2"),
    (Operator.RULE, "w.require('rank', a > 0, 'text')", "pass"),
    (Operator.RULE, "raise OutOfBitsError(a)", "pass"),
    (Operator.ARITHMETIC, "return a + b", "return a - b"),
    (Operator.ARITHMETIC, "return a & b", "return a | b"),
    (Operator.SHIFT, "return a >> 3", "return a << 3"),
    (Operator.SHIFT, "return a >> 3", "return a >> 3 + 1"),
    (Operator.SIGN, "return -a", "return a"),
    (Operator.SIGN, "return abs(a)", "return a"),
    (Operator.OFF_BY_ONE, "return a[2]", "return a[3]"),
    (Operator.OFF_BY_ONE, "return range(a)", "return range(a - 1)"),
    (Operator.DROPPED_TERM, "return a + b", "return b"),
    (Operator.DROPPED_TERM, "return a.reshape(b)", "return a"),
    (Operator.CONTEXT, "code_bin(c, a + b, 0)", "code_bin(c, a, 0)"),
    (Operator.DEFAULT, "order = 0", "order = 1"),
    (Operator.DEFAULT, "return a if b else 7", "return a"),
    (Operator.ORDER, "return (a, b)", "return (b, a)"),
    (Operator.ORDER, "x = w.u('p', 1)\ny = w.u('q', 1)", "y = w.u('q', 1)\nx = w.u('p', 1)"),
    (Operator.ROUNDING, "return np.rint(a)", "return np.floor(a)"),
    (Operator.ROUNDING, "return np.float32(a)", "return np.float64(a)"),
    (Operator.DESCRIPTOR, "x = w.ue('p', 7)", "x = w.ue('p', 8)"),
    (Operator.DESCRIPTOR, "x = w.ue('p', 7)", "x = w.ie('p', 7)"),
    (Operator.DROPPED_STATEMENT, "renormalise(a)", "pass"),
    (Operator.DROPPED_STATEMENT, "a += b", "pass"),
)


def function_of(body: str) -> ast.FunctionDef:
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    function = ast.parse(f"def f(a, b, c, w):\n{indented}\n").body[0]
    assert isinstance(function, ast.FunctionDef)
    return function


def made_of(body: str) -> set[tuple[Operator, str]]:
    function = function_of(body)
    return {(edit.operator, "\n".join(map(ast.unparse, edited(function, edit).body))) for edit in edits(function)}


@pytest.mark.parametrize(("operator", "before", "after"), OPERATIONS)
def test_an_operator_makes_its_bug(operator: Operator, before: str, after: str) -> None:
    assert (operator, after) in made_of(before)


@pytest.mark.parametrize(
    "body",
    [
        "w.require('profile', a, f'{a + 1}')",
        "trace.layouts.append(a + 1)",
        "if coder.events.shape[0] > 0:\n    record(coder, 1, a + 2, b)",
        "if r[MODE] == ESTIMATE:\n    return a + 1",
        "r[ELEMENT] = a + 1",
    ],
)
def test_what_no_output_depends_on_is_left_alone(body: str) -> None:
    assert {text for operator, text in made_of(body)} <= {body.replace(", a,", ", not a,")}


def test_each_ending_is_reported() -> None:
    made = all_mutants()
    decoded = decode_mutated(named(DOUBLED_FROM_0), WORD)
    assert decoded.ending is Ending.DECODED and decoded.parameters is not None
    assert decoded.parameters["a"].tobytes() == decode(WORD).parameters["a"].tobytes()
    crashed = decode_mutated(named(MODULO_0), BLOCK)
    assert crashed.ending is Ending.CRASHED and "Error" in crashed.detail
    hung = decode_mutated(named(NEVER_LARGER), WORD, seconds=0.3)
    assert hung.ending is Ending.HUNG
    refused = decode_mutated(made["syntax.structures.unit.NNR_STR:constant-plus"], WORD)
    assert (refused.ending, refused.rule, refused.category, refused.unit) == (Ending.REFUSED, "first-unit", Category.ORDER, 0)


def test_nothing_of_a_mutant_is_left_in_this_process() -> None:
    before = {name: array.tobytes() for name, array in decode(BLOCK).parameters.items()}
    code = named(STEP_TOO_LARGE)
    constant = all_mutants()["syntax.structures.unit.NNR_MPS:constant-plus"]
    table = all_mutants()["entropy.tables.LPS_RANGE_TABLE:table-0-plus"]
    function = live_function(code.module, code.function)
    kept = function.__code__
    for mutant in (code, constant, table):
        outcome = decode_mutated(mutant, BLOCK)
        assert outcome.parameters is None or {name: array.tobytes() for name, array in outcome.parameters.items()} != before
        assert {name: array.tobytes() for name, array in decode(BLOCK).parameters.items()} == before
    assert function.__code__ is kept and unit.NNR_MPS == 1
    assert hasattr(mutable_code.module_of("entropy.plain").code_bin, "py_func")


def test_executed_lines_are_those_that_ran() -> None:
    (executed,) = executed_lines_of([(WORD, False)])
    made = all_mutants()
    assert executed.count > 100
    assert executed.include(named(NEVER_LARGER))
    assert not executed.include(named(SHIFTED_RIGHT))
    assert executed.include(made["syntax.structures.unit.NNR_STR:constant-plus"])


@pytest.fixture(scope="module")
def cases() -> tuple[TrialVector, ...]:
    return load_trial_vectors(SCORED_LEVELS)


def everywhere(case: TrialVector) -> TracedVector:
    """A case as if it met every line: what a mutant needs when nothing was measured."""
    return TracedVector(case, ExecutedLines({module: frozenset(range(1, 2000)) for module in mutable_code.FUNCTIONS}, len(case.stream)))


@pytest.mark.slow
@pytest.mark.parametrize("size", [10, pytest.param(40, marks=pytest.mark.exhaustive)])
def test_a_sample_is_killed_by_core_and_negative(cases: tuple[TrialVector, ...], size: int) -> None:
    argued = arguments().equivalent.keys() | arguments().uncertified.keys()
    counted = [mutant for name, mutant in mutants().items() if name not in argued and mutant.certified]
    sample = random.Random(20221125).sample(counted, size)
    verdicts: list[MutantResult] = []
    small = [case for case in cases if len(case.stream) <= 20_000]
    measured = sorted(map(everywhere, small), key=lambda item: item.executed.count)
    try_all(sample, measured, jobs=2, matrix=False, done=verdicts.append)
    assert {verdict.mutant for verdict in verdicts if not verdict.kills} == set()
    assert len(verdicts) == size


def few(cases: tuple[TrialVector, ...]) -> list[TrialVector]:
    """Some that are quick, good and bad ones."""
    return [case for case in cases if case.vector.id in ("block-bi", "ndu-one-element", "bad-terminate-more-indexes", "bad-profile-255")]


def test_a_run_that_was_stopped_goes_on_to_the_same_score(cases: tuple[TrialVector, ...], tmp_path: Path) -> None:
    chosen = random.Random(3).sample(list(mutants().values()), 12)
    whole = runs.run(tmp_path / "a", chosen, trials=few(cases), jobs=2, matrix=True)
    lines = (tmp_path / "a" / JOURNAL_FILE).read_bytes().splitlines(keepends=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / JOURNAL_FILE).write_bytes(b"".join(lines[:5]) + lines[5][:7])
    progress: list[int] = []
    again = runs.run(
        tmp_path / "b",
        chosen,
        trials=few(cases),
        jobs=1,
        matrix=True,
        resume=True,
        progress=lambda done, total, result: progress.append(done),
    )
    assert again.results == whole.results
    assert progress == [4, *range(5, 13)]
    with pytest.raises(JournalError):
        runs.run(tmp_path / "b", chosen[1:], trials=few(cases), matrix=True, resume=True)


def test_every_argued_mutant_exists_and_is_argued() -> None:
    known = all_mutants()
    assert [name for reasons in (arguments().equivalent, arguments().uncertified) for name in reasons if name not in known] == []
    assert all(len(reason) > 20 for reasons in (arguments().equivalent, arguments().uncertified) for reason in reasons.values())


def test_every_argument_that_fits_no_mutant_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = ["entropy.plain.renormalise: r[RANGE] *= 2 => r[RANGE] *= 9", "no-such-fault", NEVER_LARGER, NEVER_LARGER]
    (tmp_path / equivalents.FILE).write_text(f"[[because]]\nreason = 'none'\nequivalent = {json.dumps(entries)}\n")
    monkeypatch.setattr(equivalents.resources, "files", lambda package: tmp_path)
    with pytest.raises(StaleArgumentError) as error:
        arguments.__wrapped__()
    text = str(error.value)
    assert "0 mutants fit 'entropy.plain.renormalise: r[RANGE] *= 2 => r[RANGE] *= 9'" in text
    assert "0 mutants fit 'no-such-fault'" in text and f"{NEVER_LARGER!r} is there twice" in text


STRUCTURE = """
def structure(w, context):
    count = w.u("count_ids", 8) + 1
    w.require("rank", count > 1, f"count is {count}")
    return [w.ue("dim", 7, j) for j in range(count - 1)]
"""


def made_from(source: str) -> list[Mutant]:
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    return [mutant for mutant, _ in of_function("syntax.structures.topology", "structure", function)]


def ids_of(source: str) -> set[str]:
    return {mutant.id for mutant in made_from(source)}


def test_ids_outlast_other_names_of_variables_other_messages_and_other_statements() -> None:
    ids = ids_of(STRUCTURE)
    assert len(ids) > 10
    assert ids_of(STRUCTURE.replace("count_ids", "COUNT").replace("count", "number").replace("COUNT", "count_ids")) == ids
    assert ids_of(STRUCTURE.replace("count is", "found")) == ids
    assert ids < ids_of(STRUCTURE.replace("    return", "    context.rank = 7\n    return"))


def test_ids_change_with_their_statement() -> None:
    changed = ids_of(STRUCTURE) - ids_of(STRUCTURE.replace("count > 1", "count > 2"))
    assert changed == {mutant.id for mutant in made_from(STRUCTURE) if "count > 1" in mutant.before} != set()


def test_the_tables_of_elements_name_what_exists() -> None:
    functions = {name for table in (mutable_code.FUNCTIONS, mutable_code.FUNCTIONS_2024) for names in table.values() for name in names}
    trees = [tree for module in mutable_code.MODULES for _, tree in mutable_code.functions_of(module)]
    parts = [part for tree in trees for part in ast.walk(tree)]
    identifiers = {part.attr for part in parts if isinstance(part, ast.Attribute)} | {
        part.id for part in parts if isinstance(part, ast.Name)
    }
    assert sorted(set(mutant_elements.FUNCTIONS) - functions) == []
    assert sorted(set(mutant_elements.NAMES) - identifiers) == []
    assert [prefix for prefix in mutant_elements.MODULES if not any(module.startswith(prefix) for module in mutable_code.FUNCTIONS)] == []
    elements = (*mutant_elements.FUNCTIONS.values(), *mutant_elements.NAMES.values(), *mutant_elements.MODULES.values())
    assert set(elements) <= set(ELEMENTS)


def exit_code(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["mutation", "--jobs", "2", *words])
    return int(str(left.value.code))


def test_the_command_writes_the_page_and_judges_the_score(
    cases: tuple[TrialVector, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runs, "load_trial_vectors", lambda **_: few(cases))
    output = ("--output", str(tmp_path), "--filter")
    assert exit_code(*output, "entropy.plain.renormalise:*") == 0
    page = (tmp_path / "mutation.md").read_text() + (tmp_path / "mutation-tables.md").read_text()
    assert "| all | " in page and "`block-bi`" in page
    assert exit_code(*output, "nothing.*") == 2
    assert exit_code(*output, "syntax.structures.topology.nnr_quantization_unit_header:*") == 1
    assert "survived: syntax.structures.topology.nnr_quantization_unit_header:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("mutant", "kill"),
    [("syntax.structures.unit.NNR_STR:constant-plus", Kill.REFUSED), (STEP_TOO_LARGE, Kill.OUTPUT), (MODULO_0, Kill.CRASH)],
)
def test_kinds_of_kills_of_a_good_vector(cases: tuple[TrialVector, ...], mutant: str, kill: Kill) -> None:
    (good,) = (case for case in cases if case.vector.id == "block-bi")
    assert kill_of(good, decode_mutated(named(mutant), good.stream)) is kill


def test_kinds_of_kills_of_a_bad_vector(cases: tuple[TrialVector, ...]) -> None:
    (bad, _) = (case for case in cases if case.vector.id == "bad-terminate-more-indexes")
    good = decode_mutated(named(DOUBLED_FROM_0), WORD)
    assert kill_of(bad, good) is Kill.ACCEPTED
    refused = MutantOutcome(Ending.REFUSED, category=Category.ENTROPY)
    assert kill_of(bad, refused) is None
    assert kill_of(bad, replace(refused, category=Category.SIZE)) is Kill.CATEGORY
    assert kill_of(bad, MutantOutcome(Ending.HUNG)) is Kill.HANG
