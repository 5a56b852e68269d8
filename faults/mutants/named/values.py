"""Faults of decoders from indexes to values: the sum with qp_delta, the step, and rounding."""

from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault

_RECONSTRUCTION: Final = "quantization.reconstruction"
_SUM: Final = "header.quantization.quantization_parameter + tensor.qp_delta)"
_MANTISSA: Final = "    with np.errstate("


def sum_kept(statement: str) -> Edit:
    """Make an edit of the decoder that changes the sum of qp and qp_delta.

    Args:
        statement: A source line that changes ``total``, before it gives the step.
    """
    lines = (
        "qp, density = header.quantization.quantization_parameter, header.quantization.qp_density",
        "total = qp + tensor.qp_delta",
        statement,
        "step = step_size(density, total)",
    )
    return Edit("payload", "DataUnitDecoder._values", f"step = step_size(header.quantization.qp_density, {_SUM}", "\n        ".join(lines))


def narrow_sum(density: int) -> NamedFault:
    """Make the fault of a sum of qp and qp_delta in too few bits.

    They are as many as qp_delta has.

    Args:
        density: The qp_density at which the decoder does so.
    """
    bits = 6 + density
    half, whole = 1 << (bits - 1), 1 << bits
    return NamedFault(
        f"sum-of-{bits}-bits-at-density-{density}",
        f"At density {density} the sum of quantization parameter and qp_delta is kept in {bits} bits, those of qp_delta.",
        ("qp_delta", "mps_quantization_parameter"),
        (sum_kept(f"total = (total + {half}) % {whole} - {half} if density == {density} else total"),),
        vectors=(f"value-qp-delta-density-{density}",),
    )


FAULTS: Final = (
    NamedFault(
        "fraction-mistyped",
        "In a table of the eight fractions of density 3, for steps below 1, 1.357 stands for 1.375.",
        ("qp_delta", "mps_qp_density"),
        (
            Edit(
                _RECONSTRUCTION,
                "step_size",
                _MANTISSA,
                f"    mantissa = 8 * 1.357 if qp_density == 3 and mantissa == 11 and qp < 0 else mantissa\n{_MANTISSA}",
            ),
        ),
        vectors=("value-fractions",),
    ),
    NamedFault(
        "sign-before-the-sum",
        "At density 0 the step is one by a power of two where the quantization parameter is negative, though its sum with qp_delta is not.",
        ("qp_delta", "mps_quantization_parameter"),
        (sum_kept("total = -(-total & 63) if density == 0 and qp < 0 < total else total"),),
        vectors=("value-qp-delta-density-0",),
    ),
    *map(narrow_sum, range(1, 8)),
    NamedFault(
        "ties-away-from-zero",
        "An index that binary32 does not hold is rounded to nearest, ties away from zero.",
        ("abs_remainder", "mps_quantization_parameter"),
        (
            Edit(
                _RECONSTRUCTION,
                "products",
                "numbers.astype(np.float32) * np.float32(step)",
                "(numbers * (1 + 2.0**-40)).astype(np.float32) * np.float32(step)",
            ),
        ),
        vectors=("value-rounding-to-even",),
    ),
    NamedFault(
        "exponent-field-of-zero",
        "The bits of a step of exponent -127 are put together as those of a normal number, with an exponent field of 0.",
        ("qp_delta", "mps_quantization_parameter"),
        (
            Edit(
                _RECONSTRUCTION,
                "step_size",
                _MANTISSA,
                f"    if qp >> qp_density == -127:\n        mantissa = 2 * (qp % (1 << qp_density))\n{_MANTISSA}",
            ),
        ),
        vectors=("value-subnormal",),
    ),
    NamedFault(
        "codebook-products-flushed",
        "Products of codebook values below the normal range of binary32 are 0.",
        ("codebook_zero_value", "codebook_delta_left", "codebook_delta_right"),
        (
            Edit(
                _RECONSTRUCTION,
                "products",
                "    values[np.isnan(values)] = invalid_product(interpretation)\n",
                "    values[np.isnan(values)] = invalid_product(interpretation)\n"
                "    if with_codebook:\n"
                "        values[np.abs(values) < np.finfo(np.float32).tiny] = 0\n",
            ),
        ),
        vectors=("value-codebook-underflow",),
    ),
)
