"""States of contexts at the ends of their ranges: what streams can reach, and that core reaches it.

The decoder under test shares no code with the reference, which made the vectors.
"""

from collections.abc import Callable

import pytest
from helpers.plain_mutants import outcomes_of
from plain_decoder import arithmetic
from plain_decoder.arithmetic import Context
from plain_decoder.tables import CONTEXT_PARAMETER_SETS

from nnc_conformance.faults.score.trial_vectors import TrialVector, kill_of
from nnc_conformance.storage.suite_folder import built_in_root, load_suite
from nnc_conformance.storage.vector import Level

ENDS = {"S0": 123, "S1": 1923}
"""The largest magnitude of each state under any parameter set, and after any bins."""
FURTHEST = {("S0", 1): 3, ("S0", -1): 3, ("S1", 1): 2, ("S1", -1): 2}
"""A parameter set whose vector takes a state to each end."""


def reached(parameter_set: int, state: str) -> set[int]:
    """Every value of a state that some bins lead to; neither state depends on the other."""
    context = Context()
    context.parameter_set = parameter_set
    context.reset()
    found = {getattr(context, state)}
    front = list(found)
    while front:
        value = front.pop()
        for binary in (0, 1):
            context.S0 = context.S1 = 0
            setattr(context, state, value)
            context.update(binary)
            if (after := getattr(context, state)) not in found:
                found.add(after)
                front.append(after)
    return found


@pytest.mark.parametrize(("state", "end"), ENDS.items())
def test_no_bins_take_a_state_beyond_its_end(state: str, end: int) -> None:
    """So a decoder that clamps S0 at 126, or S1 at 2040, is right."""
    values = set().union(*(reached(number, state) for number in range(len(CONTEXT_PARAMETER_SETS))))
    assert (min(values), max(values)) == (-end, end)


def clamped(state: str, sign: int, bound: int) -> Callable[[Context, int], None]:
    right = Context.update

    def update(self: Context, binary: int) -> None:
        right(self, binary)
        setattr(self, state, sign * min(sign * getattr(self, state), bound))

    return update


def wrapped(state: str, bound: int) -> Callable[[Context, int], None]:
    right = Context.update

    def update(self: Context, binary: int) -> None:
        right(self, binary)
        setattr(self, state, (getattr(self, state) + bound) % (2 * bound) - bound)

    return update


@pytest.fixture(scope="module")
def vectors() -> dict[str, TrialVector]:
    suite = load_suite(built_in_root(), levels={Level.CORE}, verify=False)
    return {one.vector.id: TrialVector.of(one) for one in suite.vectors if one.vector.id.startswith("cabac-extremes-set-")}


def is_caught(vector: TrialVector) -> bool:
    return kill_of(vector, *outcomes_of(vector)) is not None


@pytest.mark.slow
@pytest.mark.parametrize(("state", "sign"), FURTHEST)
def test_core_catches_a_clamp_one_short_of_the_end(
    monkeypatch: pytest.MonkeyPatch, vectors: dict[str, TrialVector], state: str, sign: int
) -> None:
    vector = vectors[f"cabac-extremes-set-{FURTHEST[state, sign]}"]
    assert not is_caught(vector)
    for bound in (ENDS[state] - 1, ENDS[state] - 3, ENDS[state] // 2):
        with monkeypatch.context() as patch:
            patch.setattr(arithmetic.Context, "update", clamped(state, sign, bound))
            assert is_caught(vector), bound


@pytest.mark.slow
@pytest.mark.parametrize("state", ENDS)
def test_core_catches_a_state_that_wraps_at_its_end(monkeypatch: pytest.MonkeyPatch, vectors: dict[str, TrialVector], state: str) -> None:
    vector = vectors[f"cabac-extremes-set-{FURTHEST[state, 1]}"]
    monkeypatch.setattr(arithmetic.Context, "update", wrapped(state, ENDS[state]))
    assert is_caught(vector)
