"""The tables of the arithmetic coder and of dependent quantization (clauses 9 and 10).

Provenance V: an independent decoder reads and writes streams made with exactly these numbers.
"""

from typing import Final

# fmt: off
LPS_RANGE_TABLE: Final = (
    128, 112, 97, 84, 74, 65, 57, 50, 45, 39, 34, 30, 27, 23, 20, 18, 15, 14, 12, 11, 10, 9, 7, 7, 5, 5, 4, 4, 3, 3, 2, 2,
    142, 125, 108, 93, 82, 72, 63, 56, 50, 43, 38, 33, 30, 26, 22, 20, 17, 16, 13, 12, 11, 10, 8, 8, 6, 6, 5, 5, 3, 3, 2, 2,
    156, 137, 119, 103, 90, 79, 70, 61, 55, 48, 42, 37, 33, 28, 24, 22, 19, 17, 15, 13, 12, 11, 9, 9, 6, 6, 5, 5, 4, 4, 2, 2,
    171, 150, 130, 112, 99, 87, 76, 67, 60, 52, 46, 40, 36, 31, 27, 24, 21, 19, 16, 15, 13, 12, 10, 10, 7, 7, 6, 6, 4, 4, 3, 3,
    185, 162, 141, 121, 107, 94, 82, 73, 65, 56, 50, 43, 39, 34, 29, 26, 22, 21, 17, 16, 14, 13, 11, 11, 8, 8, 6, 6, 4, 4, 3, 3,
    199, 175, 152, 131, 115, 101, 89, 78, 70, 61, 54, 47, 42, 36, 31, 28, 24, 22, 19, 17, 15, 14, 12, 12, 8, 8, 7, 7, 5, 5, 3, 3,
    213, 187, 163, 140, 123, 108, 95, 84, 75, 65, 58, 50, 45, 39, 33, 30, 26, 24, 20, 18, 16, 15, 13, 13, 9, 9, 7, 7, 5, 5, 3, 3,
    228, 200, 174, 150, 132, 116, 102, 90, 80, 70, 62, 54, 48, 42, 36, 32, 28, 26, 22, 20, 18, 16, 14, 14, 10, 10, 8, 8, 6, 6, 4, 4,
)
# fmt: on
"""Range of the least probable bin, by ``abs(s >> 7) + (ivlCurrRange & 0xE0)``.

There are 8 rows of 32; bits 7 to 5 of the range select the row.
"""

# fmt: off
STATE_STEP_TABLE: Final = (
    2512, 2288, 2064, 1840, 1616, 1392, 1168, 944, 720, 560, 464, 368, 272, 208, 144, 80,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 0,
)
# fmt: on
"""Step of a probability state, by 16 + the state scaled to 5 signed bits."""

CONTEXT_PARAMETER_SETS: Final = (
    (1, 4, 0, 0),
    (1, 4, -1310, -41),
    (1, 4, 3039, 95),
    (0, 5, 0, 0),
    (2, 6, 962, 30),
    (2, 6, 3039, 95),
    (2, 6, -673, -21),
    (3, 5, 0, 0),
    (3, 5, 962, 30),
)
"""The nine parameter sets.

Columns: rate shift of state 0 (4 is added), rate shift of state 1, initial s = 16 * S0 + S1,
initial S0.
"""

STATE_TRANS_TAB: Final = (
    (0, 2),
    (7, 5),
    (1, 3),
    (6, 4),
    (2, 0),
    (5, 7),
    (3, 1),
    (4, 6),
)
"""Next stateId of dependent quantization, by stateId and parity of the coded index."""
