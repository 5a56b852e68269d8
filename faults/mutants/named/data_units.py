"""Faults of decoders in data units.

They concern dimensions, formats, names, raw numbers and sets of partial data.
"""

from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault

_DATA_UNIT: Final = "syntax.structures.data_unit"
_HEADER: Final = "nnr_compressed_data_unit_header"
_FORMAT: Final = "    if format_present:\n"


def given_as(dimensions: str) -> Edit:
    """Make an edit of the decoder that outputs a tensor in another shape.

    Args:
        dimensions: Source of the other dimensions; ``shape`` in it stands for the right ones,
            ``kind``
        for the payload type.
    """
    before = "                if header.mapping is None:\n                    yield part.id, values.reshape(part.dimensions)\n"
    after = (
        "                if header.mapping is None:\n"
        "                    kind, shape = header.payload_type, part.dimensions\n"
        f"                    yield part.id, values.reshape({dimensions})\n"
    )
    return Edit("payload", "DataUnitDecoder.tensors", before, after)


def format_where(condition: str) -> Edit:
    """Make an edit that reads the format only under a condition."""
    return Edit(_DATA_UNIT, _HEADER, _FORMAT, f"    if format_present and {condition}:\n")


FAULTS: Final = (
    NamedFault(
        "suffix-of-9-bits-one-bit-short",
        "The suffix of nine bits of an exp-Golomb code is read with eight.",
        ("tensor_dimensions", "codebook_size", "topology_elem_id_index"),
        (Edit("syntax.descriptors", "BitReader.golomb", "value + self.bits(k)", "value + self.bits(8 if k == 9 else k)"),),
        vectors=("ndu-dimension-code-lengths",),
    ),
    NamedFault(
        "count-of-dimensions-in-5-bits",
        "The number of dimensions is kept in five bits.",
        ("count_tensor_dimensions",),
        (Edit(_DATA_UNIT, _HEADER, 'count = w.ue("count_tensor_dimensions", 1)', 'count = w.ue("count_tensor_dimensions", 1) & 31'),),
        vectors=("ndu-32-dimensions",),
    ),
    NamedFault(
        "second-and-third-dimension-exchanged",
        "An INT of more than five dimensions is given out with its second and third dimension exchanged.",
        ("tensor_dimensions",),
        (given_as("(shape[0], shape[2], shape[1], *shape[3:]) if kind == 0 and len(shape) > 5 else shape"),),
        vectors=("ndu-int-dimensions",),
    ),
    NamedFault(
        "four-dimensions-of-numbers",
        "A FLOAT is dequantized into a buffer of four dimensions, the last of which takes all that are left.",
        ("count_tensor_dimensions", "tensor_dimensions"),
        (given_as("(*shape[:3], -1) if kind == 1 and len(shape) > 4 else shape"),),
        vectors=("ndu-float-dimensions",),
    ),
    NamedFault(
        "four-dimensions-of-raw-numbers",
        "A RAW_FLOAT is copied into a buffer of four dimensions, the last of which takes all that are left.",
        ("count_tensor_dimensions", "tensor_dimensions"),
        (given_as("(*shape[:3], -1) if kind == 2 and len(shape) > 4 else shape"),),
        vectors=("ndu-raw-dimensions",),
    ),
    NamedFault(
        "block-by-its-parameter-types",
        "A FLOAT whose compressed_parameter_types names LS, BN and BI is taken for a BLOCK.",
        ("compressed_parameter_types", "nnr_compressed_data_unit_payload_type"),
        (
            Edit(
                _DATA_UNIT,
                _HEADER,
                "    if payload_type == NNR_PT_BLOCK:\n",
                "    if payload_type == NNR_PT_BLOCK or (payload_type == NNR_PT_FLOAT and parameter_types == LS | BN | BI):\n",
            ),
        ),
        vectors=("ndu-float-parameter-types",),
    ),
    NamedFault(
        "format-for-the-bias",
        "In a BLOCK of a weight and a bias without a codebook nnr_decompressed_data_format is read for each of them.",
        ("nnr_decompressed_data_format",),
        (
            Edit(
                _DATA_UNIT,
                _HEADER,
                "        if unary_length_flag:\n",
                "        if format_present and payload_type == NNR_PT_BLOCK and parameter_types == BI and not codebook_present:\n"
                '            w.u("nnr_decompressed_data_format", 7)\n'
                "        if unary_length_flag:\n",
            ),
        ),
        vectors=("ndu-format-block-default",),
    ),
    NamedFault(
        "format-with-codebooks-only",
        "In a FLOAT nnr_decompressed_data_format is read only where there is a codebook.",
        ("nnr_decompressed_data_format",),
        (format_where("(payload_type != NNR_PT_FLOAT or codebook_present)"),),
        vectors=("ndu-format-float-default",),
    ),
    NamedFault(
        "no-format-of-integers",
        "In an INT nnr_decompressed_data_format is not read.",
        ("nnr_decompressed_data_format",),
        (format_where("payload_type != NNR_PT_INT"),),
        vectors=("ndu-format-int-default",),
    ),
    NamedFault(
        "integers-of-31-bits",
        "An INT given out as INT32 has to fit 31 bits.",
        ("nnr_decompressed_data_format",),
        (Edit("quantization.reconstruction", "to_integers", "1 << (bits - 1)", "1 << (bits - 2)"),),
        vectors=("ndu-format-int-default-ends",),
    ),
    NamedFault(
        "no-format-of-raw-numbers",
        "In a RAW_FLOAT nnr_decompressed_data_format is not read.",
        ("nnr_decompressed_data_format",),
        (format_where("payload_type != NNR_PT_RAW_FLOAT"),),
        vectors=("ndu-format-raw-default",),
    ),
    NamedFault(
        "ids-without-case",
        "Two ids that differ in their case are taken for the same.",
        ("topology_elem_id",),
        (
            Edit("driver", "Driver._admit", "known = name in self._names", "known = name.lower() in self._names"),
            Edit("driver", "Driver._admit", "self._names.update(header.ids)", "self._names.update(name.lower() for name in header.ids)"),
        ),
        vectors=("ndu-id-case-and-prefix",),
    ),
    NamedFault(
        "ids-trimmed",
        "White space is trimmed from ids.",
        ("topology_elem_id",),
        (Edit("syntax.reader", "Reader._read", ".string().decode()", ".string().decode().strip()"),),
        vectors=("ndu-id-characters",),
    ),
    NamedFault(
        "strings-of-a-list-unaligned",
        "The strings of a list are read from where the count ends.",
        ("byte_alignment", "topology_elem_id_list", "count_topology_elements_minus2"),
        (
            Edit(
                "syntax.structures.topology",
                "topology_elements_ids_list",
                '            w.byte_alignment()\n            ids = tuple(w.st("',
                '            ids = tuple(w.st("',
            ),
        ),
        vectors=("ndu-id-list",),
    ),
    NamedFault(
        "raw-by-way-of-text",
        "Raw numbers go through a text of eight digits.",
        ("raw_float32_parameter",),
        (
            Edit(
                "payload",
                "DataUnitDecoder._parts",
                "count=count).astype(np.float32)",
                "count=count).astype(np.float32)\n"
                '            texts = np.array([f"{value:.7e}" for value in values]).astype(np.float32)\n'
                "            values = np.where(np.isfinite(values), texts, values)",
            ),
        ),
        vectors=("ndu-raw-random-bits",),
    ),
    NamedFault(
        "raw-in-a-stream-without-a-qp",
        "A stream with a RAW_FLOAT is refused at its end where no parameter set gave a quantization parameter.",
        ("nnr_compressed_data_unit_payload_type", "mps_quantization_method_flags"),
        (
            Edit(
                _DATA_UNIT,
                _HEADER,
                "    codebook_present = 0\n",
                "    context.floating = payload_type != NNR_PT_INT\n    codebook_present = 0\n",
            ),
            Edit(
                "syntax.bitstream",
                "read_units",
                '    reader.require("partial-order"',
                '    given = context.quantization is not None or not getattr(context, "floating", False)\n'
                '    reader.require("qp-in-force", given, "no quantization parameter")\n'
                '    reader.require("partial-order"',
            ),
        ),
        vectors=("ndu-raw-without-qp",),
    ),
    NamedFault(
        "default-length-refused",
        "A cabac_unary_length that is sent and the default is refused as redundant.",
        ("cabac_unary_length_minus1", "cabac_unary_length_flag"),
        (
            Edit(
                _DATA_UNIT,
                _HEADER,
                '            unary_length = w.u("cabac_unary_length_minus1", 8) + 1\n',
                '            unary_length = w.u("cabac_unary_length_minus1", 8) + 1\n'
                '            w.require("payload-type", unary_length != DEFAULT_UNARY_LENGTH, "redundant")\n',
            ),
        ),
        vectors=("ndu-unary-length-flag-default",),
    ),
    NamedFault(
        "counter-kept-for-data-units",
        "Once a data unit had a partial_data_counter, it is read in all data units.",
        ("partial_data_counter_present_flag", "partial_data_counter"),
        (
            Edit(
                "syntax.structures.unit",
                "nnr_unit_header",
                '    if w.u("partial_data_counter_present_flag", 1):\n',
                '    present = w.u("partial_data_counter_present_flag", 1)\n'
                "    if unit_type == NNR_NDU:\n"
                '        present = context.counted = present or getattr(context, "counted", 0)\n'
                "    if present:\n",
            ),
        ),
        vectors=("partial-set-of-one",),
    ),
    NamedFault(
        "names-compared-up-to-255-bytes",
        "Two names with the same first 255 bytes are taken for one, which is refused as coded twice.",
        ("topology_elem_id",),
        (
            Edit(
                "driver",
                "Driver._admit",
                "known = name in self._names or name in header.ids[:place]",
                "known = any(name[:255] == other[:255] for other in (*self._names, *header.ids[:place]))",
            ),
        ),
        vectors=("ndu-id-common-prefix",),
    ),
)
