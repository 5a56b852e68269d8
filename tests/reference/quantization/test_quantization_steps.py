"""Steps by deviation: in proportion to the deviation and to the square root of the number, never
coarser, never beyond qp_delta.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.quantization.steps import by_deviation


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("density", [0, 2, 4])
def test_a_quarter_of_the_values_or_half_the_deviation_is_half_the_step(density: int) -> None:
    whole = normal(1, 256, 256)
    parameters = {"whole": whole, "quarter": normal(2, 128, 128), "half": whole / 2, "quieter": normal(3, 64, 64) / 4}
    found = by_deviation(parameters, 3, density)
    octave = 1 << density
    assert found == {"whole": 3, "quarter": 3 - octave, "half": 3 - octave, "quieter": 3 - 4 * octave}


def test_none_is_coarser_and_what_is_no_weight_has_no_step() -> None:
    infinite = np.array([[1, np.inf]], np.float32)
    parameters = {
        "loud": normal(4, 50, 2) * 1000,
        "large": normal(5, 100, 100),
        "integers": np.arange(5),
        "scalar": np.float32(3.0).reshape(()),
        "infinite": infinite,
        "bias": normal(6, 100),
        "gain": normal(7, 1, 100, 1, 1),
    }
    assert by_deviation(parameters, -10) == {"loud": -10, "large": -10}
    assert by_deviation({"integers": np.arange(5)}, -10) == {}


@given(st.lists(st.tuples(st.floats(1e-38, 1e38), st.integers(2, 50)), min_size=1, max_size=6), st.integers(0, 7))
def test_any_magnitudes_can_be_encoded(tensors: list[tuple[float, int]], density: int) -> None:
    """Whatever the magnitudes: qp_delta holds every step, and the largest tensor has the one that
    was asked for.
    """
    magnitudes = [magnitude for magnitude, _ in tensors]
    parameters = {
        f"t{at}": np.linspace(-1, 1, 2 * size, dtype=np.float32).reshape(2, size) * np.float32(least)
        for at, (least, size) in enumerate(tensors)
    }
    found = by_deviation(parameters, 0, density)
    options = EncoderOptions(qp=0, qp_density=density, tensor_qp=found)
    assert len(found) == len(magnitudes)
    assert all(-(1 << (5 + density)) <= options.qp_delta(name, weight=True) <= 0 for name in found)


def test_a_tensor_of_equal_values_counts_with_their_magnitude() -> None:
    parameters = {"large": normal(6, 100, 100), "ones": np.ones((8, 8), np.float32), "zeros": np.zeros((8, 8), np.float32)}
    found = by_deviation(parameters, -20)
    assert found["ones"] == found["zeros"] == -20 + round(4 * np.log2(64 / (100 * 100 * np.var(parameters["large"]))) / 2)


def test_relative_error_for_the_bits_is_less_than_half_that_at_equal_steps() -> None:
    """The sum of squared errors, each over its tensor's variance, at no more bytes."""
    parameters = {f"t{at}": normal(at, size, size) * 2.0**-at for at, size in enumerate((256, 128, 64, 32))}

    def encoded(**options: object) -> tuple[int, float]:
        stream = encode(parameters, options=EncoderOptions(**options, rdo=0))
        decoded = decode(stream).parameters
        errors = [np.mean((decoded[name] - array) ** 2) / np.var(array) for name, array in parameters.items()]
        return len(stream), float(sum(errors))

    size, error = encoded(qp=-8)
    fitted = (encoded(qp=qp, tensor_qp=by_deviation(parameters, qp)) for qp in range(-8, 8))
    assert next(found for found in fitted if found[0] <= size)[1] < error / 2
