"""Faults of decoders in units and reference lists.

They concern sizes, sequences, and what a unit leaves behind.
"""

from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault

_UNIT: Final = ("syntax.structures.unit", "nnr_unit")
_LIST: Final = ("syntax.structures.topology", "topology_elements_ids_list")
_HEADER: Final = ("syntax.structures.data_unit", "nnr_compressed_data_unit_header")
_SIZE: Final = '        size = w.u("nnr_unit_size", 31 if size_flag else 15)\n'
_NUMBER_OF_TOO_MANY: Final = 'w.require("limits", number < context.limits.units,'
_STREAM_END: Final = '    reader.require("partial-order"'
_CODED_INDEXES: Final = "            ids = tuple(referenced("


def size_kept(statement: str) -> Edit:
    """Make an edit that passes the size through a statement after it is read."""
    return Edit(*_UNIT, _SIZE, f"{_SIZE}        {statement}\n")


FAULTS: Final = (
    NamedFault(
        "list-forgotten-at-the-mps",
        "A reference list is forgotten when the NNR_MPS comes.",
        ("topology_elem_id_list", "mps_topology_indexed_reference_flag"),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "nnr_model_parameter_set",
                "    context.mps_quantization = None\n",
                "    context.mps_quantization = context.reference_list = None\n",
            ),
        ),
        vectors=("tpl-reflist-before-mps",),
    ),
    NamedFault(
        "aligned-before-indexes",
        "byte_alignment() is read before the indexes of a list, as before strings.",
        ("topology_elem_id_index_list", "byte_alignment"),
        (
            Edit(*_LIST, "            w.byte_alignment()\n        else:", "        else:"),
            Edit(*_LIST, _CODED_INDEXES, f"            w.byte_alignment()\n{_CODED_INDEXES}"),
        ),
        vectors=("tpl-reflist-block",),
    ),
    NamedFault(
        "index-of-0-ends-a-list",
        "An index of 0 after the first of a list is taken for the end of the list.",
        ("topology_elem_id_index_list",),
        (
            Edit(
                *_LIST,
                "            w.byte_alignment()\n        else:",
                "            last = (*ids, *(context.reference_list or ())[:1]).index((context.reference_list or ids)[0], 1)\n"
                "            ids = ids[:last]\n"
                "            w.byte_alignment()\n        else:",
            ),
        ),
        vectors=("tpl-reflist-block",),
    ),
    NamedFault(
        "suffix-of-a-reference-byte-first",
        "The nine bits of the suffix of a single reference's index are read as a byte, and a bit above it.",
        ("topology_elem_id_index",),
        (
            Edit(
                *_HEADER,
                'w.ue("topology_elem_id_index", 7)',
                '(lambda i: 384 + (i - 384 >> 1 | (i & 1) << 8) if 384 <= i < 896 else i)(w.ue("topology_elem_id_index", 7))',
            ),
        ),
        vectors=("tpl-reflist-index-lengths",),
    ),
    NamedFault(
        "empty-list-of-two",
        "A count_topology_elements_minus2 of 0 is taken for a list without ids where references are indexed.",
        ("count_topology_elements_minus2",),
        (
            Edit(
                *_LIST,
                "            ids = tuple(w.st(",
                "            count = 0 if count == 2 and context.indexed_references else count\n            ids = tuple(w.st(",
            ),
        ),
        vectors=("tpl-reflist-two",),
    ),
    NamedFault(
        "indexes-because-of-a-list",
        "Ids are taken for indexes where there is a reference list.",
        ("topology_elem_id_index", "mps_topology_indexed_reference_flag"),
        (Edit(*_HEADER, "    elif context.indexed_references:\n", "    elif context.reference_list is not None:\n"),),
        vectors=("tpl-reflist-unused",),
    ),
    NamedFault(
        "ids-of-the-list-only",
        "Where there is a reference list, an id that does not stand in it is refused, though it is a string.",
        ("topology_elem_id", "topology_elem_id_list"),
        (
            Edit(
                *_HEADER,
                "    codebook_present = 0\n",
                "    listed = context.reference_list is None or set(ids) <= set(context.reference_list)\n"
                '    w.require("index-range", listed, "an id that is not in the list")\n'
                "    codebook_present = 0\n",
            ),
        ),
        vectors=("tpl-reflist-unused",),
    ),
    NamedFault(
        "byte-order-mark-stripped",
        "A byte order mark at the start of an id is left out.",
        ("topology_elem_id", "topology_elem_id_list"),
        (Edit("syntax.reader", "Reader._read", ".string().decode()", '.string().decode("utf-8-sig")'),),
        vectors=("ndu-id-byte-order-mark",),
    ),
    NamedFault(
        "names-below-4096-bytes",
        "An id of 4,096 bytes or more is cut.",
        ("topology_elem_id", "topology_elem_id_list"),
        (Edit("syntax.reader", "Reader._read", ".string().decode()", ".string()[:4095].decode()"),),
        vectors=("ndu-id-long",),
    ),
    NamedFault(
        "room-for-100-units",
        "There is room for 100 units.",
        ("nnr_unit_size",),
        (Edit(*_UNIT, _NUMBER_OF_TOO_MANY, 'w.require("limits", number < 100,'),),
        vectors=("unit-many",),
    ),
    NamedFault(
        "step-forgotten-after-raw",
        "After a RAW_FLOAT the quantization parameter of the NNR_MPS is not in force any more.",
        ("nnr_compressed_data_unit_payload_type", "mps_quantization_parameter"),
        (
            Edit(
                *_HEADER,
                "    codebook_present = 0\n",
                "    if payload_type == NNR_PT_RAW_FLOAT:\n        context.mps_quantization = None\n    codebook_present = 0\n",
            ),
        ),
        vectors=("unit-mixed-payload-types",),
    ),
    NamedFault(
        "data-expected-after-a-layer-set",
        "A stream is refused at its end where no unit comes after an NNR_LPS.",
        ("nnr_unit_type",),
        (
            Edit(
                "syntax.bitstream",
                "read_units",
                _STREAM_END,
                f'    reader.require("first-unit", reader.unit_type != "NNR_LPS", "a layer without data")\n{_STREAM_END}',
            ),
        ),
        vectors=("unit-parameter-sets-only",),
    ),
    NamedFault(
        "more-than-a-start-expected",
        "A stream is refused at its end where it holds an NNR_STR only.",
        ("nnr_unit_type",),
        (
            Edit(
                "syntax.bitstream",
                "read_units",
                _STREAM_END,
                f'    reader.require("first-unit", index > 1, "an empty model")\n{_STREAM_END}',
            ),
        ),
        vectors=("unit-start-only",),
    ),
    NamedFault(
        "short-sizes-with-two-bytes-more",
        "A size of 31 bits that fits 15 is kept in 16 bits and a sign, with the two bytes added by which its field is longer.",
        ("nnr_unit_size_flag", "nnr_unit_size"),
        (size_kept("size = -size if size_flag and 32768 <= size + 2 and size < 32768 else size"),),
        vectors=("unit-size-31-bit-32766",),
    ),
    NamedFault(
        "low-half-of-15-bits",
        "A size of 31 bits is put together of two halves, the low one without its highest bit.",
        ("nnr_unit_size",),
        (size_kept("size &= ~0x8000"),),
        vectors=("unit-size-31-bit-32768",),
    ),
    NamedFault(
        "size-of-16-bits",
        "A size of 31 bits is kept in 16.",
        ("nnr_unit_size",),
        (size_kept("size &= 0xFFFF"),),
        vectors=("unit-size-31-bit-65536",),
    ),
    NamedFault(
        "start-recognized-by-its-size",
        "A stream is recognized by its first two bytes, the size of the NNR_STR in 15 bits.",
        ("nnr_unit_size_flag",),
        (size_kept('w.require("first-unit", number > 0 or not size_flag, "no NNR_STR")'),),
        vectors=("unit-size-31-bit-small",),
    ),
    NamedFault(
        "form-of-the-start-for-the-second",
        "The size of the second unit is read in the form of the first, as the two of them open a stream together.",
        ("nnr_unit_size_flag",),
        (
            Edit(
                *_UNIT,
                _SIZE,
                f"        size_flag = context.form if number == 1 else size_flag\n        context.form = size_flag\n{_SIZE}",
            ),
        ),
        vectors=("unit-size-alternating",),
    ),
    NamedFault(
        "noncharacter-replaced",
        "The character U+FFFF of a name, which no text has, is replaced by U+FFFD.",
        ("topology_elem_id",),
        (
            Edit(
                "syntax.reader",
                "Reader._read",
                "return self.bits.string().decode()",
                'return self.bits.string().decode().replace("\\uffff", "\\ufffd")',
            ),
        ),
        vectors=("ndu-id-utf8-ends",),
    ),
    NamedFault(
        "topologies-are-lists",
        "An NNR_TPL that is neither a pruning container nor a list of ids is refused.",
        ("topology_storage_format", "topology_data"),
        (
            Edit(
                "syntax.structures.topology",
                "nnr_topology_unit_header",
                "storage < len(STORAGE_FORMAT_NAMES)",
                "storage in (NNR_TPL_PRUN, NNR_TPL_REFLIST)",
            ),
        ),
        vectors=("tpl-unrec-ended-by-zero",),
    ),
)
