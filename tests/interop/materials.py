"""Indexes and tensors with the content that a case names.

The same case always gets the same content.
"""

from collections.abc import Mapping
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from interop.cases import ENCODER, LARGEST, Case, Shape

from nnc_conformance.reference.quantization.reconstruction import step_size

Integers = npt.NDArray[np.int64]
Array = npt.NDArray[Any]

JITTER: Final = 0.4
"""How far the values to be quantized lie from the middle of a step at most."""
NEAR: Final = {False: 0.5, True: 2.0}
"""Steps between a value and what a decoder gives at most, where nothing weighs against nearness:
without dq_flag and with it.
"""
ROUNDING: Final = 2.0**-23
"""What the product with the step may lose of a value."""


def generator_of(case: Case) -> np.random.Generator:
    """The random numbers of a case."""
    return np.random.default_rng([15938, case.number])


def integers(content: str, count: int, random: np.random.Generator, largest: int = LARGEST) -> Integers:
    """So many integers with the content."""
    numbers = np.zeros(count, np.int64)
    if content == "one value":
        numbers[random.integers(count)] = -7
    elif content == "sparse":
        numbers[:] = random.integers(-3, 4, count) * (random.random(count) < 0.1)
    elif content == "small":
        numbers[:] = np.rint(random.laplace(0, 2, count))
    elif content == "wide":
        numbers[:] = random.integers(-300, 301, count)
    elif content == "to 2^24":
        numbers[:] = 2 ** random.uniform(0, np.log2(largest), count) * random.choice([-1, 1], count)
        numbers[random.integers(count)] = largest
        numbers[random.integers(count)] = -largest
    elif content != "zeros":
        raise ValueError(content)
    return numbers


def vector_names(parts: tuple[str, ...]) -> dict[str, str]:
    """The names of a block's vectors in the order of its list of ids, each with its type as the
    encoders call it.
    """
    names = {"w_scaling": "weight.ls"} if "LS" in parts else {}
    if "BN" in parts:
        names |= {"beta": "bn.beta", "gamma": "bn.gamma", "mean": "bn.mean", "variance": "bn.var"}
    return names | ({"bias": "bias"} if "BI" in parts else {})


def parameters(case: Case) -> dict[str, Array]:
    """What an encoder is given: int32 or float32 tensors by name, their values near the wanted
    multiples of their step sizes.
    """
    random = generator_of(case)
    if case.payload == "INT":
        return {"w": integers(case.content, prod(case.shape), random).astype(np.int32).reshape(case.shape)}
    jitter = 0.0 if case.codebook != "none" else JITTER
    tensors = {}
    for name, (shape, step) in quantized(case).items():
        numbers = integers(case.content, prod(shape), random)
        off = random.uniform(-jitter, jitter, numbers.size) * (numbers != 0)
        tensors[name] = ((numbers + off) * step).astype(np.float32).reshape(shape)
    return tensors


def quantized(case: Case) -> dict[str, tuple[Shape, float]]:
    """The quantized tensors with their dimensions and step sizes.

    To our encoder a tensor alone is a weight if more than one extent is above 1, to the others if
    it has more than one dimension.
    """
    shapes: dict[str, Shape] = {"w": case.shape} | dict.fromkeys(vector_names(case.parts), (case.rows,))
    extents = [extent for extent in case.shape if extent > 1 or case.maker != ENCODER]
    weight = "w" if len(extents) > 1 or case.payload == "BLOCK" else ""
    steps = {name: float(step_size(case.qp_density, case.qp + (0 if name == weight else case.delta))) for name in shapes}
    return {name: (shape, steps[name]) for name, shape in shapes.items()}


def lost(case: Case, tensors: Mapping[str, Array]) -> str:
    """What of a case an encoder has lost: integers, or nearness (`NEAR`) where it was to be kept.

    Empty where nothing.
    """
    source = parameters(case)
    if case.payload == "INT":
        return "" if np.array_equal(source["w"], tensors["w"]) else "w has lost integers"
    if case.rdo or case.codebook != "none":
        return ""
    for name, (_, step) in quantized(case).items():
        if (np.abs(source[name].astype(np.float64) - tensors[name]) > NEAR[case.dq] * step + ROUNDING * np.abs(source[name])).any():
            return f"{name} is not near what was encoded"
    return ""


def block_tables(case: Case) -> Mapping[str, Mapping[str, str]] | None:
    """The tables that tell an encoder which tensors make a block."""
    if case.payload != "BLOCK":
        return None
    types = {"w": "weight"} | vector_names(case.parts)
    return {"block_identifier": dict.fromkeys(types, "block"), "parameter_type": types}
