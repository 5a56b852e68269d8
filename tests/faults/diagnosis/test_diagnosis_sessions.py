"""Sessions that a decoder fails: shrunk by their steps first, filed, and located in the failing
step.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.report_documents import case as document_case
from helpers.update_sessions import base_stream, second, update, update_stream

from nnc_conformance.cli import main
from nnc_conformance.faults.diagnosis.cause import Cause
from nnc_conformance.faults.diagnosis.filed_vectors import file_vector, session_vector_of
from nnc_conformance.faults.diagnosis.onset import onset
from nnc_conformance.faults.diagnosis.shrink import Failure, ShrinkError, session_judge_of, shrink_session
from nnc_conformance.faults.diagnosis.simulation import simulated
from nnc_conformance.faults.diagnosis.symptom import Symptom, likeness, symptom_of
from nnc_conformance.faults.mutants.executed_lines import ExecutedLines
from nnc_conformance.faults.mutants.named.catalogue import named_mutants
from nnc_conformance.faults.score.trial_vectors import DECODER, TracedVector, TrialVector
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.suite_folder import StoredVector, built_in_root, load_suite
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution
from nnc_conformance.suites.judging.expected_output import read_expected_steps
from nnc_conformance.suites.judging.judge import judge_session
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult, EditionedSuite, SessionCaseResult, SessionResults, close
from nnc_conformance.suites.results.result_files import write_results

MATRIX = [2, 0, 0, -1, 3, 0]
SKIPPING = update_stream([1, 2, 0, 0, 3, -2], update(1), dims=[3, 2], second=second(1), skipped=frozenset({1}))
SESSION = (base_stream(MATRIX, dims=[3, 2]), SKIPPING, update_stream(MATRIX, update(2), dims=[3, 2]))


def without_signs(streams: Sequence[bytes]) -> list[Execution]:
    """A decoder that loses the signs of differences."""
    executions, base = [], BaseModel()
    for stream in streams:
        try:
            decoded = decode(stream, base=base)
        except StreamError as error:
            return [*executions, Execution(DecoderEnding.REFUSED, category=error.category)]
        base = decoded.model or base
        tensors = {name: abs(values) if name in decoded.differences else values for name, values in decoded.parameters.items()}
        executions.append(Execution(DecoderEnding.DECODED, tensors=tensors))
    return executions


def test_steps_that_the_failure_does_not_need_are_dropped() -> None:
    found = shrink_session(SESSION, session_judge_of(without_signs))
    assert found.streams == SESSION[:2]
    assert found.failure == Failure(Outcome.FAIL, "value")


def test_a_session_without_a_failure_is_not_shrunk() -> None:
    with pytest.raises(ShrinkError):
        shrink_session(SESSION[:1], session_judge_of(without_signs))


def test_a_shrunk_session_is_filed_as_a_vector_that_the_decoder_fails(tmp_path: Path) -> None:
    found = shrink_session(SESSION, session_judge_of(without_signs))
    vector = file_vector(tmp_path, session_vector_of(found.streams, "shrunk-signs", found.failure, "without-signs"))
    assert (vector.level, vector.edition, len(vector.steps)) == (Level.FULL, 2024, 2)
    (stored,) = load_suite(tmp_path).vectors
    assert judge_session(vector, DECODER, read_expected_steps(stored), [without_signs(stored.streams())]).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("place", "element", "coded_index"), [((0, 1), "sign_flag", 1), ((1, 0), "row_skip_list", 2), ((2, 1), "sign_flag", 5)]
)
def test_the_first_wrong_symbol_of_an_update_is_found_behind_skipped_rows(place: tuple[int, int], element: str, coded_index: int) -> None:
    base = decode(SESSION[0], base=BaseModel()).model
    expected = decode(SKIPPING, base=base).parameters["w"]
    actual = np.array(expected)
    actual[place] = -actual[place] if actual[place] else 7
    found = onset(document_case("update", outcome=Outcome.FAIL), SKIPPING, {"w": expected}, {"w": actual}, base)
    assert found is not None
    assert (found.element, found.index, found.coded_index) == (element, place, coded_index)


def test_a_sum_in_place_of_a_difference_is_recognized() -> None:
    base = decode(SESSION[0], base=BaseModel()).model
    assert base is not None
    expected = decode(SKIPPING, base=base).parameters["w"]
    found = onset(document_case("update", outcome=Outcome.FAIL), SKIPPING, {"w": expected}, {"w": base.parameters["w"] + expected}, base)
    assert found is not None
    assert found.element == "parent_node_id_present_flag"
    assert found.reading == "the values are those of the model after the stream, not the differences that it codes"


# Explained


def stored_session(name: str) -> StoredVector:
    """A session of the built-in suite."""
    return next(one for one in load_suite(built_in_root(), levels={Level.CORE}, verify=False).vectors if one.vector.id == name)


def case_of(cause: Cause, name: str) -> CaseResult:
    """The result of a decoder with a bug on one session."""
    (found,) = simulated(cause, [TracedVector(TrialVector.of(stored_session(name)), ExecutedLines({}, 100_000))])
    return found


def said_of(folder: Path, found: CaseResult, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """What `explain` prints of the only case of a run, without a search for causes."""
    document = SessionResults(
        suite=EditionedSuite(manifest_sha256="0" * 64, levels=(Level.CORE,), editions=(2024,)),
        decoders=(DECODER.identity(),),
        planned=(found.id,),
        cases=(SessionCaseResult(**dict(found)),),
        closing=close((found.id,), (found,)),
    )
    write_results(folder, document)
    with pytest.raises(SystemExit):
        main.main(["explain", str(folder), found.vector, "--budget", "0", *options])
    return capsys.readouterr().out


def test_the_failing_step_and_its_unit_are_named_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sum, and not the difference, is given out after the first of two updates."""
    found = case_of(Cause(named_mutants()["output-is-the-sum"]), "update-two-updates-sum")
    assert found.message.startswith("step 1: ")
    vector = stored_session("update-two-updates-sum").vector
    lines = said_of(tmp_path, found, capsys).splitlines()
    assert lines[1:3] == [f"The vector tests: {vector.tests}", f"It catches: {vector.catches}"]
    assert lines[3].startswith("First wrong")
    assert ": step 1, unit 2 (NNR_NDU), byte " in lines[3]
    assert json.loads(said_of(tmp_path, found, capsys, "--json"))["onset"]["step"] == 1


def test_a_refusal_without_a_place_says_what_would_show_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = case_of(Cause(named_mutants()["output-is-the-sum"]), "update-two-updates-sum")
    refused = found.model_copy(update={"outcome": Outcome.REFUSED, "message": "step 1: refused", "differences": ()})
    lines = said_of(tmp_path, refused, capsys).splitlines()
    assert lines[3].startswith("Place: unknown, because the refusal names no byte")
    placed = refused.model_copy(update={"unit": 2, "byte": 20})
    lines = said_of(tmp_path, placed, capsys).splitlines()
    assert lines[3].startswith("First wrong: step 1, unit 2 (NNR_NDU), byte 20.")


def test_a_failure_in_another_step_is_another_failure() -> None:
    found = case_of(Cause(named_mutants()["output-is-the-sum"]), "update-two-updates-sum")
    assert symptom_of(found).step == 1
    here, there = Symptom(Outcome.REFUSED, step=1), Symptom(Outcome.REFUSED, step=2)
    assert likeness(here, here) > likeness(here, there) > likeness(here, Symptom(Outcome.PASS, step=2)) == 0
