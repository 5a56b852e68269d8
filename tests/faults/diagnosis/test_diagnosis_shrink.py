"""Shrinking and fuzzing: seeded decoders, the streams that they fail, and what becomes of these."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnc_conformance.cli import main
from nnc_conformance.faults.diagnosis.cause import all_causes
from nnc_conformance.faults.diagnosis.filed_vectors import file_vector, vector_of
from nnc_conformance.faults.diagnosis.fuzz import Fuzzer, FuzzError, differing
from nnc_conformance.faults.diagnosis.pieces import pieces_of, written
from nnc_conformance.faults.diagnosis.shrink import Failure, ShrinkError, failure_of, judge_of, shrink
from nnc_conformance.faults.diagnosis.simulation import faulty_decoder
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.storage.suite_folder import built_in_root, load_suite
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution
from nnc_conformance.suites.results.outcomes import Outcome

MOST = 200
"""Bytes that a shrunk stream has at most."""
SEEDED = {
    "tensors-flat": "scan-1-block-rows-dq",
    "one-window": "scan-1-block-rows-dq",
    "scaled-weight": "block-scan-2-dq",
    "one-element-scalar": "ndu-int-dimensions",
}
"""Named faults with a stream of more than `MOST` bytes on which they show."""


def folder_of(vector: str) -> Path:
    (folder,) = built_in_root().glob(f"*/{vector}")
    return folder


def stream_of(vector: str) -> bytes:
    return (folder_of(vector) / "stream.nnr").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("fault", SEEDED)
def test_seeded_failures_become_small(fault: str) -> None:
    stream = stream_of(SEEDED[fault])
    assert len(stream) > MOST
    ask = faulty_decoder(all_causes()[fault])
    found = shrink(stream, judge_of(ask), seconds=30.0)
    assert len(found.stream) < MOST
    assert failure_of(found.stream, ask(found.stream)) == found.failure == failure_of(stream, ask(stream))


def truth(stream: bytes) -> Execution:
    """A decoder without a fault."""
    try:
        return Execution(DecoderEnding.DECODED, tensors=decode(stream).parameters)
    except StreamError:
        return Execution(DecoderEnding.REFUSED)


def wrong_zeros(stream: bytes) -> Execution:
    """A decoder that gives 1 for 0 in the last row of matrices of more than two rows."""
    right_answer = truth(stream)
    for values in (right_answer.tensors or {}).values():
        if values.ndim == 2 and values.shape[0] > 2:
            last = values[-1]
            last[last == 0] = 1
    return right_answer


def test_what_the_failure_needs_stays() -> None:
    found = shrink(stream_of("scan-2-block-rows-dq"), judge_of(wrong_zeros), seconds=30.0)
    (values,) = decode(found.stream).parameters.values()
    assert values.shape == (3, 1)
    assert not values.any()


def test_a_decoder_that_does_not_fail_leaves_nothing_to_shrink() -> None:
    with pytest.raises(ShrinkError):
        shrink(stream_of("scan-1-block-rows"), judge_of(truth))


@pytest.mark.parametrize("vector", ["scan-2-block-rows-dq", "block-dc-scan-1", "codebook-scan-1"])
def test_pieces_are_written_as_they_were(vector: str) -> None:
    stream = stream_of(vector)
    pieces = pieces_of(stream)
    assert pieces is not None
    assert written(pieces) == stream


def test_a_filed_vector_is_a_suite(tmp_path: Path) -> None:
    stream = stream_of("scan-1-block-rows")
    first = file_vector(tmp_path, vector_of(stream, "first", Failure(Outcome.FAIL, "value"), "toy"))
    file_vector(tmp_path, vector_of(stream[:-1], "second", Failure(Outcome.CRASH), "toy"))
    suite = load_suite(tmp_path)
    assert [stored.vector.id for stored in suite.vectors] == ["first", "second"]
    assert first.level is Level.FULL
    assert suite.vectors[1].vector.negative is not None


TOY = """
import sys
open(sys.argv[2], "wb").write((8).to_bytes(8, "little") + b"{}      ")
"""
"""A decoder that gives out no tensor at all."""


def test_the_command_files_what_it_shrank(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "toy.py").write_text(TOY)
    decoder = f"command:{sys.executable} {tmp_path / 'toy.py'} {{stream}} {{output}}"
    with pytest.raises(SystemExit) as ended:
        main.main(
            [
                "shrink",
                str(folder_of("scan-1-block-rows")),
                "--decoder",
                decoder,
                "--output",
                str(tmp_path / "out"),
                "--tries",
                "3",
                "--json",
            ]
        )
    said = json.loads(capsys.readouterr().out)
    assert ended.value.code == 0
    assert said["failure"] == "fail (missing)"
    assert said["bytes"]["after"] < said["bytes"]["before"]
    (stored,) = load_suite(tmp_path / "out").vectors
    assert stored.vector.id == "shrunk-scan-1-block-rows"


# Fuzzing


def halved(stream: bytes) -> Execution:
    """A decoder that is wrong on tensors of two dimensions with a codebook's worth of rows: four or
    more.
    """
    right_answer = truth(stream)
    doubled = {n: v * 2 if v.ndim == 2 and v.shape[0] >= 4 and np.any(v) else v for n, v in (right_answer.tensors or {}).items()}
    return replace(right_answer, tensors=doubled) if right_answer.tensors is not None else right_answer


SEEDS = [stream_of(name) for name in ("scan-1-block-rows", "block-scan-1")]


def fuzzed(folder: Path, executions: int, seed: int = 5) -> Fuzzer:
    fuzzer = Fuzzer.open(folder, judge_of(halved), ["halved"], seed, SEEDS)
    list(fuzzer.run(executions, 60.0))
    return fuzzer


def test_fuzzing_finds_and_files_the_same_again(tmp_path: Path) -> None:
    whole, twice = tmp_path / "whole", tmp_path / "twice"
    fuzzed(whole, 24)
    fuzzed(twice, 11)
    fuzzed(twice, 24)
    assert (whole / "fuzz.json").read_bytes() == (twice / "fuzz.json").read_bytes()
    state = json.loads((whole / "fuzz.json").read_text())
    assert state["executions"] == 24
    assert state["findings"]
    assert all(one["shrunk"] < MOST for one in state["findings"])
    assert len(load_suite(whole / "findings").vectors) == len(state["findings"])
    assert sorted(path.name for path in (whole / "corpus").iterdir()) == sorted(path.name for path in (twice / "corpus").iterdir())


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    fuzzed(tmp_path, 2)
    with pytest.raises(FuzzError):
        fuzzed(tmp_path, 4, seed=6)


def test_two_decoders_are_held_against_each_other() -> None:
    judge = differing(halved, truth)
    assert judge(SEEDS[0]) == Failure(Outcome.FAIL, "outputs differ: value")
    assert differing(halved, halved)(SEEDS[0]) is None
