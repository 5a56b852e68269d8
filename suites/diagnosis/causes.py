"""Named faults: what decoders get wrong in more than one place of their code, or in a way that no operator of `mutants` makes.

Each is a small change of the reference decoder's source. The sentence says what a decoder with it does.
"""

from dataclasses import dataclass
from typing import Final

from nnc_conformance.suites.diagnosis.patch import Edit


@dataclass(frozen=True)
class NamedFault:
    """A named fault: its name, what a decoder with it does, the syntax element that it concerns most, and the edits that make it."""

    name: str
    sentence: str
    element: str
    edits: tuple[Edit, ...]


_UNCHECKED: Final = Edit("payload", "DataUnitDecoder._check_entry_points", "        found = ", "        return\n        found = ")
"""A decoder that reads block rows in order does not look at the entry points."""
_PLAIN: Final = "entropy.plain"
_RESET: Final = "reset_contexts(coder.tables, coder.parameter_sets, coder.states)"
_NDU: Final = "syntax.structures.data_unit"
_RESHAPED: Final = "part.id, values.reshape(part.dimensions)"


def _reshaped(dimensions: str) -> tuple[Edit, ...]:
    return (Edit("payload", "DataUnitDecoder.tensors", _RESHAPED, f"part.id, values.reshape({dimensions})"),)


FAULTS: Final = (
    NamedFault(
        "contexts-kept-over-block-rows",
        "the contexts are not reset at the start of a block row",
        "cabac_offset_list",
        (_UNCHECKED, Edit(_PLAIN, "quant_tensor", _RESET, f"if first == 0:\n            {_RESET}")),
    ),
    NamedFault(
        "interval-kept-over-block-rows",
        "the interval is not narrowed to 256 at the start of a block row",
        "IvlCurrRange",
        (_UNCHECKED, Edit(_PLAIN, "quant_tensor", "if area.rows > height:", "if False:")),
    ),
    NamedFault(
        "state-restarts-at-block-rows",
        "stateId starts from 0 at each block row",
        "dq_state_list",
        (_UNCHECKED, Edit(_PLAIN, "quant_tensor", "area.side), state_id, block_row)", "area.side), 0, block_row)")),
    ),
    NamedFault(
        "previous-kept-over-block-rows",
        "the neighbour of a block row's first index is the last of the row before, not zero",
        "sig_flag",
        (
            _UNCHECKED,
            Edit(_PLAIN, "quant_block_row", "    previous = 0\n", "    previous = max(r[RANGE] * 0, 0) if r[INDEX] == 0 else 2\n"),
        ),
    ),
    NamedFault(
        "blocks-twice-as-large",
        "the blocks of a scan order are twice as large as they are",
        "scan_order",
        (
            Edit("entropy.coding", "TensorCoding.area", "4 << self.scan_order", "8 << self.scan_order"),
            Edit(_NDU, "block_rows", "4 << scan_order", "8 << scan_order"),
        ),
    ),
    NamedFault(
        "blocks-half-as-large",
        "the blocks of a scan order are half as large as they are",
        "scan_order",
        (
            Edit("entropy.coding", "TensorCoding.area", "4 << self.scan_order", "2 << self.scan_order"),
            Edit(_NDU, "block_rows", "4 << scan_order", "2 << scan_order"),
        ),
    ),
    NamedFault(
        "blocks-ignored",
        "the indexes are taken row by row, whatever scan_order says",
        "scan_order",
        (
            _UNCHECKED,
            Edit("entropy.plain", "quant_block_row", "width = area.side if area.side > 0 else area.columns", "width = area.columns"),
        ),
    ),
    NamedFault(
        "density-in-two-bits",
        "qp_density is kept in two bits",
        "mps_qp_density",
        (Edit("quantization.reconstruction", "step_size", "mantissa = ", "qp_density &= 3\n    mantissa = "),),
    ),
    NamedFault(
        "qp-delta-unsigned",
        "qp_delta is read as an unsigned number",
        "qp_delta",
        (Edit(_PLAIN, "iae_v", "coded - ((coded >> (bits - 1)) << bits)", "coded"),),
    ),
    NamedFault(
        "qp-delta-in-its-own-step",
        "qp_delta is added to the step's exponent, not to the quantization parameter",
        "qp_delta",
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
        "the three bits that choose a parameter set are taken for its number, not for its number less one",
        "shift_parameter_ids",
        (Edit(_PLAIN, "shift_parameter_ids", "1 + uae_v", "uae_v"),),
    ),
    NamedFault(
        "sets-of-the-tensor-before",
        "a context without a parameter set of its own keeps none: all start from set 0",
        "shift_parameter_ids",
        (Edit(_PLAIN, "shift_parameter_ids", "sets[context] = 1 + uae_v", "sets[context] = 0 * uae_v"),),
    ),
    NamedFault(
        "raw-negative-zero",
        "a raw -0.0 is given out as 0.0",
        "raw_float32_parameter",
        (Edit("payload", "DataUnitDecoder._parts", ".astype(np.float32)", ".astype(np.float32) + np.float32(0)"),),
    ),
    NamedFault(
        "unit-size-in-15-bits",
        "nnr_unit_size is always read with 15 bits",
        "nnr_unit_size_flag",
        (Edit("syntax.structures.unit", "nnr_unit", "31 if size_flag else 15", "15"),),
    ),
    NamedFault(
        "codebook-centred",
        "CbZeroOffset is taken for half the codebook's size, without codebook_centre_offset",
        "codebook_centre_offset",
        (Edit("quantization.reconstruction", "codebook_values", "codebook.zero_offset", "len(codebook.values) // 2"),),
    ),
    NamedFault(
        "codebook-deltas-from-zero",
        "the least distance of two codebook entries is not added to codebook_delta_left",
        "codebook_delta_left",
        (Edit(_NDU, "codebook", 'w.ue("codebook_delta_left", egk, j) - 1', 'w.ue("codebook_delta_left", egk, j)'),),
    ),
    NamedFault(
        "codebook-order-fixed",
        "the deltas of a codebook are read with an order of 4, whatever codebook_egk says",
        "codebook_egk",
        (Edit(_NDU, "codebook", 'w.u("codebook_egk", 4)', '4 + 0 * w.u("codebook_egk", 4)'),),
    ),
    NamedFault(
        "codebook-of-the-indexes-lost",
        "a codebook is read and not used",
        "codebook_present_flag",
        (Edit("payload", "DataUnitDecoder._values", "if part.codebook is None", "if True"),),
    ),
    NamedFault(
        "bias-after-batch-norm",
        "the parts of a BLOCK are decoded in the order of their ids, with the bias after the batch norm",
        "compressed_parameter_types",
        (Edit("payload", "coded_parts", "(LS, BI, BN)", "(LS, BN, BI)"),),
    ),
    NamedFault(
        "weight-before-vectors",
        "the weight of a BLOCK is decoded before its vectors",
        "compressed_parameter_types",
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
        "weight-scaled",
        "the weight of a BLOCK is given out scaled by its LS, for which the model scales it once more",
        "compressed_parameter_types",
        (
            Edit("decoder", "Decoding.keep", "self.recombine and", ""),
            Edit("payload", "recombined", "if header.parameter_types & DC:", "if False:"),
            Edit("payload", "recombined", "scale = kept.pop(", "scale = kept.get("),
        ),
    ),
    NamedFault(
        "factors-transposed",
        "G and H are given out transposed, the rank first in G and last in H",
        "decomposition_rank",
        (
            Edit(
                _NDU,
                "DataUnitHeader.matrices",
                "(self.g_number_of_rows, self.decomposition_rank), (self.decomposition_rank, columns)",
                "(self.decomposition_rank, self.g_number_of_rows), (columns, self.decomposition_rank)",
            ),
        ),
    ),
    NamedFault("dimensions-reversed", "dimensions are taken last first", "tensor_dimensions", _reshaped("part.dimensions[::-1]")),
    NamedFault(
        "scalars-without-dimensions",
        "a tensor of one element loses its dimensions",
        "tensor_dimensions",
        _reshaped("part.dimensions if values.size > 1 else ()"),
    ),
    NamedFault(
        "dimensions-of-1-dropped", "dimensions of 1 are dropped", "tensor_dimensions", _reshaped("[d for d in part.dimensions if d > 1]")
    ),
    NamedFault("tensors-flat", "tensors are given out flat", "tensor_dimensions", _reshaped("-1")),
    NamedFault(
        "unary-length-without-one",
        "cabac_unary_length_minus1 is taken for the length",
        "cabac_unary_length_minus1",
        (
            Edit(
                _NDU,
                "nnr_compressed_data_unit_header",
                'w.u("cabac_unary_length_minus1", 8) + 1',
                'max(w.u("cabac_unary_length_minus1", 8), 1)',
            ),
        ),
    ),
    NamedFault(
        "one-significance-context",
        "the contexts of sig_flag are not told apart by stateId",
        "dq_flag",
        (Edit(_PLAIN, "quant_param", "NEIGHBOURS * state_id + previous", "previous"),),
    ),
    NamedFault(
        "no-neighbour",
        "the contexts of sig_flag and sign_flag are not told apart by the index before",
        "sig_flag",
        (Edit(_PLAIN, "quant_block_row", "previous = 0 if quant == 0 else 1 if quant < 0 else 2", "previous = 0"),),
    ),
    NamedFault(
        "indexes-in-16-bits",
        "indexes are kept in 16 bits",
        "abs_remainder",
        (Edit(_PLAIN, "quant_block_row", "indexes[place] = value", "indexes[place] = (value + 32768) % 65536 - 32768"),),
    ),
    NamedFault(
        "dependent-without-doubling",
        "dependent quantization moves the state, but indexes are not doubled",
        "dq_flag",
        (Edit(_PLAIN, "quant_block_row", "value = doubled(quant, state_id) if layout.dq_flag else quant", "value = quant"),),
    ),
    NamedFault(
        "one-window",
        "both probability states of a context adapt at the rate of the first",
        "shift_parameter_ids",
        (
            Edit(
                "entropy.contexts",
                "update_state",
                "tables.parameter_sets[set_id, SHIFT_1]",
                "(tables.parameter_sets[set_id, SHIFT_0] + 4)",
            ),
        ),
    ),
    NamedFault(
        "ids-in-latin-1",
        "ids are taken for Latin-1",
        "topology_elem_id",
        (Edit("syntax.reader", "Reader._read", "self.bits.string().decode()", 'self.bits.string().decode("latin-1")'),),
    ),
    NamedFault(
        "deflate-not-undone",
        "a deflated topology is given out as it is carried",
        "topology_compression_format",
        (Edit("decoder", "Decoding._inflated", "inflate(data, self.limits) if compression_format == DEFLATE else data", "data"),),
    ),
    NamedFault(
        "aggregate-of-one",
        "of an aggregate only the first unit is decoded",
        "nnr_aggregate_unit_type",
        (Edit("decoder", "Decoding.take", "for inner in unit.units:", "for inner in unit.units[:1]:"),),
    ),
)
