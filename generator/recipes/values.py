"""From indexes to values: qp_delta, steps and products (clauses 7.3 and 9)."""

from nnc_conformance.generator.composition import Coded, book, header, ndu, opening
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.composer import layer_parameter_set
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_VALUES = ("7.3", "9")
_DELTA = ("9", "10 quant_tensor")
LOUD = [1, -1, 3, -7, 100]


def with_deltas(quantization: Quantization, deltas: tuple[int, ...]) -> list[Values]:
    """Build a vector for each qp_delta."""
    heads = [header(NNR_PT_FLOAT, f"delta{number}", (len(LOUD),), quantization) for number in range(len(deltas))]
    return opening(quantization) + [ndu(head, Coded(LOUD, delta)) for head, delta in zip(heads, deltas, strict=True)]


def delta_recipe(density: int) -> Recipe:
    """Build the recipe of qp_delta at the ends of its range and around 0.

    Args:
        density: mps_qp_density, which decides the range.
    """
    bound = 1 << (5 + density)
    return Recipe(
        id=f"value-qp-delta-density-{density}",
        title=f"qp_delta at the ends of its range, density {density}",
        tests=f"qp_delta has {6 + density} bits of two's complement.",
        catches="A decoder that reads qp_delta in another length, unsigned, or as sign and magnitude.",
        clauses=_DELTA,
        units=lambda _: with_deltas(Quantization(density, -(3 << density)), (-bound, -1, 0, 1, bound - 1)),
    )


def fractions(_: object) -> list[Values]:
    """Build vectors with all fractions of density 3, by qp_delta."""
    return with_deltas(Quantization(3, -20), tuple(range(-9, 9)))


def large_products(_: object) -> list[Values]:
    """Build indexes of over 24 bits with a step that is a power of two.

    Any arithmetic rounds them to binary32 once.
    """
    quants = [(1 << 24) - 1, 1 << 24, (1 << 24) + 1, (1 << 24) + 2, (1 << 24) + 3, (1 << 31) - 1, -((1 << 25) + 1), -((1 << 25) + 3)]
    return [*opening(Quantization(0, -10)), ndu(header(NNR_PT_FLOAT, "w", (len(quants),), Quantization(0, -10)), Coded(quants))]


def subnormal_products(_: object) -> list[Values]:
    """Build small indexes times the smallest steps."""
    quantization = Quantization(0, -149)
    return with_deltas(quantization, (0, 1, 5, 10, 22, 23, 24))


def codebook_underflow(_: object) -> list[Values]:
    """Build tensors with a codebook, at steps from the subnormal range down."""
    values = book(3, -100, -3, -1, 0, 1, 7, 1000)
    units = opening()
    for qp in (-149, -140, -127, -170, -1000):
        quantization = Quantization(0, qp)
        head = header(NNR_PT_FLOAT, f"qp{qp}", (7,), quantization, codebook=values)
        units += [layer_parameter_set(quantization), ndu(head, Coded([0, -3, -2, -1, 1, 2, 3]))]
    return units


def codebook_overflow(_: object) -> list[Values]:
    """Build tensors with a codebook, at steps whose products end below and above binary32."""
    values = book(3, -100, -3, -1, 1, 2, 7, 1000)
    units = opening()
    for qp in (117, 120, 126, 127):
        quantization = Quantization(0, qp)
        head = header(NNR_PT_FLOAT, f"qp{qp}", (7,), quantization, codebook=values)
        units += [layer_parameter_set(quantization), ndu(head, Coded([0, -3, -2, -1, 1, 2, 3]))]
    return units


RECIPES = (
    *map(delta_recipe, range(8)),
    Recipe(
        id="value-fractions",
        title="Every fraction of a step",
        tests="All eight fractions of density 3, across powers of two.",
        catches="A decoder that rounds the step, or takes the fraction from the wrong bits.",
        clauses=_VALUES,
        level=Level.FULL,
        units=fractions,
    ),
    Recipe(
        id="value-rounding-to-even",
        title="Products of more than 24 bits",
        tests="An index that binary32 does not hold is rounded to nearest, ties to even.",
        catches="A decoder that truncates, or rounds ties away from zero.",
        clauses=_VALUES,
        units=large_products,
    ),
    Recipe(
        id="value-codebook-underflow",
        title="Codebook values that underflow",
        tests="Products of codebook values below the normal range are exact, and those below any number are 0 with their sign.",
        catches="A decoder that flushes subnormal numbers of a codebook to zero, or loses the sign of a zero.",
        clauses=_VALUES,
        units=codebook_underflow,
    ),
    Recipe(
        id="value-codebook-overflow",
        title="Codebook values that overflow",
        tests="Products of codebook values above the largest number are infinities with their sign.",
        catches="A decoder that clamps products of a codebook to the largest finite number.",
        clauses=_VALUES,
        units=codebook_overflow,
    ),
    Recipe(
        id="value-zero-times-large-step",
        title="Zeros with a step beyond binary32",
        tests="Whether index and step are rounded to binary32 first: 0 times infinity is a NaN, 0 times 2 ** 200 is 0.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=("9",),
        level=Level.DISPUTED,
        switch="plain_product",
        units=lambda _: [
            *opening(Quantization(0, 200)),
            ndu(header(NNR_PT_FLOAT, "w", (3,), Quantization(0, 200)), Coded([0, 1, -1])),
        ],
    ),
    Recipe(
        id="value-subnormal",
        title="Subnormal values",
        tests="Products below the normal range are exact multiples of the smallest number.",
        catches="A decoder that flushes subnormal numbers to zero.",
        clauses=_VALUES,
        units=subnormal_products,
    ),
)
