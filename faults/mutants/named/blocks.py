"""Faults of decoders in the parts of a BLOCK.

They concern which parts there are, their order, shape and coding.
"""

from typing import Final

from nnc_conformance.faults.mutants.fault import UNCHECKED_ENTRY_POINTS, Edit, NamedFault

_COLUMNS = "prod(part.dimensions[1:])"
_COLUMNS_OF_H = "prod(self.dimensions) // self.g_number_of_rows"


def kinds_in_order(kinds: str, where: str) -> Edit:
    """Make an edit that decodes a block's LS, BI and BN in another order.

    Args:
        kinds: The other order, as source: ``BN, LS, BI``.
        where: The condition under which it is used, as source.
    """
    return Edit("payload", "coded_parts", "(LS, BI, BN)", f"(({kinds}) if {where} else (LS, BI, BN))")


def fully_connected(parts: str) -> Edit:
    """Make an edit that gives such weights as many columns as their last dimension."""
    matrix = f"part.is_weight and header.payload_type == NNR_PT_BLOCK and header.parameter_types == {parts} and len(part.dimensions) > 1"
    return Edit("payload", "coding_of", _COLUMNS, f"part.dimensions[-1] if {matrix} else {_COLUMNS}")


def fully_connected_factors(parts: str, columns: str) -> Edit:
    """Make an edit that gives H another number of columns in BLOCKs of some parts.

    Args:
        parts: compressed_parameter_types of these BLOCKs, as source.
        columns: The other number, as source.
    """
    return Edit(
        "syntax.structures.data_unit",
        "DataUnitHeader.matrices",
        _COLUMNS_OF_H,
        f"{columns} if self.parameter_types == {parts} and len(self.dimensions) > 1 else {_COLUMNS_OF_H}",
    )


_BOOKS: Final = "(header.codebook, header.codebook_dc)"

FAULTS: Final = (
    *(
        NamedFault(
            f"block-{name}-fully-connected",
            f"A BLOCK of a weight and {words} is taken for a fully connected layer: the weight has as many columns as its last dimension.",
            ("compressed_parameter_types", "tensor_dimensions"),
            (fully_connected(parts),),
            vectors=(vector,),
        )
        for name, words, parts, vector in (
            ("bias-alone", "a bias", "BI", "block-bi"),
            ("scale-alone", "its LS", "LS", "block-ls"),
            ("scale-and-bias", "its LS and a bias", "LS | BI", "block-ls-bi"),
            ("all-vectors", "all vectors", "LS | BN | BI", "block-ls-bn-bi"),
        )
    ),
    NamedFault(
        "block-factors-alone-fully-connected",
        "A BLOCK of G and H alone is taken for a fully connected layer: the columns of H are counted from two dimensions.",
        ("compressed_parameter_types", "tensor_dimensions"),
        (fully_connected_factors("DC", "prod(self.dimensions[:2]) // self.g_number_of_rows"),),
        vectors=("block-dc",),
    ),
    NamedFault(
        "block-factors-and-bias-fully-connected",
        "A BLOCK of G, H and a bias is taken for a fully connected layer: H has as many columns as the last dimension.",
        ("compressed_parameter_types", "tensor_dimensions"),
        (fully_connected_factors("DC | BI", "self.dimensions[-1]"),),
        vectors=("block-dc-bi",),
    ),
    NamedFault(
        "block-factors-scale-and-bias-fully-connected",
        "A BLOCK of G, H, LS and a bias is taken for a fully connected layer: H has as many columns as the last dimension.",
        ("compressed_parameter_types", "tensor_dimensions"),
        (fully_connected_factors("DC | LS | BI", "self.dimensions[-1]"),),
        vectors=("block-dc-ls-bi",),
    ),
    NamedFault(
        "block-batch-norm-before-scale",
        "In a BLOCK of a weight, LS and a batch norm the batch norm is decoded before LS.",
        ("compressed_parameter_types",),
        (kinds_in_order("BN, LS", "header.parameter_types == LS | BN"),),
        vectors=("block-ls-bn",),
    ),
    NamedFault(
        "block-batch-norm-before-scale-of-factors",
        "In a BLOCK of G, H, LS and a batch norm the batch norm is decoded before LS.",
        ("compressed_parameter_types",),
        (kinds_in_order("BN, LS", "header.parameter_types == DC | LS | BN"),),
        vectors=("block-dc-ls-bn",),
    ),
    NamedFault(
        "block-codebooks-swapped",
        "Of the two codebooks of a decomposed BLOCK the first is H's and the second G's.",
        ("codebook_present_flag", "codebook_delta_left", "codebook_delta_right", "codebook_zero_value"),
        (Edit("payload", "coded_parts", _BOOKS, "(header.codebook_dc or header.codebook, header.codebook)"),),
        vectors=("block-dc-codebooks",),
    ),
    NamedFault(
        "block-codebook-shared",
        "G and H both have the first codebook of a decomposed BLOCK.",
        ("codebook_present_flag", "codebook_delta_left", "codebook_delta_right", "codebook_zero_value"),
        (Edit("payload", "coded_parts", _BOOKS, "(header.codebook, header.codebook)"),),
        vectors=("block-dc-codebooks",),
    ),
    NamedFault(
        "block-of-seven-tensors",
        "There is room for only seven tensors in a BLOCK, as many as go with an undecomposed weight.",
        ("compressed_parameter_types", "count_topology_elements_minus2"),
        (
            Edit(
                "syntax.structures.data_unit",
                "check_block",
                "    vectors = ",
                '    w.require("block-ids", parts <= 7, f"{parts} parts", "compressed_parameter_types")\n    vectors = ',
            ),
        ),
        vectors=("block-dc-ls-bn-bi",),
    ),
    NamedFault(
        "block-trellis-runs-on-to-h",
        "Without a scan order the trellis of H goes on from the state in which that of G ended.",
        ("dq_flag", "compressed_parameter_types"),
        (  # in EVENTS, which counts nothing where no trace is kept, the state stays from matrix to matrix
            Edit("entropy.plain", "quant_tensor", "state_id = 0\n", "state_id = r[EVENTS] if area.columns > 1 and area.side == 0 else 0\n"),
            Edit(
                "entropy.plain",
                "quant_tensor",
                "layout, part, state_id, block_row, first)",
                "layout, part, state_id, block_row, first)\n            r[EVENTS] = state_id if area.columns > 1 else r[EVENTS]",
            ),
        ),
        vectors=("block-dc-dq",),
    ),
    NamedFault(
        "block-five-dependent-vectors",
        "Five vectors of a BLOCK at most, those of a bias and a batch norm, are decoded with dependent quantization, the sixth without.",
        ("dq_flag", "compressed_parameter_types"),
        (
            Edit(
                "payload",
                "DataUnitDecoder._codeword",
                "[coding_of(part, header, self.options.interpretation) for part in parts]",
                "[coding_of(part, header, self.options.interpretation) for part in parts]\n"
                "        if len(parts) > 5 and not parts[5].is_weight:\n"
                "            sixth = codings[5]\n"
                "            codings[5] = TensorCoding(sixth.rows, sixth.columns, 0, False, sixth.unary_length, sixth.qp_delta_bits)",
            ),
        ),
        vectors=("block-dq",),
    ),
    NamedFault(
        "block-h-of-rank-1-a-column",
        "With a decomposition_rank of 1 G and H are both given out as columns.",
        ("decomposition_rank",),
        (
            Edit(
                "syntax.structures.data_unit",
                "DataUnitHeader.matrices",
                "(self.decomposition_rank, columns)",
                "((columns, 1) if self.decomposition_rank == 1 else (self.decomposition_rank, columns))",
            ),
        ),
        vectors=("block-dc-rank-1",),
    ),
    NamedFault(
        "block-one-row-of-g-unset",
        "A g_number_of_rows of 1 is taken for one that is not set: G then has dimension 0 rows.",
        ("g_number_of_rows", "decomposition_rank"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "    check_dimensions(w, context, dimensions)\n",
                "    check_dimensions(w, context, dimensions)\n    g_rows = dimensions[0] if g_rows == 1 and dimensions else g_rows\n",
            ),
        ),
        vectors=("block-dc-rank-lengths",),
    ),
    NamedFault(
        "block-vectors-as-long-as-g",
        "The vectors of a decomposed BLOCK have as many elements as G has rows.",
        ("g_number_of_rows", "tensor_dimensions"),
        (
            Edit(
                "payload",
                "coded_parts",
                "rows = header.dimensions[:1]",
                "rows = (header.g_number_of_rows,) if header.parameter_types & DC else header.dimensions[:1]",
            ),
        ),
        vectors=("block-dc-rows-not-dim0",),
    ),
    NamedFault(
        "block-entries-of-h-after-the-first-tensor",
        "The entry points of H are looked for after those of the first tensor in the codeword, as if that always were G.",
        ("bit_offset_delta2", "cabac_offset_list", "compressed_parameter_types"),
        (
            Edit(
                "payload",
                "expected_entry_points",
                "slice(sum(before), sum(before) + count)",
                "slice(sum(before[:1]), sum(before[:1]) + count)",
            ),
        ),
        vectors=("block-dc-scan-1",),
    ),
    NamedFault(
        "block-low-factor-row-by-row",
        "G or H of fewer rows than a block has is taken row by row, as with scan_order 0.",
        ("scan_order", "g_number_of_rows", "decomposition_rank"),
        (
            Edit(
                "payload",
                "coding_of",
                "    if columns == 1 and",
                "    if header.parameter_types & DC and rows < 4 << scan_order:\n        scan_order = 0\n    if columns == 1 and",
            ),
        ),
        vectors=("block-dc-scan-1-one-block-row-g",),
    ),
    NamedFault(
        "block-vectors-of-one-element-scalar",
        "Vectors of one element lose their dimension.",
        ("tensor_dimensions", "compressed_parameter_types"),
        (
            Edit(
                "payload",
                "coded_parts",
                "rows = header.dimensions[:1]",
                "rows = () if header.dimensions[:1] == (1,) else header.dimensions[:1]",
            ),
        ),
        vectors=("block-one-row",),
    ),
    NamedFault(
        "block-vectors-in-blocks",
        "The vectors of an undecomposed BLOCK with a batch norm and a bias are scanned in blocks as its weight is.",
        ("scan_order", "IvlCurrRange", "compressed_parameter_types"),
        (
            UNCHECKED_ENTRY_POINTS,
            Edit(
                "payload",
                "coding_of",
                "if part.is_weight else 0",
                "if part.is_weight or header.parameter_types == BN | BI and header.payload_type == NNR_PT_BLOCK else 0",
            ),
        ),
        vectors=("block-scan-1",),
    ),
    NamedFault(
        "block-scale-of-default-unary-length",
        "The LS of a BLOCK that has a bias too is decoded with the default unary length.",
        ("cabac_unary_length_minus1", "cabac_unary_length_flag", "compressed_parameter_types"),
        (
            Edit(
                "payload",
                "coding_of",
                "dq_flag, header.unary_length,",
                "dq_flag, 10 if header.parameter_types & LS and header.parameter_types & BI and not part.is_weight"
                " and part.id == header.ids[len(header.matrices)] else header.unary_length,",
            ),
        ),
        vectors=("block-unary-length-1",),
    ),
    NamedFault(
        "block-scan-order-always",
        "A scan_order is read in the header of every BLOCK, whatever the weight's dimensions.",
        ("scan_order", "count_tensor_dimensions"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "if dimensions_known and len(dimensions) > 1:",
                "if dimensions_flag and (len(dimensions) > 1 or payload_type == NNR_PT_BLOCK):",
            ),
        ),
        vectors=("block-vector-weight",),
    ),
)
