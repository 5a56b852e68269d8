"""Wrong decoders that an implementer may well write: a vector of core or negative shows each."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from helpers.plain_mutants import outcome_of
from helpers.plausible_decoders import WRONG_DECODERS, WrongDecoder

from nnc_conformance.faults.score.trial_vectors import SCORED_LEVELS, TrialVector, kill_of
from nnc_conformance.faults.score.trials import decides
from nnc_conformance.storage.suite_folder import built_in_root, load_suite

STORED = {stored.vector.id: stored for stored in load_suite(built_in_root(), levels=set(SCORED_LEVELS), verify=False).vectors}


@contextmanager
def wrong(decoder: WrongDecoder) -> Iterator[None]:
    """Put the bug of a decoder into the plain decoder."""
    codes = [(change.place(), change.code()) for change in decoder.changes]
    right = [function.__code__ for function, _ in codes]
    try:
        for function, code in codes:
            function.__code__ = code
        yield
    finally:
        for (function, _), code in zip(codes, right, strict=True):
            function.__code__ = code


def test_the_decoders_are_many_and_differ() -> None:
    assert len(WRONG_DECODERS) >= 30
    assert len({one.what for one in WRONG_DECODERS}) == len({one.changes for one in WRONG_DECODERS}) == len(WRONG_DECODERS)


@pytest.mark.parametrize("decoder", WRONG_DECODERS, ids=lambda one: one.what)
def test_a_wrong_decoder_is_not_green(decoder: WrongDecoder) -> None:
    vector = TrialVector.of(STORED[decoder.caught_by])
    with np.errstate(all="ignore"):
        assert kill_of(vector, outcome_of(vector.stream)) is None
        with wrong(decoder):
            kill = kill_of(vector, outcome_of(vector.stream))
    assert decides(kill), kill
