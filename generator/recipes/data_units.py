"""Data units: payload types, dimensions and forms of the header (clause 6)."""

from math import prod

from nnc_conformance.generator.composition import Coded, bits32, header, ndu, opening
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.composer import HeaderForm
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT, NNR_PT_RAW_FLOAT
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_NDU = ("6 nnr_compressed_data_unit_header",)
_RAW = ("6 nnr_compressed_data_unit_payload",)

DIMENSIONS = (
    (1,),
    (7,),
    (1, 1),
    (1, 9),
    (9, 1),
    (2, 3, 2),
    (3, 1, 2, 2),
    (2, 2, 1, 3, 1),
    (2, 1, 2, 1, 2, 1),
    (1, 2, 1, 2, 1, 2, 1),
    (1, 2, 1, 1, 2, 1, 2, 2),
)
SPECIAL = bits32(
    0x7FC00000,
    0xFFC00000,
    0x7FC12345,
    0x7F800001,
    0xFF812345,
    0x7F800000,
    0xFF800000,
    0x80000000,
    0x00000000,
    0x00000001,
    0x80000001,
    0x007FFFFF,
    0x00800000,
    0x7F7FFFFF,
    0x3F800000,
    0x01020304,
)


def shapes(payload_type: int, numbers: Numbers) -> list[Values]:
    """Build a stream with a random tensor of each shape in `DIMENSIONS`."""
    units = []
    for number, dimensions in enumerate(DIMENSIONS):
        head = header(payload_type, f"t{number}", dimensions)
        if payload_type == NNR_PT_RAW_FLOAT:
            units.append(ndu(head, numbers.words(f"t{number}", prod(dimensions)).view("float32")))
        else:
            units.append(ndu(head, Coded(numbers.quants(f"t{number}", prod(dimensions), 190))))
    return opening() + units


def shape_recipe(kind: str, payload_type: int) -> Recipe:
    """Build the recipe of tensors of one to eight dimensions.

    Args:
        kind: The payload type in words, such as ``int``.
        payload_type: The payload type.
    """
    return Recipe(
        id=f"ndu-{kind}-dimensions",
        title=f"{kind.upper()} tensors of one to eight dimensions",
        tests="A tensor's dimensions come in order, the last moving fastest, ones included.",
        catches="A decoder that drops dimensions of 1, reverses them, or has room for four.",
        clauses=_NDU,
        units=lambda numbers: shapes(payload_type, numbers),
    )


def long_dimensions(numbers: Numbers) -> list[Values]:
    """Build vectors whose lengths stand at the code lengths of ue(7)."""
    sizes = (127, 128, 129, 383, 384, 895, 896)
    return opening() + [ndu(header(NNR_PT_INT, f"d{n}", (n,)), Coded(numbers.quants(f"d{n}", n, 60))) for n in sizes]


def many_dimensions(numbers: Numbers) -> list[Values]:
    """Build a tensor with the largest number of dimensions that NumPy 1 allows."""
    dimensions = (2, *(1,) * 29, 3, 1)
    return [*opening(), ndu(header(NNR_PT_INT, "w", dimensions), Coded(numbers.quants("w", 6, 200)))]


RECIPES = (
    shape_recipe("int", NNR_PT_INT),
    shape_recipe("float", NNR_PT_FLOAT),
    shape_recipe("raw", NNR_PT_RAW_FLOAT),
    Recipe(
        id="ndu-dimension-code-lengths",
        title="Dimensions of each code length",
        tests="Dimensions on both sides of the lengths of ue(7).",
        catches="A decoder with the wrong suffix of an exp-Golomb code.",
        clauses=_NDU,
        level=Level.FULL,
        units=long_dimensions,
    ),
    Recipe(
        id="ndu-32-dimensions",
        title="Thirty-two dimensions",
        tests="count_tensor_dimensions 32, nearly all of them 1.",
        catches="A decoder with a fixed small array of dimensions.",
        clauses=_NDU,
        units=many_dimensions,
    ),
    Recipe(
        id="ndu-one-element",
        title="Tensors of one element",
        tests="A single index of every sign in each coded payload type.",
        catches="A decoder that takes one element for a scalar, or for none.",
        clauses=_NDU,
        units=lambda _: [
            *opening(),
            *(ndu(header(NNR_PT_INT, f"i{value}", (1,)), Coded([value])) for value in (0, 1, -1, 12)),
            *(ndu(header(NNR_PT_FLOAT, f"f{value}", (1, 1)), Coded([value])) for value in (0, 1, -1, 12)),
        ],
    ),
    Recipe(
        id="ndu-all-zero",
        title="Tensors of zeros",
        tests="Nothing but insignificant indexes, from one to 2000.",
        catches="A decoder that loses the interval in long runs of the most probable bin.",
        clauses=_NDU,
        level=Level.FULL,
        units=lambda _: [*opening(), *(ndu(header(NNR_PT_FLOAT, f"z{n}", (n,)), Coded([0] * n)) for n in (1, 2, 8, 100, 2000))],
    ),
    Recipe(
        id="ndu-unary-length-flag-default",
        title="cabac_unary_length_flag 1 with the default length",
        tests="cabac_unary_length_minus1 9 may be sent though it is the default.",
        catches="A decoder that takes the sent number for the length itself.",
        clauses=_NDU,
        units=lambda numbers: [
            *opening(),
            ndu(header(NNR_PT_INT, "w", (40,)), Coded(numbers.quants("w", 40, 245)), form=HeaderForm(unary_length_present=True)),
        ],
    ),
    Recipe(
        id="ndu-raw-special-values",
        title="NaN payloads, infinities, -0 and subnormals",
        tests="RAW_FLOAT keeps every bit, those of NaNs included.",
        catches="A decoder that quiets signalling NaNs, flushes subnormals, or reads big endian.",
        clauses=_RAW,
        units=lambda _: [*opening(), ndu(header(NNR_PT_RAW_FLOAT, "w", (4, 4)), SPECIAL)],
    ),
    Recipe(
        id="ndu-raw-random-bits",
        title="A thousand random bit patterns",
        tests="RAW_FLOAT is a copy of bytes.",
        catches="A decoder that passes raw numbers through another arithmetic.",
        clauses=_RAW,
        level=Level.FULL,
        units=lambda numbers: [*opening(), ndu(header(NNR_PT_RAW_FLOAT, "w", (10, 100)), numbers.words("w", 1000).view("float32"))],
    ),
    Recipe(
        id="ndu-raw-without-qp",
        title="RAW_FLOAT with no qp in force",
        tests="A RAW_FLOAT needs no quantization.",
        catches="A decoder that refuses floating point where no qp is in force.",
        clauses=_RAW,
        units=lambda _: [*opening(None), ndu(header(NNR_PT_RAW_FLOAT, "w", (2,), None), bits32(0x3E200000, 0xBF800000))],
    ),
)
