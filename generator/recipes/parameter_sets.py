"""NNR_MPS and NNR_LPS: the step size they set, and which of them is in force (clauses 6 and 9)."""

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.composer import layer_parameter_set
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.reference.syntax.structures.parameter_sets import NNR_QCB, NNR_QSU
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_MPS = ("6 nnr_model_parameter_set", "9")
_LPS = ("6 nnr_layer_parameter_set", "9")
RAMP = Coded([0, 1, -1, 2, -2, 3, -3, 7, -8, 15, -16, 31])
LOUD = Coded([1, -1, 2, -3, 5, -100])


def number(name: str, quantization: Quantization, tensor: Coded = RAMP) -> Values:
    """Build a vector of a FLOAT under a given quantization."""
    return ndu(header(NNR_PT_FLOAT, name, (len(tensor.quants),), quantization), tensor)


def under(quantization: Quantization, tensor: Coded = RAMP, **arguments: int) -> list[Values]:
    """Build one tensor under an MPS."""
    return [*opening(quantization, **arguments), number("w", quantization, tensor)]


def density(qp_density: int, level: Level = Level.CORE) -> Recipe:
    """Build the recipe of a qp with the largest fraction that a density has.

    Args:
        qp_density: mps_qp_density, 0 to 7.
        level: The vector's level.
    """
    quantization = Quantization(qp_density, -(5 << qp_density) + (1 << qp_density) - 1)
    return Recipe(
        id=f"mps-density-{qp_density}",
        title=f"mps_qp_density {qp_density}",
        tests=f"With density {qp_density} the low {qp_density} bits of a negative qp are the fraction of the step.",
        catches="A decoder that divides a negative qp towards zero, or takes the fraction for a power.",
        clauses=_MPS,
        level=level,
        units=lambda _: under(quantization),
    )


def qp_at_end(name: str, qp_density: int, qp: int, *, tests: str, catches: str, level: Level = Level.CORE) -> Recipe:
    """Build the recipe of a quantization parameter at an end of its range.

    Args:
        name: The end of the vector's id.
        qp_density: mps_qp_density.
        qp: mps_quantization_parameter.
        tests: What the vector tests.
        catches: The faults that it catches.
        level: The vector's level.
    """
    quantization = Quantization(qp_density, qp)
    return Recipe(
        id=f"mps-qp-{name}",
        title=f"mps_quantization_parameter {qp} at density {qp_density}",
        tests=tests,
        catches=catches,
        clauses=_MPS,
        level=level,
        units=lambda _: under(quantization, LOUD),
    )


def lps_sequence(_: object) -> list[Values]:
    """Build a stream with two layer parameter sets, and tensors before, between and after."""
    mps, first, second = Quantization(2, -13), Quantization(0, -3), Quantization(7, -1000)
    return [
        *opening(mps),
        number("before", mps),
        layer_parameter_set(first),
        number("between", first),
        number("between2", first),
        layer_parameter_set(second),
        number("after", second),
    ]


RECIPES = (
    *map(density, (1, 4, 5, 6, 7)),
    *(density(qp_density, Level.FULL) for qp_density in (0, 2, 3)),
    qp_at_end(
        "min-density-0",
        0,
        -4096,
        tests="A step too small for binary32 gives zeros.",
        catches="A decoder whose step wraps or raises.",
    ),
    qp_at_end(
        "max-density-0",
        0,
        4095,
        tests="A step too large for binary32 gives infinities.",
        catches="A decoder whose step wraps or raises.",
    ),
    qp_at_end(
        "min-density-7",
        7,
        -4096,
        tests="The smallest qp is 12 bits and a sign.",
        catches="A decoder that reads the qp unsigned, or in fewer bits.",
    ),
    qp_at_end(
        "max-density-7",
        7,
        4095,
        tests="The largest qp is 12 ones after the sign.",
        catches="A decoder that reads the qp unsigned, or in fewer bits.",
        level=Level.FULL,
    ),
    qp_at_end(
        "zero",
        3,
        0,
        tests="A qp of 0 is a step of 1.",
        catches="A decoder that takes 0 for a qp that is absent.",
    ),
    qp_at_end(
        "minus-one",
        3,
        -1,
        tests="A qp of -1 is a step just below 1.",
        catches="A decoder that shifts a negative number logically.",
        level=Level.FULL,
    ),
    qp_at_end(
        "subnormal-step",
        0,
        -149,
        tests="The smallest subnormal step is kept.",
        catches="A decoder that flushes subnormal numbers to zero.",
    ),
    qp_at_end(
        "largest-finite",
        0,
        120,
        tests="Products near the end of binary32 are finite.",
        catches="A decoder that overflows in an intermediate result.",
    ),
    Recipe(
        id="mps-method-qcb",
        title="NNR_QCB alone, a tensor without codebook",
        tests="The qp is present under NNR_QCB too, and applies to tensors without a codebook.",
        catches="A decoder that reads a qp only under NNR_QSU.",
        clauses=_MPS,
        units=lambda _: under(Quantization(2, -9), method_flags=NNR_QCB),
    ),
    Recipe(
        id="mps-method-both",
        title="NNR_QSU and NNR_QCB together",
        tests="With both method flags there is still one qp.",
        catches="A decoder that reads a qp for each method.",
        clauses=_MPS,
        level=Level.FULL,
        units=lambda _: under(Quantization(2, -9), method_flags=NNR_QSU | NNR_QCB),
    ),
    Recipe(
        id="mps-method-none",
        title="No quantization method, integers only",
        tests="Without a method there is no qp in the MPS, and an INT needs none.",
        catches="A decoder that reads a qp whatever the flags say.",
        clauses=_MPS,
        level=Level.FULL,
        units=lambda _: [*opening(None), ndu(header(NNR_PT_INT, "w", (12,), None), RAMP)],
    ),
    Recipe(
        id="lps-replaces-mps",
        title="An LPS replaces the qp and the density of the MPS",
        tests="Data units after an LPS take its qp and density.",
        catches="A decoder that keeps the MPS's density, or its qp, after an LPS.",
        clauses=_LPS,
        units=lambda _: [*opening(Quantization(2, -9)), layer_parameter_set(Quantization(5, -77)), number("w", Quantization(5, -77))],
    ),
    Recipe(
        id="lps-in-force-until-next",
        title="LPS one after another",
        tests="Each LPS holds up to the next; what stands before the first keeps the MPS's.",
        catches="A decoder that applies an LPS to one data unit only, or to earlier ones.",
        clauses=_LPS,
        units=lps_sequence,
    ),
    Recipe(
        id="lps-without-mps-qp",
        title="A qp in the LPS only",
        tests="An LPS gives the qp that the MPS does not have.",
        catches="A decoder that takes the qp from the MPS whenever there is one.",
        clauses=_LPS,
        units=lambda _: [*opening(None), layer_parameter_set(Quantization(1, -7)), number("w", Quantization(1, -7))],
    ),
    Recipe(
        id="lps-qp-min",
        title="lps_quantization_parameter -4096",
        tests="The smallest qp in an LPS is read as two's complement.",
        catches="A decoder that reads the LPS's qp in other bits than the MPS's.",
        clauses=_LPS,
        units=lambda _: [*opening(Quantization(0, 5)), layer_parameter_set(Quantization(7, -4096)), number("w", Quantization(7, -4096))],
    ),
    Recipe(
        id="lps-qp-max",
        title="lps_quantization_parameter 4095",
        tests="The largest qp in an LPS.",
        catches="A decoder that reads the LPS's qp in other bits than the MPS's.",
        clauses=_LPS,
        units=lambda _: [*opening(Quantization(0, 5)), layer_parameter_set(Quantization(7, 4095)), number("w", Quantization(7, 4095))],
    ),
    Recipe(
        id="lps-method-qcb",
        title="NNR_QCB alone in an LPS",
        tests="The qp is present under NNR_QCB in an LPS too.",
        catches="A decoder that reads an LPS's qp only under NNR_QSU.",
        clauses=_LPS,
        units=lambda _: [
            *opening(Quantization(0, 5)),
            layer_parameter_set(Quantization(4, -50), method_flags=NNR_QCB),
            number("w", Quantization(4, -50)),
        ],
    ),
    Recipe(
        id="lps-and-integers",
        title="An LPS changes nothing for integers",
        tests="An INT has no qp_delta under an LPS either.",
        catches="A decoder that reads qp_delta in an INT.",
        clauses=_LPS,
        units=lambda _: [*opening(None), layer_parameter_set(Quantization(7, 9)), ndu(header(NNR_PT_INT, "w", (12,), None), RAMP)],
    ),
)
