"""What quantization gains on many weights: less error with states, fewer bits with rates, smaller
streams than the independent codec's.
"""

import math

import numpy as np
import pytest
from helpers.quantization_samples import SOURCES, coded_bytes, gaussian, lagrangian_cost, squared_error, vector

from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.encoder import encode
from nnc_conformance.reference.encoder_options import EncoderOptions
from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.quantization.quantizer import LAGRANGIAN, quantize
from nnc_conformance.reference.quantization.reconstruction import step_size


def test_dependent_quantization_gains_more_than_1_decibel_at_high_rate():
    """At the same rate the error falls by most of what the best vector quantizer could give, 10
    log10(2 pi e / 12) = 1.53 dB.
    """
    values, step, count = gaussian(5, 50000, 1.0), 1 / 32, 50000
    doubled = quantize(values, step, vector(count, dq=True), rdo=0)
    coarse = quantize(values, 2 * step, vector(count), rdo=0)
    gain = 10 * math.log10(4 * squared_error(values, coarse, 2 * step) / squared_error(values, doubled, step))
    rate = 8 / count * (coded_bytes(doubled, vector(count, dq=True)) - coded_bytes(coarse, vector(count)))
    gain -= 20 * math.log10(2) * rate
    assert 1.0 < gain < 1.53


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("dq", [False, True])
@pytest.mark.parametrize(("step", "rdo"), [(0.125, 1.0), (0.0625, 1.0), (0.0625, 5.0), (1 / 64, 1.0)])
def test_optimised_costs_less_than_nearest(source, dq, step, rdo):
    values = SOURCES[source](3, 20000, 0.05)
    coding = TensorCoding(100, 200, 1, dq, 10, 8)
    lagrangian = rdo * LAGRANGIAN * (4 if dq else 1)
    nearest, chosen = (quantize(values, step, coding, rdo=weight) for weight in (0, rdo))
    assert coded_bytes(chosen, coding) < coded_bytes(nearest, coding)
    assert lagrangian_cost(values, chosen, coding, step, lagrangian) < lagrangian_cost(values, nearest, coding, step, lagrangian)


PEER = (
    ("laplacian", False, -11, 7301, 0.05247),
    ("laplacian", False, -18, 26369, 0.07903),
    ("laplacian", False, -26, 50953, 0.08313),
    ("laplacian", True, -11, 4744, 0.06044),
    ("laplacian", True, -18, 19847, 0.14181),
    ("laplacian", True, -26, 40833, 0.21507),
    ("gaussian", False, -11, 7322, 0.07013),
    ("gaussian", False, -18, 27545, 0.08356),
    ("gaussian", False, -26, 52238, 0.08331),
    ("gaussian", True, -11, 3971, 0.07857),
    ("gaussian", True, -18, 20220, 0.16690),
    ("gaussian", True, -26, 41472, 0.23118),
    ("sparse", False, -11, 1139, 0.00526),
    ("sparse", False, -18, 4982, 0.00779),
    ("sparse", False, -26, 9508, 0.00825),
    ("sparse", True, -11, 754, 0.00641),
    ("sparse", True, -18, 3959, 0.01439),
    ("sparse", True, -26, 8309, 0.02126),
)
"""Streams of the independent codec with lambda_scale 0.1 and unary length 10, of SOURCES[source](9,
100000, 0.05) as 250 x 400: source, dq, qp (density 2), bytes, mean squared error in squared steps.
"""


@pytest.mark.parametrize(("source", "dq", "qp", "peer_bytes", "peer_error"), PEER)
def test_at_the_same_step_streams_are_smaller_than_the_independent_codecs(source, dq, qp, peer_bytes, peer_error):
    values = SOURCES[source](9, 100000, 0.05).reshape(250, 400)
    step = float(step_size(2, qp))
    stream = encode({"x": values}, options=EncoderOptions(qp=qp, dq=dq, unary_length=10, rdo=1.0))
    error = squared_error(values, decode(stream).parameters["x"].astype(np.float64).reshape(-1) / step, step)
    assert len(stream) <= peer_bytes
    assert error / peer_error - 1 < max(0.005, 1.5 * (1 - len(stream) / peer_bytes))
