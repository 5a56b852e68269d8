"""Wrong probability states, parameter sets and ranges of the arithmetic decoder.

They follow the vectors about them.
"""

from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault


def sets_forgotten(condition: str, group: str) -> tuple[Edit, ...]:
    """Make an edit that gives contexts set 0 if certain others have set 0.

    Args:
        condition: Index of these contexts in the list of sets.
        group: Index of the group.
    """
    lookup = f"    sets = coder.parameter_sets[0]\n    if not sets[{condition}].any():\n        sets[{group}] = 0\n"
    return (Edit("entropy.plain", "quant_tensor", "    r[INDEX] = 0\n", "    r[INDEX] = 0\n" + lookup),)


FAULTS: Final = (
    NamedFault(
        "slow-set-7",
        "The first state of parameter set 7 moves at the rate of set 6.",
        ("shift_parameter_ids",),
        (
            Edit(
                "entropy.contexts",
                "update_state",
                "tables.parameter_sets[set_id, SHIFT_0]",
                "tables.parameter_sets[6 if set_id == 7 else set_id, SHIFT_0]",
            ),
        ),
        vectors=("cabac-parameter-set-7",),
    ),
    NamedFault(
        "set-5-of-set-2",
        "Parameter set 5 has the rates of set 2, with which it shares its start.",
        ("shift_parameter_ids",),
        (
            Edit(
                "entropy.contexts",
                "update_state",
                "s0, s1 = state[0], state[1]",
                "s0, s1 = state[0], state[1]\n    set_id = 2 if set_id == 5 else set_id",
            ),
        ),
        vectors=("cabac-parameter-set-5",),
    ),
    NamedFault(
        "three-significance-sets",
        "With dq_flag only three contexts of sig_flag have a parameter set of their own, which holds in every stateId.",
        ("shift_parameter_ids",),
        (
            Edit(
                "entropy.plain",
                "quant_tensor",
                "    r[INDEX] = 0\n",
                "    r[INDEX] = 0\n"
                "    for context in range(layout.sign):\n"
                "        coder.parameter_sets[0, context] = coder.parameter_sets[0, context % 3]\n",
            ),
        ),
        vectors=("cabac-parameter-sets-mixed-dq",),
    ),
    NamedFault(
        "one-set-for-a-group",
        "All contexts of a group have the parameter set of its first.",
        ("shift_parameter_ids",),
        (
            Edit(
                "entropy.plain",
                "quant_tensor",
                "    r[INDEX] = 0\n",
                "    r[INDEX] = 0\n"
                "    firsts = (0, *layout[:4])\n"
                "    for first, after in zip(firsts, firsts[1:]):\n"
                "        coder.parameter_sets[0, first:after] = coder.parameter_sets[0, first]\n",
            ),
        ),
        vectors=("cabac-parameter-sets-mixed",),
    ),
    NamedFault(
        "significance-sets-alone",
        "The parameter sets of sig_flag are not used where no other context has one.",
        ("shift_parameter_ids",),
        sets_forgotten("layout.sign : layout.flag", ": layout.sign"),
        vectors=("cabac-parameter-sets-significance",),
    ),
    NamedFault(
        "sign-sets-alone",
        "The parameter sets of sign_flag are not used where no context of sig_flag has one.",
        ("shift_parameter_ids",),
        sets_forgotten(": layout.sign", "layout.sign : layout.greater"),
        vectors=("cabac-parameter-sets-sign",),
    ),
    NamedFault(
        "greater-sets-alone",
        "The parameter sets of the greater-than bins are not used where no context before them has one.",
        ("shift_parameter_ids",),
        sets_forgotten(": layout.greater", "layout.greater : layout.prefix"),
        vectors=("cabac-parameter-sets-greater-than",),
    ),
    NamedFault(
        "prefix-sets-alone",
        "The parameter sets of the exp-Golomb prefix are not used where no context before them has one.",
        ("shift_parameter_ids",),
        sets_forgotten(": layout.prefix", "layout.prefix : layout.flag"),
        vectors=("cabac-parameter-sets-prefix",),
    ),
    NamedFault(
        "one-set-after-both-signs",
        "Without dq_flag the contexts of sig_flag after a negative and after a positive index have one parameter set.",
        ("shift_parameter_ids", "sig_flag"),
        (
            Edit(
                "entropy.plain",
                "quant_tensor",
                "    r[INDEX] = 0\n",
                "    r[INDEX] = 0\n    if not layout.dq_flag:\n        coder.parameter_sets[0, 2] = coder.parameter_sets[0, 1]\n",
            ),
        ),
        vectors=("cabac-parameter-sets-mixed",),
    ),
    NamedFault(
        "sign-sets-first",
        "The parameter sets of sign_flag are read before those of sig_flag.",
        ("shift_parameter_ids",),
        (
            Edit(
                "entropy.plain",
                "shift_parameter_ids",
                "range(layout.flag)",
                "(*range(layout.sign, layout.greater), *range(layout.sign), *range(layout.greater, layout.flag))",
            ),
        ),
        vectors=("cabac-parameter-sets-sign", "cabac-parameter-sets-significance"),
    ),
    NamedFault(
        "prefix-sets-first",
        "The parameter sets of the exp-Golomb prefix are read before those of the greater-than bins.",
        ("shift_parameter_ids",),
        (
            Edit(
                "entropy.plain",
                "shift_parameter_ids",
                "range(layout.flag)",
                "(*range(layout.greater), *range(layout.prefix, layout.flag), *range(layout.greater, layout.prefix))",
            ),
        ),
        vectors=("cabac-parameter-sets-greater-than", "cabac-parameter-sets-prefix"),
    ),
    NamedFault(
        "renormalised-by-6-bits",
        "After a bin the range is doubled six times at most.",
        ("sig_flag", "sign_flag"),
        (
            Edit(
                "entropy.plain",
                "renormalise",
                "    while r[RANGE] < 256:\n        r[RANGE] *= 2\n        shift_bit(coder)",
                "    for _ in range(6):\n        if r[RANGE] < 256:\n            r[RANGE] *= 2\n            shift_bit(coder)",
            ),
        ),
        vectors=("cabac-range-table",),
    ),
    NamedFault(
        "range-table-of-31-columns",
        "The range table is read with 31 columns in a row: behind the last stands the first of the next row.",
        ("sign_flag", "sig_flag"),
        (
            Edit(
                "entropy.plain",
                "code_bin",
                "coder.tables.lps_range[abs(s >> 7) + (r[RANGE] & 0xE0)]",
                "coder.tables.lps_range[(abs(s >> 7) + (1 if abs(s >> 7) == 31 else 0) + (r[RANGE] & 0xE0)) % 256]",
            ),
        ),
        vectors=("cabac-range-table",),
    ),
    NamedFault(
        "prefix-states-of-fewer-bits",
        "The states of the exp-Golomb prefix are held above -2560.",
        ("abs_level_greater_x2",),
        (
            Edit(
                "entropy.plain",
                "code_bin",
                "    renormalise(coder)\n",
                "    renormalise(coder)\n"
                "    last = coder.states.shape[1] - 2\n"
                "    if s < -2560 and bin_value == 0 and last - 31 < context <= last:\n"
                "        return 0\n",
            ),
        ),
        vectors=("cabac-skewed-states",),
    ),
    NamedFault(
        "smallest-range-of-4",
        "The range of a least probable bin is 4 at least.",
        ("sig_flag",),
        (
            Edit(
                "entropy.plain",
                "code_bin",
                "mps_range = r[RANGE] - lps_range",
                "lps_range = max(lps_range, 4)\n    mps_range = r[RANGE] - lps_range",
            ),
        ),
        vectors=("cabac-skewed-states",),
    ),
    NamedFault(
        "full-table-of-contexts",
        "A table of 255 contexts, with room for dependent quantization, loses its last parameter set where unary length 98 fills it.",
        ("shift_parameter_ids", "cabac_unary_length_minus1"),
        (
            Edit(
                "entropy.plain", "shift_parameter_ids", "range(layout.flag)", "range(layout.flag - (1 if layout.unary_length == 98 else 0))"
            ),
        ),
        vectors=("cabac-unary-length-98",),
    ),
    NamedFault(
        "contexts-counted-in-a-byte",
        "Up to 256 contexts, with room for dependent quantization, are counted in a byte: 256, of unary length 99, are taken for none.",
        ("shift_parameter_ids", "cabac_unary_length_minus1"),
        (Edit("entropy.plain", "shift_parameter_ids", "range(layout.flag)", "range(0 if layout.unary_length == 99 else layout.flag)"),),
        vectors=("cabac-unary-length-99",),
    ),
)
