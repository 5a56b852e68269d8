"""The effort of the encoder: fast leaves rates out, best is smaller at no more error."""

import numpy as np
import pytest
from helpers.quantization_samples import SOURCES

from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.encoder import encode
from nnc_conformance.reference.encoder_options import EncoderOptions


def coded(values, **options):
    """Size of the stream, and the sum of squared errors of what it decodes to."""
    stream = encode({"x": values}, options=EncoderOptions(**options))
    decoded = decode(stream).parameters["x"]
    return len(stream), float(np.sum(np.square(decoded.astype(np.float64) - values)))


@pytest.mark.parametrize(
    ("source", "dq", "qp"),
    [
        ("laplacian", False, -15),
        ("laplacian", True, -15),
        ("gaussian", False, -15),
        ("gaussian", True, -15),
        ("sparse", False, -18),
        ("sparse", True, -18),
    ],
)
def test_best_takes_fewer_bytes_at_no_more_error(source, dq, qp):
    values = SOURCES[source](5, 250_000, 0.05).reshape(500, 500)
    size, error = coded(values, qp=qp, dq=dq, effort="default")
    best_size, best_error = coded(values, qp=qp, dq=dq, effort="best")
    assert best_size < 0.98 * size
    assert best_error <= error


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("dq", [False, True])
@pytest.mark.parametrize("qp", [-12, -20])
def test_best_never_takes_more_bytes_or_errs_more(source, dq, qp):
    values = SOURCES[source](5, 40_000, 0.05).reshape(200, 200)
    size, error = coded(values, qp=qp, dq=dq, effort="default")
    best_size, best_error = coded(values, qp=qp, dq=dq, effort="best")
    assert best_size <= size
    assert best_error <= error


@pytest.mark.parametrize("scan_order", [0, 1])
def test_best_keeps_to_the_lowest_qp(scan_order):
    """A vector of the lowest qp that qp_delta can give has no finer step."""
    values = SOURCES["laplacian"](5, 4000, 0.05)
    options = {"qp": 0, "nonweight_qp": -128, "rdo": 1.0, "scan_order": scan_order}
    assert coded(values, effort="best", **options) == coded(values, effort="default", **options)


@pytest.mark.parametrize("scan_order", [0, 2])
@pytest.mark.parametrize("dq", [False, True])
def test_fast_gives_the_indexes_of_no_weight_on_rate(dq, scan_order):
    values = SOURCES["laplacian"](6, 90_000, 0.05).reshape(900, 100)
    options = {"qp": -18, "dq": dq, "scan_order": scan_order}
    size, error = coded(values, effort="fast", rdo=3.0, **options)
    nearest_size, nearest_error = coded(values, effort="default", rdo=0.0, **options)
    unfitted_size, _ = coded(values, effort="fast", parameter_sets="default", **options)
    assert error == nearest_error
    assert size == pytest.approx(nearest_size, rel=0.002)
    assert size < unfitted_size


def test_best_leaves_an_encode_without_weight_on_rate_as_it_is():
    values = SOURCES["gaussian"](7, 5000, 0.05).reshape(50, 100)
    assert coded(values, qp=-18, effort="best", rdo=0.0) == coded(values, qp=-18, effort="default", rdo=0.0)
