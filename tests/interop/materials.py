"""Indexes and tensors with the content that a case names; the same for the same case."""

from collections.abc import Mapping
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from interop.cases import LARGEST, Case, Shape

from nnc_conformance.reference.quantization.reconstruction import step_size

Integers = npt.NDArray[np.int64]
Array = npt.NDArray[Any]

JITTER: Final = 0.4
"""How far the values to be quantized lie from the middle of a step at most."""


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
    """The names of a block's vectors in the order of its list of ids, each with its type as the encoders call it."""
    names = {"w_scaling": "weight.ls"} if "LS" in parts else {}
    if "BN" in parts:
        names |= {"beta": "bn.beta", "gamma": "bn.gamma", "mean": "bn.mean", "variance": "bn.var"}
    return names | ({"bias": "bias"} if "BI" in parts else {})


def parameters(case: Case) -> dict[str, Array]:
    """What an encoder is given: int32 or float32 tensors by name, their values near the wanted multiples of their step sizes."""
    random = generator_of(case)
    if case.payload == "INT":
        return {"w": integers(case.content, prod(case.shape), random).astype(np.int32).reshape(case.shape)}
    jitter = 0.0 if case.codebook != "none" else JITTER
    shapes: dict[str, Shape] = {"w": case.shape} | dict.fromkeys(vector_names(case.parts), (case.rows,))
    tensors = {}
    for name, shape in shapes.items():
        weight = name == "w" and (len(shape) > 1 or case.payload == "BLOCK")
        numbers = integers(case.content, prod(shape), random)
        off = random.uniform(-jitter, jitter, numbers.size) * (numbers != 0)
        step = step_size(case.qp_density, case.qp if weight else case.qp + case.delta)
        tensors[name] = ((numbers + off) * step).astype(np.float32).reshape(shape)
    return tensors


def block_tables(case: Case) -> Mapping[str, Mapping[str, str]] | None:
    """The tables that tell an encoder which tensors make a block."""
    if case.payload != "BLOCK":
        return None
    types = {"w": "weight"} | vector_names(case.parts)
    return {"block_identifier": dict.fromkeys(types, "block"), "parameter_type": types}
