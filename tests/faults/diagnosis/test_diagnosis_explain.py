"""`explain`: from what a run saw of a decoder to the first wrong symbol, the element and the cause."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.report_documents import DIFFERENCE, case

from nnc_conformance.cli import explain as command
from nnc_conformance.cli import main
from nnc_conformance.faults.diagnosis import explain as explaining
from nnc_conformance.faults.diagnosis import simulation
from nnc_conformance.faults.diagnosis.cause import Cause, all_causes
from nnc_conformance.faults.diagnosis.evidence import Evidence, evidence_of, long_cases
from nnc_conformance.faults.diagnosis.explain import Explanation, blamed, explain
from nnc_conformance.faults.diagnosis.onset import onset
from nnc_conformance.faults.diagnosis.ranking import Ranked, Ranking, candidates, rank, rank_common
from nnc_conformance.faults.diagnosis.simulation import SymptomCache, simulated
from nnc_conformance.faults.diagnosis.symptom import Difference, Symptom, likeness, symptom_of
from nnc_conformance.faults.diagnosis.weights import EFFORT
from nnc_conformance.faults.mutants import executed_lines
from nnc_conformance.faults.mutants.entries import entry
from nnc_conformance.faults.mutants.executed_lines import ExecutedLines
from nnc_conformance.faults.mutants.fault import Edit, NamedFault
from nnc_conformance.faults.mutants.named.catalogue import faults, mutant_of
from nnc_conformance.faults.score.trial_vectors import DECODER, TracedVector, TrialVector, traced_until
from nnc_conformance.reference.errors import Category, ModelError
from nnc_conformance.reference.syntax.rules import Policy
from nnc_conformance.storage.suite_folder import StoredVector, built_in_root, load_suite
from nnc_conformance.storage.vector import Level, Vector
from nnc_conformance.suites.judging.expected_output import read_expected_output
from nnc_conformance.suites.locating import spectrum
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult, Results, ResultsError, SuiteIdentity, close
from nnc_conformance.suites.results.result_files import write_results
from nnc_conformance.suites.results.run_document import CaseLog

MOST_BYTES = 230


FAULT = "contexts-run-on"
"""Fault of the faulty decoder."""
STEPS = (6, pytest.param(1, marks=pytest.mark.exhaustive))
"""Steps through the named causes: every sixth in each run of the tests."""


@cache
def vectors() -> dict[str, StoredVector]:
    """Small vectors: every third of them, and those with block scans or dependent quantization."""
    suite = load_suite(built_in_root(), levels={Level.CORE, Level.FULL, Level.NEGATIVE}, verify=False)
    small = [stored for stored in suite.vectors if isinstance(stored.vector, Vector) and stored.vector.stream.size <= MOST_BYTES]
    chosen = [stored for number, stored in enumerate(small) if number % 3 == 0 or any(word in stored.vector.id for word in ("scan", "dq"))]
    return {stored.vector.id: stored for stored in chosen}


@cache
def named_causes() -> dict[str, Cause]:
    """The named faults as causes."""
    return {name: cause for name, cause in all_causes().items() if cause.named}


def every(step: int) -> dict[str, Cause]:
    """Every n-th named cause, and the one of the faulty decoder."""
    return {name: cause for number, (name, cause) in enumerate(named_causes().items()) if number % step == 0 or name == FAULT}


def results_of(cause: Cause) -> list[CaseResult]:
    """The results of a decoder with a fault on all vectors."""
    trials = [TracedVector(TrialVector.of(stored), ExecutedLines({}, 10_000)) for stored in vectors().values()]
    return simulated(cause, trials)


def failing(results: Sequence[CaseResult]) -> list[CaseResult]:
    found = [one for one in results if OUTCOMES[one.outcome].fails]
    return sorted(found, key=lambda one: vectors()[one.vector].vector.stream.size)


@pytest.fixture(scope="module")
def symptom_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that keeps what causes do with vectors from one test to the next."""
    return tmp_path_factory.mktemp("symptoms") / "cache"


@pytest.fixture(scope="module")
def symptoms(symptom_file: Path) -> SymptomCache:
    return SymptomCache(symptom_file)


def explained(results: list[CaseResult], causes: Sequence[Cause], symptoms: SymptomCache) -> Explanation:
    common, others = [[cause for cause in causes if cause.named is named] for named in (True, False)]
    return explain(results, vectors(), failing(results)[0], common=common, others=others, symptoms=symptoms, seconds=300.0)


# The first wrong symbol


def test_the_first_wrong_symbol_is_found_in_coded_order() -> None:
    """Scan order 1 codes blocks of 8 x 8: a row of 16 x 9 goes on in the second block, after 64
    elements of the first, one a row.
    """
    stored = vectors()["scan-1-block-rows-dq"]
    stream, expectation = stored.read(stored.vector.stream), read_expected_output(stored)
    assert expectation.tensors is not None
    name = "16x9"
    actual = {key: values.copy() for key, values in expectation.tensors.items()}
    actual[name][0, 8] += 1
    actual[name][3, 2] += 1
    failing_case = case(stored.vector.id, outcome=Outcome.FAIL, differences=(DIFFERENCE,))
    found = onset(failing_case, stream, expectation.tensors, actual)
    assert found is not None
    assert (found.tensor, found.index, found.coded_index, found.exact) == (name, (3, 2), 3 * 8 + 2, True)
    assert {line.bin.index for line in found.lines if line.bin is not None} == set(range(24, 29))
    actual[name][3, 2] -= 1
    found = onset(failing_case, stream, expectation.tensors, actual)
    assert found is not None
    assert (found.index, found.coded_index) == ((0, 8), 64)


def test_not_a_numbers_that_differ_are_shown_by_their_bits() -> None:
    suite = load_suite(built_in_root(), levels={Level.CORE}, verify=False)
    stored = next(one for one in suite.vectors if one.vector.id == "ndu-raw-special-values")
    stream, tensors = stored.read(stored.vector.stream), read_expected_output(stored).tensors
    assert tensors is not None
    quiet = {name: np.where(np.isnan(values), np.float32(np.nan), values) for name, values in tensors.items()}
    found = onset(case("x", outcome=Outcome.FAIL, differences=(DIFFERENCE,)), stream, tensors, quiet)
    assert found is not None
    assert (found.expected, found.actual) == ("nan (0xffc00000)", "nan (0x7fc00000)")


def test_a_common_factor_is_told_from_a_wrong_symbol() -> None:
    stored = vectors()["scan-1-block-rows"]
    stream, tensors = stored.read(stored.vector.stream), read_expected_output(stored).tensors
    assert tensors is not None
    name = max(tensors, key=lambda key: np.count_nonzero(tensors[key]))
    for change, element in ((lambda values: values * 2, "step size"), (lambda values: np.flip(values).copy(), "other places")):
        actual = {key: change(values) if key == name else values for key, values in tensors.items()}
        found = onset(case("x", outcome=Outcome.FAIL, differences=(DIFFERENCE,)), stream, tensors, actual)
        assert found is not None
        assert element in found.reading


def test_of_a_bad_stream_that_is_accepted_the_broken_rule_is_named() -> None:
    (name, stored) = next(
        (name, one) for name, one in vectors().items() if one.vector.negative and one.vector.negative.policy is Policy.MUST
    )
    negative = stored.vector.negative
    assert negative is not None
    accepted = case(name, outcome=Outcome.WRONGLY_ACCEPTED, rule=negative.rule, policy=negative.policy, category_expected=negative.category)
    found = onset(accepted, stored.read(stored.vector.stream), None, None)
    assert found is not None
    assert f"the rule {negative.rule} is not enforced" in found.reading


def test_a_refusal_is_placed_at_the_element_that_stands_there() -> None:
    stream = bytes.fromhex("0004000000080401001ffc80000e1409610020e0a002340080fe")
    refused = case("x", outcome=Outcome.REFUSED, category_seen=Category.VALUE, unit=1, byte=7)
    found = onset(refused, stream, None, None)
    assert found is not None
    assert (found.unit, found.unit_type, found.byte, found.element) == (1, "NNR_MPS", 7, "mps_quantization_method_flags")


# Likeness and rank


def test_likeness_of_symptoms() -> None:
    wrong = Symptom(Outcome.FAIL, "a", differences=(Difference("w", "value", (0,), "1", 2),), tensors_differing=1)
    near = Symptom(Outcome.FAIL, "b", differences=(Difference("w", "value", (0,), "1", 2),), tensors_differing=1)
    far = Symptom(Outcome.FAIL, "c", differences=(Difference("w", "value", (5,), "9", 60),), tensors_differing=1)
    passes, crash = Symptom(Outcome.PASS), Symptom(Outcome.CRASH)
    refused = Symptom(Outcome.REFUSED, category="value", unit=1, byte=9)
    elsewhere = Symptom(Outcome.REFUSED, category="value", unit=1, byte=10)
    order = [likeness(wrong, other) for other in (wrong, near, far, crash, passes)]
    assert order == sorted(order, reverse=True)
    assert order[0] == 1
    assert order[-1] == 0
    assert likeness(passes, passes) == 1
    assert (
        likeness(refused, refused) > likeness(refused, Symptom(Outcome.REFUSED)) > likeness(refused, elsewhere) > likeness(refused, crash)
    )


@pytest.mark.slow
def test_the_element_of_the_better_cause_is_blamed() -> None:
    causes = named_causes()
    ranked = [
        Ranked(causes["qp-delta-unsigned"], 0.95, 4, 4, 9, 9),
        Ranked(causes["scaled-weight"], 0.6, 2, 4, 9, 9),
        Ranked(causes["bias-last"], 0.6, 2, 4, 9, 9),
    ]
    elements = blamed(ranked, None, None)
    assert [one.element for one in elements] == ["qp_delta", "compressed_parameter_types"]
    assert sum(one.weight for one in elements) == pytest.approx(1, abs=0.01)


def test_an_edit_that_fits_nowhere_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not stand once"):
        mutant_of(NamedFault("x", "X.", ("dq_flag",), (Edit("entropy.plain", "uae_v", "no such text", ""),)))


# From a run to the cause


@pytest.fixture(scope="module")
def run_of_a_faulty_decoder() -> list[CaseResult]:
    return results_of(named_causes()[FAULT])


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_a_fault_is_named_by_its_output_alone(run_of_a_faulty_decoder: list[CaseResult], symptoms: SymptomCache, step: int) -> None:
    found = explained(run_of_a_faulty_decoder, list(every(step).values()), symptoms)
    assert found.causes[0].cause.id == FAULT
    assert found.causes[0].exact
    assert found.causes[0].fit == pytest.approx(1, abs=0.05)
    assert not any(one.exact for one in found.causes[1:])
    assert found.elements[0].element == "cabac_offset_list"


@pytest.mark.slow
def test_a_common_fault_that_explains_every_case_ends_the_search(run_of_a_faulty_decoder: list[CaseResult]) -> None:
    common, others = named_causes()[FAULT], [cause for cause in all_causes().values() if not cause.named]
    symptoms = SymptomCache()
    found = explained(run_of_a_faulty_decoder, [*others[::40], common], symptoms)
    assert [one.cause for one in found.causes] == [common]
    assert found.ranking.settled
    assert (found.ranking.tried, found.ranking.left) == (1, 0)
    trial, _ = evidence_of(run_of_a_faulty_decoder, vectors(), failing(run_of_a_faulty_decoder)[0].vector).failing[0]
    assert not any(symptoms.knows(cause, trial) for cause in others)


@pytest.mark.slow
def test_a_decoder_that_refuses_without_a_reason_is_explained_by_its_outputs() -> None:
    """Its refusals alone are alike whatever the fault is, and end no search."""
    fault = named_causes()["layer-set-ignored"]
    bare = [one.model_copy(update={"category_seen": None, "unit": None, "byte": None}) for one in results_of(fault)]
    assert {one.outcome for one in failing(bare)} == {Outcome.FAIL, Outcome.REFUSED}
    refusals = [one for one in bare if one.outcome is not Outcome.FAIL]
    found, undecided = (
        rank_common([fault], evidence_of(cases, vectors(), failing(cases)[0].vector), SymptomCache(), seconds=300.0)
        for cases in (bare, refusals)
    )
    assert undecided is None
    assert found is not None
    assert [one.cause for one in found.causes] == [fault]


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_no_cause_is_exact_without_the_fault_in_the_catalogue(
    run_of_a_faulty_decoder: list[CaseResult], symptoms: SymptomCache, step: int
) -> None:
    others = [cause for name, cause in every(step).items() if name != FAULT]
    found = explained(run_of_a_faulty_decoder, others, symptoms)
    assert not any(one.exact for one in found.causes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "place", "value", "element", "step"),
    [
        pytest.param("LPS_RANGE_TABLE", 37, 79, "sig_flag", 1, marks=pytest.mark.exhaustive),
        pytest.param("STATE_TRANS_TAB", 3, 6, "dq_flag", 1, marks=pytest.mark.exhaustive),
        pytest.param("CONTEXT_PARAMETER_SETS", 1, 3, "shift_parameter_ids", 1, marks=pytest.mark.exhaustive),
        ("CONTEXT_PARAMETER_SETS", 1, 3, "shift_parameter_ids", 6),
    ],
)
def test_a_wrong_table_entry_that_the_catalogue_lacks_is_found(
    table: str, place: int, value: int, element: str, step: int, symptoms: SymptomCache
) -> None:
    wrong = entry(table, place, value)
    assert wrong is not None
    found = explained(results_of(Cause(wrong.mutant)), list(every(step).values()), symptoms)
    best = found.causes[0]
    assert best.exact
    assert (best.cause.mutant.before, best.cause.mutant.after) == (wrong.mutant.before, str(value))
    assert found.elements[0].element == element


def test_longer_cases_are_as_many_that_fail_as_pass() -> None:
    suite = load_suite(built_in_root(), levels={Level.CORE}, verify=False)
    stored = {one.vector.id: one for one in suite.vectors if isinstance(one.vector, Vector)}
    lengths = {name: one.vector.stream.size for name, one in stored.items()}
    results = [case(vector=name, outcome=Outcome.FAIL if number % 2 else Outcome.PASS) for number, name in enumerate(sorted(stored))]
    found = long_cases(results, stored)
    assert [seen.wrong for _, seen in found] == [True] * EFFORT.long_cases + [False] * EFFORT.long_cases
    assert all(lengths[trial.trial.vector.id] > EFFORT.stream_bytes for trial, _ in found)


@pytest.mark.slow
def test_passing_cases_tell_causes_apart(run_of_a_faulty_decoder: list[CaseResult], symptoms: SymptomCache) -> None:
    """A cause that fails everything is like the decoder in what fails, and worse than the one that
    leaves the rest alone.
    """
    wide = named_causes()["one-window"]
    evidence = evidence_of(run_of_a_faulty_decoder, vectors(), failing(run_of_a_faulty_decoder)[0].vector)
    found = rank(candidates([wide, named_causes()["contexts-run-on"]], evidence), evidence, symptoms, seconds=300.0)
    assert [one.cause.id for one in found.causes] == ["contexts-run-on", "one-window"]
    assert found.causes[1].kept < found.causes[1].passing


def test_nothing_is_tried_after_the_budget(run_of_a_faulty_decoder: list[CaseResult], monkeypatch: pytest.MonkeyPatch) -> None:
    causes = list(every(6).values())
    late = SymptomCache()
    monkeypatch.setattr(late, "learn", lambda *_: pytest.fail("causes are tried"))
    monkeypatch.setattr(executed_lines, "MutatedChild", lambda *_, **__: pytest.fail("cases are traced"))
    monkeypatch.setattr(spectrum, "kept_spectrum", lambda _: pytest.fail("suspects are looked for"))
    asked = failing(run_of_a_faulty_decoder)[0]
    others = (pytest.fail("further causes are made") for _ in range(1))
    found = explain(run_of_a_faulty_decoder, vectors(), asked, common=causes, others=others, symptoms=late, seconds=0.0)
    assert (found.likely, found.ranking.tried) == ((), 0)
    assert found.ranking.left > 0
    assert found.ranking.out_of_time
    assert found.onset is not None


def test_the_first_compilation_leaves_the_budget_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels take a minute to compile on a busy machine, and are then kept."""
    now, compiled = 0.0, 0

    def prepare(kernels: int) -> None:
        nonlocal now, compiled
        now, compiled = now + 60, compiled + kernels

    monkeypatch.setattr(explaining, "monotonic", lambda: now)
    monkeypatch.setattr(explaining, "compiled_here", lambda: compiled)
    monkeypatch.setattr(explaining, "prepare", lambda: prepare(9))
    assert explaining._compiling() == 60
    monkeypatch.setattr(explaining, "prepare", lambda: prepare(0))
    assert explaining._compiling() == 0


def test_each_stage_stops_when_its_time_is_over(run_of_a_faulty_decoder: list[CaseResult], monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that ticks with each case traced, each cause tried and each cause made."""
    now = 0.0

    def tick(*_: object) -> float:
        nonlocal now
        now += 1
        return now

    for module in (executed_lines, simulation, explaining):
        monkeypatch.setattr(module, "monotonic", lambda: now)
    chosen = [TrialVector.of(stored) for stored in list(vectors().values())[:6]]
    traced = traced_until(3.0, chosen, progress=tick)
    assert list(traced) == [0, 1, 2]
    made, complete = explaining._made(iter(named_causes().values()), 8.0, tick)
    assert (len(made), complete) == (5, False)
    monkeypatch.setattr(simulation, "monotonic", tick)
    symptoms, trials = SymptomCache(), list(traced.values())
    symptoms.learn(made, trials, 12.0)
    known = [symptoms.knows(cause, trial) for cause in made for trial in trials]
    assert known == [True] * 3 + [False] * 12


@pytest.mark.slow
def test_causes_are_tried_together_as_alone(tmp_path: Path, run_of_a_faulty_decoder: list[CaseResult]) -> None:
    chosen = evidence_of(run_of_a_faulty_decoder, vectors(), failing(run_of_a_faulty_decoder)[0].vector)
    trials = [trial for trial, _ in (*chosen.failing, *chosen.passing)][:4]
    causes = [named_causes()[name] for name in ("one-window", "tensors-flat", "no-neighbour")]
    together = SymptomCache(tmp_path / "kept", jobs=2)
    together.learn(causes, trials)
    again = SymptomCache(tmp_path / "kept")
    for cause in causes:
        alone = [symptom_of(one) for one in simulated(cause, trials)]
        assert together.of(cause, trials) == again.of(cause, trials) == alone
        assert all(again.knows(cause, trial) for trial in trials)


# The command, and what a run keeps for it


def written(folder: Path, results: list[CaseResult]) -> Path:
    ordered = tuple(sorted(results, key=lambda one: (one.decoder, one.level, one.vector)))
    planned = tuple(sorted(one.id for one in ordered))
    document = Results(
        suite=SuiteIdentity(manifest_sha256="0" * 64, levels=(Level.CORE,)),
        decoders=(DECODER.identity(),),
        planned=planned,
        cases=ordered,
        closing=close(planned, ordered),
    )
    write_results(folder, document)
    return folder


@pytest.mark.usefixtures("symptoms")
def test_the_command_explains(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run_of_a_faulty_decoder: list[CaseResult],
    symptom_file: Path,
) -> None:
    monkeypatch.setattr(explaining, "common_causes", lambda _: list(every(6).values()))
    monkeypatch.setattr(explaining, "other_causes", lambda _: iter(()))
    folder = written(tmp_path, run_of_a_faulty_decoder)
    asked = failing(run_of_a_faulty_decoder)[0]
    with pytest.raises(SystemExit) as ended:
        main.main(["explain", str(folder), asked.vector, "--json", "--jobs", "1", "--cache", str(symptom_file)])
    said = json.loads(capsys.readouterr().out)
    assert ended.value.code == 0
    assert said["case"] == asked.id
    assert said["causes"][0]["what"] == faults()["contexts-run-on"].sentence
    assert said["onset"]["element"]


@pytest.mark.slow
def test_the_vector_comes_first_and_values_of_64_kb_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(explaining, "common_causes", lambda _: [named_causes()["one-window"]])
    monkeypatch.setattr(explaining, "other_causes", lambda _: iter(()))
    name = "bad-deflate-bomb"
    suite = load_suite(built_in_root(), levels={Level.NEGATIVE}, verify=False)
    vector = next(stored.vector for stored in suite.vectors if stored.vector.id == name)
    assert vector.negative is not None
    rule = {"rule": vector.negative.rule, "policy": vector.negative.policy, "category_expected": vector.negative.category}
    folder = written(tmp_path, [case(name, level=Level.NEGATIVE, outcome=Outcome.WRONGLY_ACCEPTED, **rule)])
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit):
            main.main(["explain", str(folder), name, "--budget", "0", *more])
        said = capsys.readouterr().out
        assert max(map(len, said.splitlines())) < 500
        assert vector.tests in said
        assert vector.catches in said
        if not more:
            assert said.index(vector.tests) < said.index(vector.catches) < said.index("First wrong")
            assert "No cause was tried: the budget ran out." in said


def test_what_is_known_is_shown_before_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], run_of_a_faulty_decoder: list[CaseResult]
) -> None:
    folder = written(tmp_path, run_of_a_faulty_decoder)
    asked = failing(run_of_a_faulty_decoder)[0]
    vector = vectors()[asked.vector].vector
    said: list[str] = []

    def search(*_: object, **__: object) -> Evidence:
        said.append(capsys.readouterr().out)
        raise ModelError("ended")

    monkeypatch.setattr(explaining, "evidence_of", search)
    with pytest.raises(SystemExit):
        main.main(["explain", str(folder), asked.vector])
    (before,) = said
    assert [line.split(":")[0] for line in before.splitlines()[1:4]] == ["The vector tests", "It catches", "First wrong"]
    assert vector.tests in before
    assert vector.catches in before


def test_a_cause_that_reproduces_no_failure_is_not_likely(capsys: pytest.CaptureFixture[str]) -> None:
    stored = vectors()["scan-1-block-rows"]
    unlike = Ranked(named_causes()["one-window"], 0.2, 0, 4, 9, 9)
    ranking = Ranking((unlike,), tried=3, left=0)
    command._print(Explanation(case(stored.vector.id, outcome=Outcome.FAIL), stored.vector, None, (unlike,), (), None, ranking))
    said = capsys.readouterr().out
    assert "No likely cause: none of 3 tried reproduces a failure." in said
    assert unlike.cause.sentence not in said


def test_a_case_that_did_not_fail_is_not_explained(tmp_path: Path, run_of_a_faulty_decoder: list[CaseResult]) -> None:
    folder = written(tmp_path, run_of_a_faulty_decoder)
    passing = next(one.vector for one in run_of_a_faulty_decoder if one.outcome is Outcome.PASS)
    for asked in (passing, "no-such-vector"):
        with pytest.raises(SystemExit) as ended:
            main.main(["explain", str(folder), asked])
        assert ended.value.code == 2


def test_a_log_keeps_small_outputs_and_reads_them_with_suspicion() -> None:
    log = CaseLog(seconds=0, cpu_seconds=0, peak_bytes=0)
    assert log.keeping(b"output").kept_output == b"output"
    assert log.keeping(bytes(1 << 15)).kept_output is None
    assert log.kept_output is None
    with pytest.raises(ResultsError):
        _ = log.model_copy(update={"output": "AAAA"}).kept_output
