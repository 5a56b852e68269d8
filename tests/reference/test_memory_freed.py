"""Large arrays are freed with their last reference.

A reference cycle would keep them until Python's collector happens to run, which NumPy's memory does
not bring forward: a session would hold the models of many steps.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pytest

from nnc_conformance.reference import BaseModel, EncoderOptions, decode, encode, trace
from nnc_conformance.reference.errors import StreamError

FIRST = {"weight": np.linspace(-1, 1, 600, dtype=np.float32).reshape(20, 30), "bias": np.arange(5, dtype=np.int32)}
LATER = {"weight": FIRST["weight"] + np.float32(0.25), "bias": FIRST["bias"] * 2}
OPTIONS = EncoderOptions(qp=-20, edition=2024)
STREAM = encode(FIRST, options=OPTIONS)
BASE = decode(STREAM, base=BaseModel()).model
UPDATE = encode(LATER, base=BASE, options=OPTIONS)


def refuse() -> None:
    with suppress(StreamError):
        decode(STREAM[:-3])


@pytest.fixture
def uncollected() -> Iterator[Callable[[], int]]:
    """Count the objects that only the collector can free, while it is off."""
    gc.disable()
    yield gc.collect
    gc.enable()


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(lambda: decode(STREAM), id="decode"),
        pytest.param(lambda: decode(STREAM, threads=2), id="decode with threads"),
        pytest.param(lambda: decode(UPDATE, base=BASE), id="decode an update"),
        pytest.param(lambda: [*trace(UPDATE, base=BASE)], id="trace"),
        pytest.param(refuse, id="refuse"),
        pytest.param(lambda: encode(FIRST, options=OPTIONS), id="encode"),
        pytest.param(lambda: encode(FIRST, options=OPTIONS, threads=2), id="encode with threads"),
        pytest.param(lambda: encode(LATER, base=BASE, options=OPTIONS), id="encode an update"),
    ],
)
def test_an_operation_leaves_nothing_to_the_collector(operation: Callable[[], object], uncollected: Callable[[], int]) -> None:
    operation()  # The first time loads modules and fills caches.
    gc.collect()
    operation()
    assert uncollected() == 0
