"""NNR_MPS and NNR_LPS: the step size they set, and which of them is in force (clauses 6 and 9)."""

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.composer import layer_parameter_set
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.reference.syntax.structures.parameter_sets import NNR_QCB, NNR_QSU
from nnc_conformance.reference.syntax.walker import Values

_MPS = ("6 nnr_model_parameter_set", "9")
_LPS = ("6 nnr_layer_parameter_set", "9")
RAMP = Coded([0, 1, -1, 2, -2, 3, -3, 7, -8, 15, -16, 31])
LOUD = Coded([1, -1, 2, -3, 5, -100])


def number(name: str, quantization: Quantization, tensor: Coded = RAMP) -> Values:
    """A vector of a FLOAT under a given quantization."""
    return ndu(header(NNR_PT_FLOAT, name, (len(tensor.quants),), quantization), tensor)


def under(quantization: Quantization, tensor: Coded = RAMP, **arguments: int) -> list[Values]:
    """One tensor under an MPS."""
    return [*opening(quantization, **arguments), number("w", quantization, tensor)]


def density(qp_density: int) -> Recipe:
    """A step with the largest fraction that a density has."""
    quantization = Quantization(qp_density, -(5 << qp_density) + (1 << qp_density) - 1)
    return Recipe(
        f"mps-density-{qp_density}",
        f"mps_qp_density {qp_density}",
        f"With density {qp_density} the low {qp_density} bits of a negative qp are the fraction of the step.",
        "A decoder that divides a negative qp towards zero, or takes the fraction for a power.",
        _MPS,
        lambda _: under(quantization),
    )


def extreme(name: str, qp_density: int, qp: int, meaning: str, catches: str) -> Recipe:
    """A quantization parameter at an end of its range."""
    quantization = Quantization(qp_density, qp)
    return Recipe(
        f"mps-qp-{name}",
        f"mps_quantization_parameter {qp} at density {qp_density}",
        meaning,
        catches,
        _MPS,
        lambda _: under(quantization, LOUD),
    )


def lps_sequence(_: object) -> list[Values]:
    """Two LPS one after the other, tensors before, between and after."""
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
    *map(density, range(8)),
    extreme("min-density-0", 0, -4096, "A step too small for binary32 gives zeros.", "A decoder whose step wraps or raises."),
    extreme("max-density-0", 0, 4095, "A step too large for binary32 gives infinities.", "A decoder whose step wraps or raises."),
    extreme("min-density-7", 7, -4096, "The smallest qp is 12 bits and a sign.", "A decoder that reads the qp unsigned, or in fewer bits."),
    extreme(
        "max-density-7", 7, 4095, "The largest qp is 12 ones after the sign.", "A decoder that reads the qp unsigned, or in fewer bits."
    ),
    extreme("zero", 3, 0, "A qp of 0 is a step of 1.", "A decoder that takes 0 for a qp that is absent."),
    extreme("minus-one", 3, -1, "A qp of -1 is a step just below 1.", "A decoder that shifts a negative number logically."),
    extreme("subnormal-step", 0, -149, "The smallest subnormal step is kept.", "A decoder that flushes subnormal numbers to zero."),
    extreme(
        "largest-finite", 0, 120, "Products near the end of binary32 are finite.", "A decoder that overflows in an intermediate result."
    ),
    Recipe(
        "mps-method-qcb",
        "NNR_QCB alone, a tensor without codebook",
        "The qp is present under NNR_QCB too, and applies to tensors without a codebook.",
        "A decoder that reads a qp only under NNR_QSU.",
        _MPS,
        lambda _: under(Quantization(2, -9), method_flags=NNR_QCB),
    ),
    Recipe(
        "mps-method-both",
        "NNR_QSU and NNR_QCB together",
        "With both method flags there is still one qp.",
        "A decoder that reads a qp for each method.",
        _MPS,
        lambda _: under(Quantization(2, -9), method_flags=NNR_QSU | NNR_QCB),
    ),
    Recipe(
        "mps-method-none",
        "No quantization method, integers only",
        "Without a method there is no qp in the MPS, and an INT needs none.",
        "A decoder that reads a qp whatever the flags say.",
        _MPS,
        lambda _: [*opening(None), ndu(header(NNR_PT_INT, "w", (12,), None), RAMP)],
    ),
    Recipe(
        "lps-replaces-mps",
        "An LPS replaces the qp and the density of the MPS",
        "Data units after an LPS take its qp and density.",
        "A decoder that keeps the MPS's density, or its qp, after an LPS.",
        _LPS,
        lambda _: [*opening(Quantization(2, -9)), layer_parameter_set(Quantization(5, -77)), number("w", Quantization(5, -77))],
    ),
    Recipe(
        "lps-in-force-until-next",
        "LPS one after another",
        "Each LPS holds up to the next; what stands before the first keeps the MPS's.",
        "A decoder that applies an LPS to one data unit only, or to earlier ones.",
        _LPS,
        lps_sequence,
    ),
    Recipe(
        "lps-without-mps-qp",
        "A qp in the LPS only",
        "An LPS gives the qp that the MPS does not have.",
        "A decoder that takes the qp from the MPS whenever there is one.",
        _LPS,
        lambda _: [*opening(None), layer_parameter_set(Quantization(1, -7)), number("w", Quantization(1, -7))],
    ),
    Recipe(
        "lps-qp-min",
        "lps_quantization_parameter -4096",
        "The smallest qp in an LPS is read as two's complement.",
        "A decoder that reads the LPS's qp in other bits than the MPS's.",
        _LPS,
        lambda _: [*opening(Quantization(0, 5)), layer_parameter_set(Quantization(7, -4096)), number("w", Quantization(7, -4096))],
    ),
    Recipe(
        "lps-qp-max",
        "lps_quantization_parameter 4095",
        "The largest qp in an LPS.",
        "A decoder that reads the LPS's qp in other bits than the MPS's.",
        _LPS,
        lambda _: [*opening(Quantization(0, 5)), layer_parameter_set(Quantization(7, 4095)), number("w", Quantization(7, 4095))],
    ),
    Recipe(
        "lps-method-qcb",
        "NNR_QCB alone in an LPS",
        "The qp is present under NNR_QCB in an LPS too.",
        "A decoder that reads an LPS's qp only under NNR_QSU.",
        _LPS,
        lambda _: [
            *opening(Quantization(0, 5)),
            layer_parameter_set(Quantization(4, -50), method_flags=NNR_QCB),
            number("w", Quantization(4, -50)),
        ],
    ),
    Recipe(
        "lps-and-integers",
        "An LPS changes nothing for integers",
        "An INT has no qp_delta under an LPS either.",
        "A decoder that reads qp_delta in an INT.",
        _LPS,
        lambda _: [*opening(None), layer_parameter_set(Quantization(7, 9)), ndu(header(NNR_PT_INT, "w", (12,), None), RAMP)],
    ),
)
