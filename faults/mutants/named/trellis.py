"""Wrong dependent quantization, as the vectors about it state it."""

from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault

FAULTS: Final = (
    NamedFault(
        "magnitude-doubled-first",
        "The doubled magnitude has to fit int32 before it has its sign: -2147483648 is refused.",
        ("dq_flag",),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "if INT32_MIN <= value <= INT32_MAX:",
                "if abs(2 * quant if layout.dq_flag else 0) <= INT32_MAX and INT32_MIN <= value <= INT32_MAX:",
            ),
        ),
        vectors=("dq-largest",),
    ),
    NamedFault(
        "one-index-not-doubled",
        "The index of a tensor of one element is not doubled.",
        ("dq_flag",),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "doubled(quant, state_id) if layout.dq_flag else quant",
                "doubled(quant, state_id) if layout.dq_flag and indexes.size > 1 else quant",
            ),
        ),
        vectors=("dq-one-element",),
    ),
    NamedFault(
        "transition-by-doubled-value",
        "The trellis moves by the parity of the doubled value.",
        ("dq_flag",),
        (Edit("entropy.plain", "quant_block_row", "quant & 1]", "value & 1]"),),
        vectors=("dq-random", "dq-transitions"),
    ),
    NamedFault(
        "trellis-in-pieces",
        "Indexes without blocks are decoded in pieces of 512, each of which starts the trellis at 0.",
        ("dq_flag",),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "coder.tables.state_trans[state_id, quant & 1]",
                "coder.tables.state_trans[state_id, quant & 1] if area.side or (r[INDEX] + 1) % 512 else 0",
            ),
        ),
        vectors=("dq-random",),
    ),
    NamedFault(
        "trellis-of-the-tensor-before",
        "A vector as long as that of the unit before starts the trellis where that one ended.",
        ("dq_flag",),
        (
            Edit(
                "decoder",
                "decode_with",
                "    collector = ",
                "    import nnc_conformance.reference.entropy.plain as engine\n\n    engine.KEPT = [None, 0, None]\n    collector = ",
            ),
            Edit(
                "entropy.plain",
                "quant_tensor",
                "    state_id = 0\n",
                "    kept = globals()['KEPT']\n"
                "    goes_on = kept[0] == area and area.columns == 1 and kept[2] is not r\n"
                "    state_id = kept[1] if goes_on else 0\n",
            ),
            Edit(
                "entropy.plain",
                "quant_tensor",
                "        if r[STATUS] != OK:\n            return\n",
                "        if r[STATUS] != OK:\n            return\n    kept[:] = [area, state_id, r]\n",
            ),
        ),
        vectors=("dq-restart",),
    ),
    NamedFault(
        "negative-parity",
        "The remainder of a negative odd index by 2 is -1, which is taken for even.",
        ("dq_flag",),
        (Edit("entropy.plain", "quant_block_row", "quant & 1]", "1 if quant > 0 and quant & 1 else 0]"),),
        vectors=("dq-transitions",),
    ),
    NamedFault(
        "ones-doubled-whole",
        "An index of 1 or -1 is doubled to 2 or -2 in odd states too.",
        ("dq_flag",),
        (Edit("entropy.plain", "doubled", "    if quant == 0:", "    if abs(quant) == 1:\n        return 2 * quant\n    if quant == 0:"),),
        vectors=("dq-ones",),
    ),
    NamedFault(
        "zeros-moved",
        "Under dependent quantization the state's odd bit is taken from zeros too.",
        ("dq_flag",),
        (Edit("entropy.plain", "doubled", "if quant == 0:\n        return 0", "if quant == 0:\n        return -(state_id & 1)"),),
        vectors=("dq-zeros",),
    ),
    NamedFault(
        "run-of-zeros-in-5-bits",
        "The trellis is moved by whole runs of zeros, of 31 at most.",
        ("dq_flag",),
        (
            Edit("entropy.plain", "quant_block_row", "    previous = 0\n    for left", "    previous, zeros = 0, 0\n    for left"),
            Edit(
                "entropy.plain",
                "quant_block_row",
                "state_id = coder.tables.state_trans[state_id, quant & 1]",
                "zeros = 0 if quant else zeros + 1\n"
                "                    if zeros < 32:\n"
                "                        state_id = coder.tables.state_trans[state_id, quant & 1]",
            ),
        ),
        vectors=("dq-zeros",),
    ),
)
