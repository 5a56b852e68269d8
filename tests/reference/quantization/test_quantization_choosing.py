"""The encoder's choice for each tensor: what is quantized keeps its values, and what cannot be is
exact.
"""

import numpy as np
import pytest

from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.quantization.choosing import Treatment, choose, greatest_qp, options_for, recounted
from nnc_conformance.reference.quantization.reconstruction import step_size
from nnc_conformance.reference.topology.classes import Role

NORMAL = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def through(array: np.ndarray, **options: object) -> np.ndarray:
    chosen = choose({"t": array}, EncoderOptions(**options)).options
    return decode(encode({"t": array}, options=chosen)).parameters["t"].reshape(array.shape)


EXACT = {
    "a mask of -1e9": np.triu(np.full((4, 4), -1e9, np.float32), 1),
    "a mask of the lowest float": np.triu(np.full((4, 4), np.finfo(np.float32).min), 1),
    "a mask of -10000": np.triu(np.full((4, 4), -1e4, np.float32), 1),
    "a mask of -65504 in half precision": np.triu(np.full((4, 4), -65504, np.float16), 1),
    "minus infinity": np.triu(np.full((4, 4), -np.inf, np.float32), 1),
    "constants of 9.8e7": f32(9.8e7, 3.5, -2.25),
    "weights of 1e20": NORMAL * np.float32(1e20),
    "a vector from 1e-30 to 1": f32(1e-30, 1),
    "values of 1e-40": f32(1e-40, 2e-40, 3e-39),
    "a NaN": f32(np.nan, 1, 2),
    "one value": f32(0.1),
}


@pytest.mark.parametrize("dq", [False, True])
@pytest.mark.parametrize("array", EXACT.values(), ids=EXACT)
def test_values_that_no_step_keeps_are_exact(array: np.ndarray, dq: bool) -> None:
    chosen = choose({"t": array}, EncoderOptions(dq=dq))
    assert (chosen.tensors[0].treatment, chosen.options.exact) == (Treatment.EXACT, {"t"})
    assert chosen.tensors[0].reason
    assert through(array, dq=dq).tobytes() == array.tobytes()


RELATIVE = {
    "layer scale": (np.linspace(5e-7, 2e-6, 16, dtype=np.float32), 0.1),
    "denominators": (f32(1e-7, 1e-6, 5e-7, 1), 0.1),
    "channel constants": (np.geomspace(2e-4, 1, 8, dtype=np.float32).reshape(1, 8, 1, 1), 0.05),
    "a row vector": (np.geomspace(3e-5, 1, 16, dtype=np.float32).reshape(1, 16), 0.1),
    "a column vector": (np.geomspace(3e-5, 1, 16, dtype=np.float32).reshape(16, 1), 0.1),
    "a half-precision vector": (np.geomspace(1e-3, 1, 16, dtype=np.float32).astype(np.float16), 0.1),
    "a negative vector": (-np.geomspace(1e-6, 1e-3, 16, dtype=np.float32), 0.1),
    "a vector in binary64": (np.geomspace(1e-6, 1e-3, 16), 0.1),
}


@pytest.mark.parametrize("density", range(8))
@pytest.mark.parametrize("dq", [False, True])
@pytest.mark.parametrize(("array", "most"), RELATIVE.values(), ids=RELATIVE)
def test_each_value_of_a_vector_is_kept(array: np.ndarray, most: float, dq: bool, density: int) -> None:
    qp, nonweight_qp = options_for(None, None, density)
    back = through(array, dq=dq, qp=qp, nonweight_qp=nonweight_qp, qp_density=density)
    assert (np.abs(back.astype(np.float64) - array) <= most * np.abs(array)).all()


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 2e-4, 1, 300])
@pytest.mark.parametrize("density", [0, 2, 7])
def test_weights_do_not_all_become_0(scale: float, density: int) -> None:
    qp, nonweight_qp = options_for(None, None, density)
    weights = NORMAL * np.float32(scale)
    back = through(weights, qp=qp, nonweight_qp=nonweight_qp, qp_density=density)
    assert np.abs(back - weights).max() <= 0.2 * np.abs(weights).max()


@pytest.mark.parametrize(
    "variance", [f32(146335.36, 1, 0.02, 5.5), np.geomspace(1e-4, 60, 32, dtype=np.float32), f32(1e-3, 0, 1e-2)], ids=["large", "wide", "0"]
)
def test_variances_follow_their_smallest_value_whatever_is_asked_for(variance: np.ndarray) -> None:
    options = EncoderOptions(qp=-10, nonweight_qp=-10, tensor_qp={"v": 0})
    chosen = choose({"v": variance}, options, variances={"v"}, asked=Role).options
    back = decode(encode({"v": variance}, options=chosen)).parameters["v"]
    assert (np.abs(back - variance) <= 0.01 * variance).all()


def test_a_qp_that_is_asked_for_stays_unless_all_values_became_0() -> None:
    asked = EncoderOptions(qp=-4, nonweight_qp=-8)
    parameters = {"w": NORMAL, "b": NORMAL[0], "tiny": NORMAL * np.float32(1e-3)}
    rows = {row.name: row for row in choose(parameters, asked, asked=Role).tensors}
    assert (rows["w"].qp, rows["b"].qp) == (-4, -8)
    assert float(step_size(2, rows["tiny"].qp or 0)) <= np.abs(parameters["tiny"]).max()
    assert rows["tiny"].reason
    assert rows["b"].zeros == np.count_nonzero(np.abs(NORMAL[0]) < 0.125)


def scaled(axis: int, *shape: int) -> np.ndarray:
    """Three quarters of the rows along an axis are 2,000 times smaller than the others."""
    weights = np.random.default_rng(1).normal(scale=0.2, size=shape).astype(np.float32)
    small = np.arange(shape[axis]) < shape[axis] * 3 // 4
    return weights * np.where(small, np.float32(5e-4), np.float32(1)).reshape([-1 if each == axis else 1 for each in range(len(shape))])


LOST = {
    "rows": (scaled(0, 64, 64), "48 whole rows"),
    "columns": (scaled(1, 64, 64), "48 whole rows"),
    "input channels": (scaled(1, 32, 16, 3, 3), "12 whole rows"),
    "output channels in the layout of TensorFlow": (scaled(3, 3, 3, 16, 32), "24 whole rows"),
    "one row of many": (
        NORMAL * np.where(np.arange(16) == 3, np.float32(1e-4), 1)[:, None].astype(np.float32),
        "1 whole row, column or channel",
    ),
    "half of the values, anywhere": (NORMAL * (np.float32(1e-4) ** (np.indices((16, 16)).sum(axis=0) % 2)), "values"),
}


@pytest.mark.parametrize(("array", "what"), LOST.values(), ids=LOST)
def test_weights_of_which_much_becomes_0_are_listed(array: np.ndarray, what: str) -> None:
    chosen = choose({"t": array}, EncoderOptions())
    back = {"t": decode(encode({"t": array}, options=chosen.options)).parameters["t"]}
    (row,) = recounted(chosen, {"t": array}, back).tensors
    zeros = np.count_nonzero((back["t"] == 0) & (array != 0))
    assert row.zeros == zeros
    assert row.lost.startswith(f"{zeros} of {array.size} non-zero values")
    assert what in row.lost
    assert chosen.tensors[0].lost


KEPT = {
    "normal": NORMAL,
    "Laplace": np.random.default_rng(2).laplace(size=(200, 100)).astype(np.float32),
    "dead rows": NORMAL * np.where(np.arange(16) < 12, np.float32(1e-30), 1)[:, None].astype(np.float32),
    "pruned": NORMAL * (np.arange(16) < 8)[:, None].astype(np.float32),
    "two small values in a column": np.where(np.indices((2, 256))[1] == 7, np.float32(1e-4), np.float32(1)),
    "short rows": np.random.default_rng(3).laplace(size=(3000, 2)).astype(np.float32),
}


@pytest.mark.parametrize("array", KEPT.values(), ids=KEPT)
def test_weights_that_lose_what_steps_cost_are_not_listed(array: np.ndarray) -> None:
    assert choose({"t": array}, EncoderOptions()).tensors[0].lost == ""


def test_vectors_are_listed_whatever_they_lose() -> None:
    vector = np.geomspace(1e-3, 1, 32, dtype=np.float32).reshape(1, 32, 1, 1)
    (row,) = choose({"v": vector}, EncoderOptions(nonweight_qp=-8), asked=[Role.VECTOR]).tensors
    assert row.lost == f"{np.count_nonzero(vector < 0.125)} of 32 non-zero values"


def test_a_step_for_one_tensor_is_asked_for() -> None:
    rows = choose({"v": NORMAL[0], "w": NORMAL}, EncoderOptions(tensor_qp={"v": -8, "w": 0})).tensors
    assert [row.qp for row in rows] == [-8, 0]


def test_what_a_stream_cannot_hold_is_listed_with_its_reason() -> None:
    odd = {
        "big": np.array([2**40]),
        "none": np.zeros((0, 3), np.float32),
        "no doubles": np.zeros((0, 3)),
        "complex": np.zeros(2, np.complex64),
        "double": np.array([1e300, 1 / 3]),
        "third": np.array([1 / 3]),
    }
    rows = choose(odd, EncoderOptions()).tensors
    assert {row.treatment for row in rows} == {Treatment.CARRIED}
    assert all(row.reason for row in rows)
    assert choose({"half": np.array([0.5])}, EncoderOptions()).tensors[0].treatment is Treatment.EXACT


def test_integers_and_named_tensors_are_exact() -> None:
    rows = choose({"i": np.arange(3), "w": NORMAL}, EncoderOptions(), exact={"w": "a reason"}).tensors
    assert [(row.treatment, row.reason) for row in rows][1] == (Treatment.EXACT, "a reason")
    assert rows[0].treatment is Treatment.INTEGER


def test_default_options_never_stop_at_a_value() -> None:
    parameters = {name.replace(" ", "."): array for name, array in EXACT.items()} | {"w": NORMAL}
    back = decode(encode(parameters)).parameters
    assert all(back[name].tobytes() == array.tobytes() for name, array in parameters.items() if name != "w")
    assert np.abs(back["w"] - NORMAL).max() < 0.002


def test_an_error_names_the_tensor_and_a_remedy() -> None:
    with pytest.raises(EncodeError, match=r"'large' with qp -75: .* exceed int32 .*exact"):
        encode({"good": NORMAL, "large": f32(1e9, 1)}, options=EncoderOptions())


@pytest.mark.parametrize("density", range(8))
def test_the_greatest_qp_is_the_inverse_of_the_step_size(density: int) -> None:
    for qp in range(-40, 40):
        step = float(step_size(density, qp))
        assert greatest_qp(step, density) == qp
        assert greatest_qp(np.nextafter(step, 0), density) == qp - 1


@pytest.mark.parametrize("density", range(8))
def test_default_steps_are_alike_at_every_density(density: int) -> None:
    weights, vectors = options_for(None, None, density)
    assert 2**-10.5 < float(step_size(density, weights)) < 2**-9
    assert 2**-20 < float(step_size(density, vectors)) < 2**-18
    far, near = options_for(20 << density, None, density)
    EncoderOptions(qp=far, nonweight_qp=near, qp_density=density).qp_delta("v", weight=False)
