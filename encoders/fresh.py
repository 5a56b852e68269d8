"""Fresh cases for an encoder, drawn from a seed, so that no encoder can have been fitted to them."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Final

import numpy as np

from nnc_conformance.encoders.cases import CaseInput, EncoderCase, Tensors, bell_curve, known_values, option_values
from nnc_conformance.encoders.encoder_spec import EncoderSpec
from nnc_conformance.encoders.option_values import DEFAULT_DENSITY, OCTAVES, OFF, SECOND_EDITION, TOOLS, in_encoder_words
from nnc_conformance.generator.randomness import Numbers

FRESH_CASES: Final = "nnc-encoder-fresh/1"
"""Version of the way in which fresh cases are drawn: any change of it raises its number."""
MOST_TENSORS: Final = 4
MOST_STEPS: Final = 3
"""Streams of the longest session."""
MOST_VALUES: Final = 3000
"""Values of the largest tensor."""
LONGEST: Final = 80
"""The largest dimension."""
WEIGHT_OCTAVES: Final = (-9, -3)
VECTOR_OCTAVES: Final = (-13, -8)
"""Octaves between which the steps of weights and of vectors lie."""


def fresh_cases(encoder: EncoderSpec, seed: int, count: int) -> list[CaseInput]:
    """Draw cases that an encoder must accept, with options that it has.

    Args:
        encoder: The encoder.
        seed: Decides everything that is drawn.
        count: Number of cases.
    """
    return [_case(encoder, Numbers(seed, f"{FRESH_CASES}/{number}"), f"fresh-{number:03}") for number in range(count)]


def _case(encoder: EncoderSpec, numbers: Numbers, identity: str) -> CaseInput:
    """Draw one case: its options, and the tensors of each step."""
    steps = _number(numbers, "steps", 1, MOST_STEPS) if encoder.updates and _number(numbers, "session", 0, 2) == 0 else 1
    options = in_encoder_words(_options(encoder, numbers, updates=steps > 1))
    first = _model(numbers, matrices=options.get("scan_order", "0") != "0")
    inputs = [first]
    for step in range(1, steps):
        inputs.append({name: _moved(numbers, f"{step}/{place}", array) for place, (name, array) in enumerate(inputs[-1].items())})
    asked = ", ".join(f"{name} {value}" for name, value in sorted(options.items()))
    title = f"{len(first)} tensors, {steps} steps" + (f", options {asked}" if asked else "")
    return CaseInput(EncoderCase(id=identity, group="fresh", title=title, options=options, steps=steps), tuple(inputs))


def _number(numbers: Numbers, label: str, low: int, high: int) -> int:
    return int(numbers.integers(label, 1, low, high)[0])


def _options(encoder: EncoderSpec, numbers: Numbers, *, updates: bool) -> dict[str, str]:
    """Draw a value of each option that the encoder can be asked for; steps are drawn as octaves."""
    values: Mapping[str, Sequence[str]] = option_values(encoder, updates=updates)
    row = {name: known[_number(numbers, f"option/{name}", 0, len(known) - 1)] for name, known in values.items()}
    if row.get("edition", SECOND_EDITION) != SECOND_EDITION:
        row |= {tool: OFF for tool in TOOLS if OFF in values.get(tool, ())}
        if any(row.get(tool, OFF) != OFF for tool in TOOLS) and known_values(encoder, "edition", SECOND_EDITION):
            row["edition"] = SECOND_EDITION
    scale = 1 << int(row.get("qp_density", DEFAULT_DENSITY))
    for name, (low, high) in zip(OCTAVES, (WEIGHT_OCTAVES, VECTOR_OCTAVES), strict=True):
        if name in row:
            row[name] = str(_number(numbers, f"step/{name}", low * scale, high * scale) / scale)
    return row


def _model(numbers: Numbers, *, matrices: bool) -> Tensors:
    """Draw the tensors of a model.

    ``matrices``: whether each has several columns: block scans of a single one are disputed.
    """
    tensors: Tensors = {}
    for place in range(_number(numbers, "tensors", 1, MOST_TENSORS)):
        rank = _number(numbers, f"{place}/rank", 2 if matrices else 0, 5)
        shape: list[int] = []
        for axis in range(rank):
            most = min(LONGEST, MOST_VALUES // prod(shape))
            least = min(2, most) if matrices else 1
            shape.append(_number(numbers, f"{place}/axis/{axis}", least, max(least, most if axis < 2 else min(most, 6))))
        tensors[f"layer{place}.{_number(numbers, f'{place}/name', 0, 9999)}"] = _values(numbers, place, shape)
    return tensors


def _values(numbers: Numbers, place: int, shape: Sequence[int]) -> np.ndarray:
    """Draw the values of a tensor: integers, or floats of which some may be 0 or equal."""
    count = prod(shape)
    kind = _number(numbers, f"{place}/kind", 0, 5)
    if kind == 0:
        bound = 1 << _number(numbers, f"{place}/bits", 0, 30)
        return numbers.integers(f"{place}/integers", count, -bound, bound).astype(np.int32).reshape(tuple(shape))
    own = Numbers(numbers.seed, f"{numbers.recipe}/{place}")
    values = bell_curve(own, shape, octave=_number(numbers, f"{place}/octave", -3, 2))
    if kind == 1:
        return np.where(numbers.integers(f"{place}/sparse", count, 0, 3).reshape(tuple(shape)) == 0, values, np.float32(0))
    if kind == 2:
        return np.where(values < 0, np.float32(-0.5), np.float32(0.5))
    if kind == 3 and len(shape) > 1:
        values[numbers.integers(f"{place}/rows", shape[0], 0, 2) > 0] = 0
    return values


def _moved(numbers: Numbers, label: str, array: np.ndarray) -> np.ndarray:
    """Return a tensor after some training: every third value moves, or none does."""
    if _number(numbers, f"{label}/moves", 0, 4) == 0:
        return array
    chosen = numbers.integers(f"{label}/chosen", array.size, 0, 2).reshape(array.shape) == 0
    by = numbers.integers(f"{label}/by", array.size, -5, 5).reshape(array.shape)
    moves = by.astype(np.int32) if array.dtype == np.int32 else np.ldexp(by.astype(np.float32), -4)
    moved: np.ndarray = array + np.where(chosen, moves, array.dtype.type(0))
    return moved
