"""Sessions that a decoder fails: shrunk by their steps first, filed, and located in the failing
step.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.report_documents import case as document_case
from helpers.update_sessions import base_stream, second, update, update_stream

from nnc_conformance.faults.diagnosis.filed_vectors import file_vector, session_vector_of
from nnc_conformance.faults.diagnosis.onset import onset
from nnc_conformance.faults.diagnosis.shrink import Failure, ShrinkError, session_judge_of, shrink_session
from nnc_conformance.faults.score.trial_vectors import DECODER
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.suite_folder import load_suite
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution
from nnc_conformance.suites.judging.expected_output import read_expected_steps
from nnc_conformance.suites.judging.judge import judge_session
from nnc_conformance.suites.results.outcomes import Outcome

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
