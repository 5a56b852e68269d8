"""Faults of a reader who mistakes one thing in the standard for another."""

from typing import Final

from nnc_conformance.faults.mutants.fault import UNCHECKED_ENTRY_POINTS, Edit, NamedFault

FAULTS: Final = (
    NamedFault(
        "interval-kept-over-block-rows",
        "The interval is not narrowed to 256 at the start of a block row.",
        ("IvlCurrRange",),
        (UNCHECKED_ENTRY_POINTS, Edit("entropy.plain", "quant_tensor", "if area.rows > height:", "if False:")),
    ),
    NamedFault(
        "previous-kept-over-block-rows",
        "The neighbour of a block row's first index is the last of the row before, not zero.",
        ("sig_flag",),
        (
            UNCHECKED_ENTRY_POINTS,
            Edit("entropy.plain", "quant_block_row", "    previous = 0\n", "    previous = max(r[RANGE] * 0, 0) if r[INDEX] == 0 else 2\n"),
        ),
    ),
    NamedFault(
        "blocks-twice-as-large",
        "The blocks of a scan order are twice as large as they are.",
        ("scan_order",),
        (
            Edit("entropy.coding", "TensorCoding.area", "4 << self.scan_order", "8 << self.scan_order"),
            Edit("syntax.structures.data_unit", "block_rows", "4 << scan_order", "8 << scan_order"),
        ),
    ),
    NamedFault(
        "blocks-half-as-large",
        "The blocks of a scan order are half as large as they are.",
        ("scan_order",),
        (
            Edit("entropy.coding", "TensorCoding.area", "4 << self.scan_order", "2 << self.scan_order"),
            Edit("syntax.structures.data_unit", "block_rows", "4 << scan_order", "2 << scan_order"),
        ),
    ),
    NamedFault(
        "blocks-ignored",
        "The indexes are taken row by row, whatever scan_order says.",
        ("scan_order",),
        (
            UNCHECKED_ENTRY_POINTS,
            Edit("entropy.plain", "quant_block_row", "width = area.side if area.side > 0 else area.columns", "width = area.columns"),
        ),
    ),
    NamedFault(
        "qp-delta-unsigned",
        "Qp_delta is read as an unsigned number.",
        ("qp_delta",),
        (Edit("entropy.plain", "iae_v", "coded - ((coded >> (bits - 1)) << bits)", "coded"),),
    ),
    NamedFault(
        "qp-delta-in-its-own-step",
        "Qp_delta is added to the step's exponent, not to the quantization parameter.",
        ("qp_delta",),
        (
            Edit(
                "payload",
                "DataUnitDecoder._values",
                "header.quantization.quantization_parameter + tensor.qp_delta",
                "header.quantization.quantization_parameter + (tensor.qp_delta << header.quantization.qp_density)",
            ),
        ),
    ),
    NamedFault(
        "set-number-less-one",
        "The three bits that choose a parameter set are taken for its number, not for its number less one.",
        ("shift_parameter_ids",),
        (Edit("entropy.plain", "shift_parameter_ids", "1 + uae_v", "uae_v"),),
    ),
    NamedFault(
        "sets-of-the-tensor-before",
        "A context without a parameter set of its own keeps none: all start from set 0.",
        ("shift_parameter_ids",),
        (Edit("entropy.plain", "shift_parameter_ids", "sets[context] = 1 + uae_v", "sets[context] = 0 * uae_v"),),
    ),
    NamedFault(
        "codebook-of-the-indexes-lost",
        "A codebook is read and not used.",
        ("codebook_present_flag",),
        (Edit("payload", "DataUnitDecoder._values", "if part.codebook is None", "if True"),),
    ),
    NamedFault(
        "weight-before-vectors",
        "The weight of a BLOCK is decoded before its vectors.",
        ("compressed_parameter_types",),
        (
            Edit(
                "payload",
                "coded_parts",
                "(*(Part(name, rows, None, False) for kind in (LS, BI, BN) for name in groups.get(kind, ())), *weights)",
                "(*weights, *(Part(name, rows, None, False) for kind in (LS, BI, BN) for name in groups.get(kind, ())))",
            ),
        ),
    ),
    NamedFault(
        "dimensions-of-1-dropped",
        "Dimensions of 1 are dropped.",
        ("tensor_dimensions",),
        (
            Edit(
                "payload",
                "DataUnitDecoder.tensors",
                "part.id, values.reshape(part.dimensions)",
                "part.id, values.reshape([d for d in part.dimensions if d > 1])",
            ),
        ),
    ),
    NamedFault(
        "tensors-flat",
        "Tensors are given out flat.",
        ("tensor_dimensions",),
        (Edit("payload", "DataUnitDecoder.tensors", "part.id, values.reshape(part.dimensions)", "part.id, values.reshape(-1)"),),
    ),
    NamedFault(
        "no-neighbour",
        "The contexts of sig_flag and sign_flag are not distinguished by the index before.",
        ("sig_flag",),
        (Edit("entropy.plain", "quant_block_row", "previous = 0 if quant == 0 else 1 if quant < 0 else 2", "previous = 0"),),
    ),
    NamedFault(
        "dependent-without-doubling",
        "Dependent quantization moves the state, but indexes are not doubled.",
        ("dq_flag",),
        (Edit("entropy.plain", "quant_block_row", "value = doubled(quant, state_id) if layout.dq_flag else quant", "value = quant"),),
    ),
    NamedFault(
        "one-window",
        "Both probability states of a context adapt at the rate of the first.",
        ("shift_parameter_ids",),
        (
            Edit(
                "entropy.contexts", "update_state", "tables.parameter_sets[set_id, SHIFT_1]", "(tables.parameter_sets[set_id, SHIFT_0] + 4)"
            ),
        ),
    ),
)
