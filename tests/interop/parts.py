"""The parts of the matrix: the factors with their levels, which combinations there are, and how
many streams of each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from interop.cases import COMPOSER, ENCODER, PEER, Case, Shape
from interop.selection import Row, select

NO_PARTS: Final = ()
BLOCK_PARTS: Final = (("LS",), ("BN",), ("BI",), ("LS", "BN"), ("LS", "BI"), ("BN", "BI"), ("LS", "BN", "BI"))
DECOMPOSED: Final = (("DC",), ("DC", "LS"), ("DC", "BI"), ("DC", "LS", "BN", "BI"))

SHAPES: Final[tuple[Shape, ...]] = (
    (1,),
    (13,),
    (257,),
    (1, 1),
    (23, 1),
    (1, 23),
    (9, 13),
    (67, 11),
    (17, 5, 3),
    (131, 3, 2),
    (3, 5, 7, 2),
    (33, 1, 3, 1),
    (1, 1, 1, 1, 1),
    (19, 3, 1, 2, 3),
    (129, 3, 1, 2, 1),
)
CONTENTS: Final = ("zeros", "one value", "sparse", "small", "wide", "to 2^24")

SHARED: Final[dict[str, Sequence[Any]]] = {
    "dq": (False, True),
    "scan_order": (0, 1, 2, 3, 4),
    "unary_length": (1, 2, 10, 32, 256),
    "qp_density": tuple(range(8)),
    "qp": (-40, -29, -17, -6, -1, 0, 3, 10),
    "shape": SHAPES,
    "content": CONTENTS,
}
PEER_READS: Final = ("alone", "31-bit sizes", "independently decodable", "two data units", "after a topology", "method NNR_QCB")
DISPUTED: Final = ("sparsification map", "pruning map", "unification map", "decomposition map", "data format", "dirty alignment")
"""Carriages that touch a disputed point."""
BEYOND: Final = (
    "parameters in an LPS",
    "partial data",
    "ids by index",
    "after an NNR_QNT",
    "in an aggregate",
    "in an aggregate with entry points",
    "after an NNR_PT_RAW_FLOAT",
    "after a pruning container",
    "after an NNEF topology",
    "after an ONNX topology",
    "two tensors in one",
)
"""Carriages that the peer does not read."""

SEED: Final = 15938


@dataclass(frozen=True)
class Part:
    """A part of the matrix: who makes the streams, the levels of each factor, and how many streams.

    ``keeps`` narrows what is possible.
    """

    name: str
    maker: str
    levels: Mapping[str, Sequence[Any]]
    count: int
    keeps: Callable[[Row], bool] = lambda _: True

    def possible(self, row: Row) -> bool:
        """Whether there are streams with these levels, one of each factor, in this part."""
        return possible(row, self.maker) and self.keeps(row)


def one_row_or_column(row: Row) -> bool:
    """Whether the tensor is a matrix of one row or one column."""
    shape: Shape = row["shape"]
    return shape[0] == 1 or prod(shape[1:]) == 1


def decomposed_alone(row: Row) -> bool:
    """Of two features that the peer does not read, one: DC has no other carriage, and the others no
    DC.
    """
    decomposed, alone = "DC" in row["parts"], row["carriage"] == "alone"
    return bool(decomposed == alone)


def possible(row: Row, maker: str) -> bool:
    """Return whether every level of a combination matters.

    A combination has one level of each factor. A level may be meaningless together with others.
    """
    payload, shape, carriage = row["payload"], row["shape"], row["carriage"]
    quantized = payload in ("FLOAT", "BLOCK")
    with_codebook = row["codebook"] != "none"
    return all(
        (
            (payload == "BLOCK") == (row["parts"] != NO_PARTS),
            quantized or not (row["qp_delta"] or with_codebook or row["rdo"]),
            quantized or not row["dq"] or maker == COMPOSER,
            len(shape) > 1 or not row["scan_order"],
            carriage != "two tensors in one" or (payload == "FLOAT" and max(shape) > 1),
            carriage != "parameters in an LPS" or quantized,
            "DC" not in row["parts"] or (maker == COMPOSER and len(shape) > 1 and max(shape[0], prod(shape[1:])) > 1),
            maker != ENCODER or _encodable(row),
        )
    )


def _encodable(row: Row) -> bool:
    """What our encoder can be asked for: block scans and codebooks of matrices with several
    columns, no codebook in blocks or with dq.
    """
    payload, shape = row["payload"], row["shape"]
    return all(
        (
            row["scan_order"] == 0 or (prod(shape[1:]) > 1 and payload != "INT"),
            row["codebook"] == "none" or (payload == "FLOAT" and len(shape) > 1 and not row["dq"]),
            payload != "FLOAT" or prod(shape) > 1,
        )
    )


_ENCODED: Final = SHARED | {
    "qp_delta": (0, -9, 14, 31),
    "parameter_sets": ("default", "search"),
    "rdo": (False, True),
    "carriage": ("alone",),
}
_THEIRS: Final = _ENCODED | {"codebook": ("none", "1", "2")}
_OURS: Final = _ENCODED | {"codebook": ("none", "kmeans", "integer")}
_ONE_ROW_OR_COLUMN: Final = tuple(shape for shape in SHAPES if len(shape) > 1 and one_row_or_column({"shape": shape}))
_COMPOSED: Final = SHARED | {
    "codebook": ("none", "given"),
    "qp_delta": (0, 3, "least", "greatest"),
    "parameter_sets": ("default", "search", "random"),
    "rdo": (False,),
}
_RAW: Final[dict[str, Sequence[Any]]] = {
    "payload": ("RAW_FLOAT",),
    "parts": (NO_PARTS,),
    "codebook": ("none",),
    "dq": (False,),
    "scan_order": (0,),
    "unary_length": (10,),
    "qp_density": (2,),
    "qp": (-8,),
    "qp_delta": (0,),
    "shape": SHAPES,
    "content": ("zeros", "wide", "any bits"),
    "parameter_sets": ("default",),
    "rdo": (False,),
    "carriage": (*PEER_READS, "data format", "after an NNR_PT_RAW_FLOAT"),
}

_TENSORS: Final = {"payload": (*("INT",) * 4, "FLOAT"), "parts": (NO_PARTS,)}
"""INT stands here several times: at random it would seldom come up, for little goes with it."""
_BLOCKS: Final = {"payload": ("BLOCK",), "parts": BLOCK_PARTS}
_ALL: Final = {"payload": ("INT", "FLOAT", "BLOCK"), "parts": (*(NO_PARTS,) * len(BLOCK_PARTS), *BLOCK_PARTS, *DECOMPOSED)}

MATRIX: Final = (
    Part("their tensors", PEER, _THEIRS | _TENSORS, 340, lambda row: not (row["scan_order"] and one_row_or_column(row))),
    Part("their blocks", PEER, _THEIRS | _BLOCKS, 300, lambda row: not (row["scan_order"] and one_row_or_column(row))),
    Part("theirs, beyond the peer", PEER, _THEIRS | _ALL | {"shape": _ONE_ROW_OR_COLUMN, "scan_order": (1, 2, 3, 4)}, 40),
    Part("our tensors, encoded", ENCODER, _OURS | _TENSORS, 260),
    Part("our blocks, encoded", ENCODER, _OURS | _BLOCKS, 220),
    Part("our tensors, composed", COMPOSER, _COMPOSED | _TENSORS | {"carriage": PEER_READS}, 260),
    Part("our blocks, composed", COMPOSER, _COMPOSED | _BLOCKS | {"carriage": PEER_READS}, 220),
    Part("our raw tensors", COMPOSER, _RAW, 60),
    Part("ours, disputed", COMPOSER, _COMPOSED | _ALL | {"carriage": DISPUTED}, 240, lambda row: "DC" not in row["parts"]),
    Part("ours, beyond the peer", COMPOSER, _COMPOSED | _ALL | {"carriage": ("alone", *BEYOND)}, 280, decomposed_alone),
)


def cases_of(part: Part, count: int, first: int) -> list[Case]:
    """So many cases of a part, numbered from ``first``."""
    rows = select(part.levels, part.possible, count, SEED)
    return [Case(number=first + place, maker=part.maker, **row) for place, row in enumerate(rows)]


def matrix(streams: int | None = None) -> list[tuple[Part, Case]]:
    """The cases of all parts: the whole matrix, or about so many streams, of each part in
    proportion.
    """
    total = sum(part.count for part in MATRIX)
    cases: list[tuple[Part, Case]] = []
    for part in MATRIX:
        count = part.count if streams is None else max(1, round(part.count * streams / total))
        cases += [(part, case) for case in cases_of(part, count, len(cases))]
    return cases
