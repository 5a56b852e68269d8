"""Samples, hand-made streams and made sessions of the second edition, for tests of both decoders."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from hypothesis import strategies as st
from plain_decoder import PlainError, decode, decode_session
from plain_decoder.codebook import Codebook
from plain_decoder.data_unit import (
    NNR_PT_FLOAT,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
)
from plain_decoder.handmade import (
    codeword,
    data_unit_header,
    floats,
    model_parameter_set,
    start_unit,
    u,
    ue,
    unit,
)
from plain_decoder.stream import NNR_NDU
from plain_decoder.tensor import SecondEdition
from safetensors.numpy import load

COMMITTED = Path(__file__).parents[1] / "data" / "second-edition" / "samples.zip"
SAMPLES = Path(os.environ.get("NNC_SECOND_EDITION_SAMPLES", COMMITTED))
"""The zip of samples to decode: the one of the repository, or a larger one that holds it."""

NEEDS = {
    "by-the-peer/f-int-dqflag1-scan0": {"int_dq_flag": "ignored"},
    "from-the-sheet/w-006": {"raw_float_tca": "ignored"},
    "from-the-sheet/w-036": {"raw_float_tca": "ignored"},
    "from-the-sheet/w-177": {"raw_float_tca": "ignored"},
    "from-the-sheet/w-180": {"raw_float_tca": "ignored"},
}
"""The sequences that do not decode by default, and the choice that they were made with."""


@dataclass
class Sequence:
    """The streams of a session, what each codes, and the model after each.

    A single stream has none.
    """

    streams: list[bytes]
    tensors: list[dict[str, np.ndarray]]
    models: list[dict[str, np.ndarray]]


def sequences(archive: ZipFile) -> Iterator[tuple[str, Sequence]]:
    for name in sorted(name for name in archive.namelist() if name.endswith(".json")):
        folder = name.partition("/")[0]
        steps = json.loads(archive.read(name))["streams"]
        streams = [archive.read(f"{folder}/{step['stream']}") for step in steps]
        tensors = [load(archive.read(f"{folder}/{step['stream'].removesuffix('.nnr')}.safetensors")) for step in steps]
        models = [load(archive.read(f"{folder}/{step['model']}")) for step in steps if "model" in step]
        yield name.removesuffix(".json"), Sequence(streams, tensors, models)


with ZipFile(SAMPLES) as samples:
    SEQUENCES = dict(sequences(samples))


def bits_of(tensors: dict[str, np.ndarray]) -> dict[str, tuple[object, ...]]:
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in tensors.items()}


def decoded(sequence: Sequence, switches: dict[str, str]) -> bool:
    """Whether all streams decode bit for bit, and to the right model each."""
    try:
        if len(sequence.streams) == 1:
            return bits_of(decode(sequence.streams[0], switches).parameters) == bits_of(sequence.tensors[0])
        steps = decode_session(sequence.streams, switches)
    except PlainError:
        return False
    assert len(sequence.models) == len(steps)
    return all(
        bits_of(step.parameters) == bits_of(tensors) and bits_of(step.model) == bits_of(model)
        for step, tensors, model in zip(steps, sequence.tensors, sequence.models, strict=True)
    )


# Streams by hand

PARENT_SIGNALLING, PRE = "0001000", "0001100"
NO_NODE = "0"


def node(depth: int, device: int = 0, parameter: int = 0) -> str:
    """A node id, without what tells of a parent."""
    return "1" + ue(1, device) + ue(5, parameter) + ue(4, depth)


def update(depth: int, *, tca: int = 0, device: int = 0, parameter: int = 0, parent_device: int = 0) -> str:
    """A node id and a parent id of type 0."""
    return node(depth, device, parameter) + "1" + u(2, 0) + u(1, tca) + ue(1, parent_device)


def stream(*units: bytes, flags: str = "0000000") -> bytes:
    return start_unit(1) + model_parameter_set(flags=flags) + b"".join(units)


def second(
    has_parent: int = 0, base: list[int] | None = None, seen: list[int] | None = None, codebook: Codebook | None = None
) -> SecondEdition:
    return SecondEdition(has_parent, base, seen, codebook)


def integers(indexes: list[int], dims: list[int], node_bits: str, *, shift: int = 0, dq: int = 0, **options: Any) -> bytes:
    """An NNR_PT_INT unit named w; ``options`` as of `encode_tensor`."""
    options = {"second": second()} | options
    after = ue(1, shift) + u(4, 0) if len(dims) > 1 else None
    header = data_unit_header(NNR_PT_INT, "w", dims, node=node_bits, after_dimensions=after, dq=dq)
    return unit(NNR_NDU, header + codeword(indexes, tuple(dims), dq=bool(dq), **options))


def raw(values: list[float], node_bits: str) -> bytes:
    return unit(NNR_NDU, data_unit_header(NNR_PT_RAW_FLOAT, "w", [len(values)], node=node_bits) + floats(values))


def base_stream(indexes: list[int], node_bits: str | None = None, dims: list[int] | None = None) -> bytes:
    return stream(integers(indexes, dims or [len(indexes)], node(0) if node_bits is None else node_bits))


def update_stream(
    indexes: list[int], node_bits: str, dims: list[int] | None = None, flags: str = PARENT_SIGNALLING, **options: Any
) -> bytes:
    options = {"second": second(1)} | options
    return stream(integers(indexes, dims or [len(indexes)], node_bits, **options), flags=flags)


def model(streams: list[bytes], switches: dict[str, str] | None = None) -> list[object]:
    """The tensor w after the session."""
    values: list[object] = decode_session(streams, switches)[-1].model["w"].tolist()
    return values


MATRIX = [2, 0, 0, -1, 0, 0]
MATRIX_END = ue(1, 0) + u(4, 0)
"""first_tensor_dimension_shift 0 and scan_order 0."""

# Every rule of section 6

TYPE_3 = node(1) + "1" + u(2, 3) + "0"
INT_MAX = (1 << 31) - 1
HDSP = {"second": second(1, seen=[0] * 6), "hdsp": True}
FLOAT_UPDATE = unit(NNR_NDU, data_unit_header(NNR_PT_FLOAT, "w", [2], node=update(1)) + codeword([1, 1], qp_delta_bits=8, second=second(1)))

FLOAT_UPDATE_TCA = unit(
    NNR_NDU, data_unit_header(NNR_PT_FLOAT, "w", [1], node=update(1, tca=1)) + codeword([1], qp_delta_bits=8, second=second(1, [0]))
)


def without_dimensions(name: str, node_bits: str, flags: str) -> bytes:
    """A stream with one integer whose unit gives no dimensions."""
    return stream(unit(NNR_NDU, data_unit_header(NNR_PT_INT, name, None, node=node_bits) + codeword([0])), flags=flags)


BROKEN: list[tuple[str, str, list[bytes]]] = [
    ("profile", "unsupported", [start_unit(2)]),
    ("profile", "unsupported", [start_unit(255)]),
    ("mps-reserved", "reserved", [start_unit(1) + model_parameter_set(flags="0000100")]),
    ("mps-reserved", "reserved", [start_unit(1) + model_parameter_set(flags="0001001")]),
    ("mps-reserved", "reserved", [start_unit(1) + model_parameter_set(flags="0001010")]),
    ("parent-type", "reserved", [base_stream([1]), update_stream([1], TYPE_3)]),
    ("tca-parent", "reference", [update_stream([1], update(1, tca=1))]),
    ("tca-parent", "reference", [base_stream([1]), update_stream([1], update(2, tca=1))]),
    ("tca-parent", "reference", [base_stream([1]), update_stream([1], update(0, tca=1))]),
    ("tca-parent", "reference", [base_stream([1]), update_stream([1], update(1, tca=1, device=3))]),
    ("tca-parent", "reference", [base_stream([1]), update_stream([1], update(1, tca=1, parameter=3))]),
    ("tca-parent", "reference", [base_stream([1], NO_NODE), update_stream([1], update(1, tca=1))]),
    ("tca-parent", "reference", [base_stream([1]), update_stream([1, 1], update(1, tca=1))]),
    ("tca-parent", "reference", [stream(raw([1.0], node(0))), stream(FLOAT_UPDATE_TCA, flags=PARENT_SIGNALLING)]),
    ("tca-raw", "value", [stream(raw([1.0], node(0))), stream(raw([1.0], update(1, tca=1)), flags=PARENT_SIGNALLING)]),
    ("update-base", "reference", [update_stream([1], update(1))]),
    ("update-base", "reference", [base_stream([1]), update_stream([1, 1], update(1))]),
    ("update-base", "reference", [base_stream(MATRIX, dims=[3, 2]), update_stream(MATRIX, update(1), dims=[2, 3])]),
    ("update-base", "reference", [base_stream([1, 1]), stream(FLOAT_UPDATE, flags=PARENT_SIGNALLING)]),
    ("update-order", "order", [base_stream([1]), update_stream([1], update(2))]),
    ("update-order", "order", [base_stream([1], NO_NODE), update_stream([1], update(2))]),
    ("update-order", "order", [base_stream([1]), update_stream([1], update(1)), update_stream([1], update(1))]),
    ("update-order", "order", [base_stream([1]), update_stream([1], update(1)), update_stream([1], update(3))]),
    ("dims-absent", "dimension", [base_stream([1]), without_dimensions("v", NO_NODE + "0", PARENT_SIGNALLING)]),
    ("dims-absent", "dimension", [base_stream([1]), without_dimensions("w", NO_NODE, "0000000")]),
    ("sum", "value", [base_stream([INT_MAX]), update_stream([1], update(1))]),
    ("sum", "value", [base_stream([-INT_MAX, 0]), update_stream([-2, 0], update(1))]),
]  # fmt: skip


@st.composite
def sessions(draw: st.DrawFn) -> tuple[list[bytes], list[list[int]]]:
    """A base model and up to three updates with any tools, and the indexes of each, doubled with
    dq_flag.
    """
    rows, columns = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    streams, coded, base, seen = [], [], [0] * (rows * columns), [0] * (rows * columns)
    for depth in range(draw(st.integers(1, 4))):
        dq, tca, hdsp, skips = (draw(st.booleans()) for _ in range(4))
        skipped = frozenset(draw(st.sets(st.integers(0, rows - 1)))) if skips and rows > 1 and columns > 1 else None
        indexes = [draw(st.integers(-4, 4)) for _ in base]
        for row in skipped or ():
            indexes[row * columns : (row + 1) * columns] = [0] * columns
        edition = second(int(depth > 0), base if tca and depth else None, seen)
        node_bits = update(depth, tca=int(tca)) if depth else node(0)
        units = integers(indexes, [rows, columns], node_bits, dq=int(dq), second=edition, hdsp=hdsp, skipped=skipped)
        streams.append(stream(units, flags=PARENT_SIGNALLING if depth else "0000000"))
        base = decode_session(streams)[-1].parameters["w"].ravel().tolist()
        assert [index != 0 for index in base] == [index != 0 for index in indexes]
        assert dq or base == indexes
        coded.append(base)
        seen = [old | int(index != 0 and depth > 0) for old, index in zip(seen, indexes, strict=True)]
    return streams, coded


SMALL = [name for name, sequence in SEQUENCES.items() if max(map(len, sequence.streams)) < 300]
