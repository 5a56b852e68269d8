"""Wrong binarisation and wrong ends of codewords, as the vectors about them state it."""

from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault

FAULTS: Final = (
    NamedFault(
        "full-last-byte-refused",
        "A codeword whose stop bit is the last bit of its last byte is refused.",
        ("end_of_codeword",),
        (Edit("payload", "DataUnitDecoder._check_end", "size = (bits_read + 7) >> 3", "size = (bits_read + 8) >> 3"),),
        vectors=("cabac-codeword-ends", "cabac-stop-bit"),
    ),
    NamedFault(
        "stop-bit-first-in-byte-unread",
        "A codeword is taken to end a byte earlier where its stop bit is the first of a byte.",
        ("end_of_codeword",),
        (Edit("payload", "DataUnitDecoder._check_end", "size = (bits_read + 7) >> 3", "size = (bits_read + 6) >> 3"),),
        vectors=("cabac-codeword-ends", "cabac-stop-bit"),
    ),
    NamedFault(
        "prefix-of-29-bins",
        "An exp-Golomb prefix ends after 29 bins of 1.",
        ("abs_level_greater_x2", "abs_remainder"),
        (Edit("entropy.plain", "quant_param", "rem_bits < MAX_PREFIX and", "rem_bits < 29 and"),),
        vectors=("cabac-longest-prefix",),
    ),
    NamedFault(
        "last-prefix-contexts-shared",
        "The last two contexts of the exp-Golomb prefix are one.",
        ("abs_level_greater_x2",),
        (Edit("entropy.plain", "quant_param", "layout.prefix + rem_bits", "layout.prefix + min(rem_bits, MAX_PREFIX - 2)"),),
        vectors=("cabac-longest-prefix",),
    ),
    NamedFault(
        "remainder-bytes-swapped",
        "A remainder of 16 bits is read as two bytes, the low one first.",
        ("abs_remainder",),
        (
            Edit(
                "entropy.plain",
                "quant_param",
                "        magnitude += uae_v(coder, ABS_REMAINDER, rem_bits, wanted - magnitude)",
                "        if rem_bits == 16:\n"
                "            magnitude += uae_v(coder, ABS_REMAINDER, 8, 0)\n"
                "            magnitude += uae_v(coder, ABS_REMAINDER, 8, 0) << 8\n"
                "        else:\n"
                "            magnitude += uae_v(coder, ABS_REMAINDER, rem_bits, 0)",
            ),
        ),
        vectors=("cabac-magnitudes",),
    ),
    NamedFault(
        "neighbour-classes-swapped",
        "The classes negative and positive of the previous index are exchanged.",
        ("sig_flag", "sign_flag"),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "previous = 0 if quant == 0 else 1 if quant < 0 else 2",
                "previous = 0 if quant == 0 else 2 if quant < 0 else 1",
            ),
        ),
        vectors=("cabac-parameter-sets-mixed",),
    ),
    NamedFault(
        "neighbour-not-zero",
        "The neighbour of an index is the last that is not zero.",
        ("sig_flag", "sign_flag"),
        (Edit("entropy.plain", "quant_block_row", "previous = 0 if quant == 0 else", "previous = previous if quant == 0 else"),),
        vectors=("cabac-neighbours",),
    ),
    NamedFault(
        "unary-length-1-is-2",
        "A unary length of 1 is taken for 2.",
        ("cabac_unary_length_minus1",),
        (Edit("payload", "coding_of", "header.unary_length, 0 if integer", "max(header.unary_length, 2), 0 if integer"),),
        vectors=("cabac-unary-length-1", "block-unary-length-1"),
    ),
    NamedFault(
        "mask-of-32-bins",
        "Greater-than bins are gathered in 32 bits, with a mask that is empty for a unary length of 32: a prefix is read for every index.",
        ("abs_level_greater_x2", "cabac_unary_length_minus1"),
        (
            Edit(
                "entropy.plain", "quant_param", "if j == layout.unary_length:", "if j == layout.unary_length or layout.unary_length == 32:"
            ),
        ),
        vectors=("cabac-unary-length-32",),
    ),
    NamedFault(
        "unary-length-255-is-none",
        "The unary length is kept in a byte in which 255 means that none was sent.",
        ("cabac_unary_length_minus1",),
        (
            Edit(
                "payload",
                "coding_of",
                "header.unary_length, 0 if integer",
                "10 if header.unary_length == 255 else header.unary_length, 0 if integer",
            ),
        ),
        vectors=("cabac-unary-length-255",),
    ),
    NamedFault(
        "greater-contexts-of-dq-shared-from-255",
        "With dependent quantization the greater-than contexts from the 255th on are one for each sign.",
        ("abs_level_greater_x",),
        (
            Edit(
                "entropy.plain",
                "greater_context",
                "layout.greater + 2 * j + sign_flag",
                "layout.greater + 2 * (min(j, 254) if layout.dq_flag else j) + sign_flag",
            ),
        ),
        vectors=("cabac-unary-length-256-dq",),
    ),
)
