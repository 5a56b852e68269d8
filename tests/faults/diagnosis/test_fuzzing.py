"""Hostile bytes: what fuzzing found once, and a short fuzz of every target by a fixed seed."""

import os
import signal
import time
from pathlib import Path

import pytest
from fuzzing import mutate, volume
from fuzzing.seeds import MAKERS, seeds
from fuzzing.shares import SHARES
from fuzzing.targets import TARGETS

from nnc_conformance.storage.suite_folder import built_in_root, load_suite
from nnc_conformance.storage.vector import Vector

FOUND = Path(__file__).parents[2] / "fuzzing" / "found"
CASES = [(target, path) for target in TARGETS for path in sorted((FOUND / target.replace(" ", "-")).glob("*"))]
EXECUTIONS = 6000


@pytest.mark.parametrize(("target", "path"), CASES, ids=[f"{target}-{path.name}" for target, path in CASES])
def test_what_was_found_is_refused_in_time(target: str, path: Path) -> None:
    assert volume.tried(TARGETS[target], path.read_bytes()) == ""


def test_every_target_has_good_inputs_and_a_share_of_the_executions() -> None:
    assert TARGETS.keys() == MAKERS.keys() == SHARES.keys()
    assert sum(share.volume for share in SHARES.values()) == sum(share.guided for share in SHARES.values()) == 1000


def good_streams() -> set[bytes]:
    """Return the streams of the built-in suite's vectors of one step that decode."""
    vectors = [
        stored for stored in load_suite(built_in_root()).vectors if isinstance(stored.vector, Vector) and stored.vector.negative is None
    ]
    return {stored.read(stored.vector.stream) for stored in vectors if stored.vector.expected is not None}


@pytest.mark.parametrize("target", TARGETS)
def test_good_inputs_are_taken(target: str) -> None:
    """The reader begins with broken streams, too: it takes those of good vectors.

    The others take all.
    """
    tried = seeds(target)
    if target == "reader":
        good = good_streams()
        tried = [data for data in tried if data[1:] in good]
    assert tried
    for data in tried:
        TARGETS[target](data)


def test_every_found_case_belongs_to_a_target() -> None:
    assert len(CASES) == sum(path.is_file() for path in FOUND.rglob("*")) > 0


@pytest.mark.parametrize("target", TARGETS)
def test_a_short_fuzz_finds_nothing(target: str) -> None:
    executions = EXECUTIONS * SHARES[target].volume // 1000
    record = volume.fuzz(target, executions, seed=1)
    assert record.findings == []
    assert record.executions == executions


def test_the_same_seed_gives_the_same_inputs() -> None:
    good = seeds("reader")
    first, again, other = (mutate.inputs("reader", good, seed) for seed in (1, 1, 2))
    rows = [[next(row) for _ in range(40)] for row in (first, again, other)]
    assert rows[0] == rows[1] != rows[2]


def fails(data: bytes) -> None:
    raise IndexError(data)


def spins(_: bytes) -> None:
    began = time.thread_time()
    while time.thread_time() - began <= volume.SECONDS:
        pass


def takes_memory(_: bytes) -> None:
    bytearray(1 << 32)


def dies(_: bytes) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


FAULTS = {
    "an error": (fails, "IndexError in"),
    "a hang": (spins, "hang: "),
    "memory": (takes_memory, "MemoryError in"),
    "death": (dies, "signal 9"),
}


@pytest.mark.parametrize(("fault", "what"), FAULTS.values(), ids=FAULTS)
def test_faults_are_found(fault: volume.Function, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume, "SECONDS", 0.2)
    (finding,) = volume.fuzz("NNEF topology", 1, 1, fault).findings
    assert finding.what.startswith(what)
    assert finding.data
