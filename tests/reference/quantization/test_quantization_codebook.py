"""Codebooks: what they hold, that they lose nothing they need not, and that clusters are the best
there are.
"""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.encoder import encode
from nnc_conformance.reference.encoder_options import EncoderOptions
from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.quantization import codebook
from nnc_conformance.reference.quantization.quantizer import LAGRANGIAN
from nnc_conformance.reference.quantization.reconstruction import codebook_values

METHODS = ("integer", "kmeans")


def clusters(seed, count, spread):
    """Values around 16 centres."""
    random = np.random.default_rng(seed)
    return (random.random(16)[random.integers(0, 16, count)] + spread * random.random(count)).astype(np.float32)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=60), st.sampled_from(METHODS), st.sampled_from([0.5, 2.0**-7, 3 * 2.0**-9]))
def test_multiples_of_the_step_are_given_back(multiples, method, step):
    values = (np.array(multiples) * step).astype(np.float32)
    book, indexes = codebook.design(values, step, method=method, rdo=0)
    assert indexes.dtype == np.int32
    assert book.values.dtype == np.int32
    assert book.values.tolist() == sorted(set(multiples))
    assert (codebook_values(indexes, book) * step == values).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_most_frequent_value_has_index_0(method):
    values = np.array([[-7, 2, 2, 2], [90, 2, -7, 0]], np.float32)
    book, indexes = codebook.design(values, 1.0, method=method, rdo=0)
    assert book.values.tolist() == [-7, 0, 2, 90]
    assert book.zero_offset == 2
    assert indexes.tolist() == [-2, 0, 0, 0, 1, 0, -2, -1]


def test_integers_are_the_nearest():
    book, indexes = codebook.design(np.array([0.4, 0.6, 1.5, -2.51], np.float32), 1.0, method="integer")
    assert codebook_values(indexes, book).tolist() == [0, 1, 2, -3]


def least_cost(values, lagrangian):
    """The least cost of all ways to cut the sorted values into runs."""
    ordered = sorted(values)
    best = math.inf
    for cuts in itertools.product([False, True], repeat=len(ordered) - 1):
        bounds = [0, *(place + 1 for place, cut in enumerate(cuts) if cut), len(ordered)]
        cost = 0.0
        for start, after in itertools.pairwise(bounds):
            run = ordered[start:after]
            centre = round(sum(run) / len(run))
            bits = len(run) * math.log2(len(ordered) / len(run)) + codebook.ENTRY_BITS
            cost += sum((value - centre) ** 2 for value in run) + lagrangian * bits
        best = min(best, cost)
    return best


@given(st.lists(st.integers(-30, 30), min_size=1, max_size=10, unique=True), st.floats(0, 50))
@settings(max_examples=60)
def test_clusters_are_the_best_of_all(halves, rdo):
    """Of values in the middle of a cell each; those cells are where clusters may be cut."""
    values = [half / 2 + 0.2 for half in halves]
    book, indexes = codebook.design(np.array(values, np.float32), 1.0, method="kmeans", rdo=rdo)
    counts = np.unique(indexes, return_counts=True)[1]
    bits = -np.sum(counts * np.log2(counts / counts.sum())) + codebook.ENTRY_BITS * len(counts)
    cost = float(np.sum((np.array(values) - codebook_values(indexes, book)) ** 2)) + rdo * LAGRANGIAN * bits
    assert cost <= least_cost(values, rdo * LAGRANGIAN) * (1 + 1e-6) + 1e-6


def test_clusters_take_fewer_entries_than_their_nearest_integers_at_nearly_the_same_error():
    values, step = clusters(3, 20000, 0.001), 2.0**-8
    books = {}
    for method in METHODS:
        book, indexes = codebook.design(values, step, method=method)
        books[method] = len(book.values), float(np.mean((values / step - codebook_values(indexes, book)) ** 2))
    assert books["kmeans"][0] < books["integer"][0]
    assert books["kmeans"][1] < books["integer"][1] * 1.05


def test_values_all_over_take_their_nearest_integers(monkeypatch):
    monkeypatch.setattr(codebook, "MAX_CELLS", 10)
    values = np.arange(-20, 20, dtype=np.float32) * 3
    book, indexes = codebook.design(values, 1.0, method="kmeans", rdo=1000.0)
    assert (codebook_values(indexes, book) == values).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_codebook_is_sent_where_it_makes_the_unit_smaller(method):
    options = {"qp": -32, "rdo": 1.0}
    for values, helps in ((clusters(1, 900, 0.0), True), (np.random.default_rng(2).random(900, np.float32), False)):
        tensor = values.reshape(30, 30)
        plain = encode({"x": tensor}, options=EncoderOptions(**options))
        stream = encode({"x": tensor}, options=EncoderOptions(codebook=method, **options))
        assert len(stream) < 0.7 * len(plain) if helps else len(stream) <= len(plain)
        assert np.abs(decode(stream).parameters["x"] - tensor).max() <= 2.0**-8


@pytest.mark.parametrize("effort", ["fast", "default"])
def test_without_weight_on_rate_a_codebook_keeps_the_nearest_multiples(effort):
    """Half a step at most; with weight on rate, clusters may move a value further."""
    steps = np.random.default_rng(5).choice([-500, -250, 0, 250, 500], 4000)
    tensor = (2.0**-6 * (steps + np.random.default_rng(6).normal(0, 0.4, 4000))).astype(np.float32).reshape(50, 80)
    worst = {}
    for rdo in (0.0, 20.0):
        options = EncoderOptions(qp=-24, codebook="kmeans", rdo=rdo, effort=effort)
        worst[rdo] = np.abs(decode(encode({"x": tensor}, options=options)).parameters["x"] - tensor).max() * 2.0**6
    assert worst[0.0] <= 0.5 + 2.0**-16
    assert worst[20.0] > 0.6 or effort == "fast"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("values", "step"), [([], 1.0), ([math.nan], 1.0), ([1.0], 0.0), ([3e9], 1.0)])
def test_what_cannot_be_quantized_is_refused(method, values, step):
    with pytest.raises(EncodeError):
        codebook.design(np.array(values, np.float32), step, method=method)


def test_another_method_is_refused():
    with pytest.raises(ValueError, match="kmeans, integer"):
        codebook.design(np.zeros(3, np.float32), 1.0, method="none")
