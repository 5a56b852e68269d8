"""Faults of decoders in codebooks.

They concern how codebooks are read, what values they hold, and what is looked up in them.
"""

from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault

_LOOKED_UP = "numbers = tensor.indexes if part.codebook is None else codebook_values(tensor.indexes, part.codebook)"
_LEFT = 'w.ue("codebook_delta_left", egk, j)'
_RIGHT = 'w.ue("codebook_delta_right", egk, j)'
_RETURN = "    return Codebook("
_STEP = "step = step_size(header.quantization.qp_density, header.quantization.quantization_parameter + tensor.qp_delta)"


def of_codebook(old: str, new: str) -> Edit:
    """Make an edit of how a codebook is read."""
    return Edit("syntax.structures.data_unit", "codebook", old, new)


def once_read(lines: str) -> Edit:
    """Make an edit that runs more lines after a codebook is read."""
    return of_codebook(_RETURN, f"{lines}{_RETURN}")


def of_lookup(before: str, numbers: str = _LOOKED_UP) -> Edit:
    """Make an edit that puts lines in front of the lookup, and replaces the lookup."""
    return Edit("payload", "DataUnitDecoder._values", _LOOKED_UP, f"{before}{numbers}")


def of_deltas(changed: str) -> tuple[Edit, Edit]:
    """Make two edits that change each delta of a codebook.

    ``{}`` in ``changed`` stands for the delta that was read.
    """
    return of_codebook(_LEFT, changed.format(_LEFT)), of_codebook(_RIGHT, changed.format(_RIGHT))


FAULTS: Final = (
    NamedFault(
        "codebook-indexes-of-a-byte",
        "Indexes into a codebook are kept in a signed byte.",
        ("codebook_size", "abs_remainder"),
        (
            of_lookup(
                "", "numbers = tensor.indexes if part.codebook is None else codebook_values(tensor.indexes.astype(np.int8), part.codebook)"
            ),
        ),
        vectors=("codebook-300",),
    ),
    NamedFault(
        "codebook-bounds-for-vectors",
        "The indexes of a BLOCK's vectors are not looked up, but those outside the weight's codebook are refused.",
        ("codebook_size", "compressed_parameter_types"),
        (of_lookup("if header.codebook is not None:\n            codebook_values(tensor.indexes, header.codebook)\n        "),),
        vectors=("codebook-block",),
    ),
    NamedFault(
        "codebook-bounds-kept",
        "Indexes of a tensor without a codebook are refused where they lie outside the codebook last met.",
        ("codebook_present_flag", "codebook_size"),
        (
            of_lookup(
                'last = vars(self.rules).get("last")\n        if part.codebook is None and last is not None:\n'
                '            codebook_values(tensor.indexes, last)\n        vars(self.rules)["last"] = part.codebook or last\n        '
            ),
        ),
        vectors=("codebook-one-each",),
    ),
    NamedFault(
        "codebook-without-gaps-not-kept",
        "Of a codebook without gaps the place of an entry is given out, not its value.",
        ("codebook_delta_left", "codebook_delta_right", "codebook_zero_value"),
        (once_read("    if values[-1] - values[0] == size - 1 and size > 1:\n        values = range(size)\n"),),
        vectors=("codebook-consecutive-egk-0",),
    ),
    NamedFault(
        "codebook-of-coded-indexes",
        "Without a scan order an index is looked up as it is coded, before dependent quantization doubles it.",
        ("dq_flag", "codebook_present_flag"),
        (
            of_lookup(
                "coded = tensor.indexes\n        if header.dq_flag and header.scan_order == 0:\n"
                "            coded = np.sign(coded) * ((np.abs(coded) + 1) >> 1)\n        ",
                "numbers = tensor.indexes if part.codebook is None else codebook_values(coded, part.codebook)",
            ),
        ),
        vectors=("codebook-dq",),
    ),
    NamedFault(
        "codebook-step-a-power-of-two",
        "With a codebook the step is the power of two below it, to which only qp_delta adds a fraction.",
        ("mps_quantization_parameter", "mps_qp_density", "codebook_present_flag"),
        (
            Edit(
                "payload",
                "DataUnitDecoder._values",
                _STEP,
                "density, qp = header.quantization.qp_density, header.quantization.quantization_parameter\n"
                "        step = step_size(density, (qp if part.codebook is None else qp >> density << density) + tensor.qp_delta)",
            ),
        ),
        vectors=("codebook-fraction-step",),
    ),
    NamedFault(
        "codebook-gap-in-int32",
        "The gap below an entry, delta plus one, is kept in a signed 32-bit number, and the value capped to one.",
        ("codebook_delta_left",),
        (
            of_codebook(
                f"left[-1] - {_LEFT} - 1",
                f"min(left[-1] - (({_LEFT} + 1 + (1 << 31)) % (1 << 32) - (1 << 31)), INT32_MAX)",
            ),
        ),
        vectors=("codebook-int32-ends",),
    ),
    NamedFault(
        "codebook-right-from-zero",
        "Where there are no left deltas the first right one is counted from 0, not from codebook_zero_value.",
        ("codebook_centre_offset", "codebook_zero_value", "codebook_delta_right"),
        (once_read("    if zero_offset == 0:\n        values = [zero, *(min(value - zero, INT32_MAX) for value in values[1:])]\n"),),
        vectors=("codebook-offset-first",),
    ),
    NamedFault(
        "codebook-half-on-the-left",
        "There is room for half of a codebook's size to the left of index 0; the last value there stands for those beyond.",
        ("codebook_centre_offset", "codebook_delta_left"),
        (once_read("    values = [max(value, left[min(size >> 1, zero_offset)]) for value in values]\n"),),
        vectors=("codebook-offset-last",),
    ),
    NamedFault(
        "codebook-lookup-before-the-scan",
        "With a codebook the values are given out in coded order: the scan is not undone.",
        ("scan_order", "codebook_present_flag"),
        (
            of_lookup(
                "side = 4 << header.scan_order\n"
                "        if part.codebook is not None and header.scan_order > 0:\n"
                "            grid = tensor.indexes.reshape(part.dimensions[0], -1)\n"
                "            rows = [grid[row : row + side] for row in range(0, len(grid), side)]\n"
                "            blocks = [row[:, left : left + side].reshape(-1) for row in rows for left in range(0, grid.shape[1], side)]\n"
                "            tensor.indexes[:] = np.concatenate(blocks)\n        "
            ),
        ),
        vectors=("codebook-scan-1",),
    ),
    NamedFault(
        "codebook-of-one-value-zero",
        "A codebook of one value is taken for one that holds 0.",
        ("codebook_size", "codebook_zero_value"),
        (once_read("    if size == 1:\n        values = [0]\n"),),
        vectors=("codebook-size-1-nonzero",),
    ),
    NamedFault(
        "codebook-binary",
        "A codebook of two values, the upper of them that of index 0, is taken for -a and a.",
        ("codebook_size", "codebook_delta_left"),
        (once_read("    values = [-zero, zero] if size == 2 and zero_offset == 1 else values\n"),),
        vectors=("codebook-size-2",),
    ),
    NamedFault(
        "codebook-even-size-halved-down",
        "Where codebook_centre_offset is 0 index 0 stands at the lower middle of an even size.",
        ("codebook_size", "codebook_centre_offset"),
        (
            of_codebook(
                '(size >> 1) + w.ie("codebook_centre_offset", 2)',
                '(lambda offset: (size >> 1) + offset if offset else (size - 1) >> 1)(w.ie("codebook_centre_offset", 2))',
            ),
        ),
        vectors=("codebook-size-2",),
    ),
    NamedFault(
        "codebook-ternary",
        "A codebook of three values about 0 is taken for -a, 0 and a.",
        ("codebook_size", "codebook_delta_right"),
        (once_read("    if size == 3 and zero_offset == 1 and zero == 0:\n        values = [values[0], 0, min(-values[0], INT32_MAX)]\n"),),
        vectors=("codebook-size-3",),
    ),
    NamedFault(
        "codebook-deltas-of-16-more-bits",
        "Only the low codebook_egk + 16 bits of a codebook's deltas are kept.",
        ("codebook_delta_left", "codebook_delta_right", "codebook_egk"),
        of_deltas("({} & ((1 << egk + 16) - 1))"),
        vectors=("codebook-wide-egk-0",),
    ),
    NamedFault(
        "codebook-suffix-in-int16",
        "The suffix of a codebook's delta is taken for a signed number where it has 16 bits.",
        ("codebook_delta_left", "codebook_delta_right", "codebook_egk"),
        of_deltas("(lambda delta: delta - 65536 if 32768 <= delta - 65536 + (1 << egk) < 65536 else delta)({})"),
        vectors=("codebook-wide-egk-15",),
    ),
    NamedFault(
        "codebook-lowest-value-negative",
        "A codebook with left deltas is taken to reach below 0: its lowest value is given the sign minus.",
        ("codebook_zero_value", "codebook_delta_left"),
        (once_read("    values[0] = -abs(values[0]) if zero_offset > 0 else values[0]\n"),),
        vectors=("codebook-zero-value-large",),
    ),
    NamedFault(
        "codebook-right-values-positive",
        "The values to the right of index 0 are kept without a sign.",
        ("codebook_zero_value", "codebook_delta_right"),
        (once_read("    values[zero_offset + 1 :] = [min(abs(value), INT32_MAX) for value in values[zero_offset + 1 :]]\n"),),
        vectors=("codebook-zero-value-negative",),
    ),
    NamedFault(
        "codebook-indexes-of-16-bits",
        "Indexes into a codebook are kept in 16 bits with a sign.",
        ("codebook_size", "abs_remainder"),
        (
            of_lookup(
                "", "numbers = tensor.indexes if part.codebook is None else codebook_values(tensor.indexes.astype(np.int16), part.codebook)"
            ),
        ),
        vectors=("codebook-65539-values",),
    ),
)
