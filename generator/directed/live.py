"""A tensor that is coded index by index with the kernel's own state.

Searches that look ahead use it.
"""

from collections.abc import Sequence
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.directed.bins import MOST_BINS, previous_class
from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.coding import EVENT_FIELDS, TensorCoding
from nnc_conformance.reference.entropy.contexts import QP_DELTA, reset_contexts
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, IntArray
from nnc_conformance.reference.entropy.tables import STATE_TRANS_TAB

WINDOW: Final = plain.WINDOW_BITS
"""Bits that a decoder has read before the first bin, when an encoder has written none."""


class LiveTensor:
    """The first tensor of a codeword, coded up to its first index.

    Fork it to try continuations.
    """

    def __init__(self, coding: TensorCoding, sets: npt.NDArray[np.int64], qp_delta: int = 0) -> None:
        self.coding = coding
        self._registers = np.zeros(plain.REGISTERS, np.int64)
        self._events = np.zeros((MOST_BINS, len(EVENT_FIELDS)), np.int64)
        self._coder = plain.new_coder(DEFAULT, coding.layout, self._registers, np.zeros(0, np.uint8), events=self._events)
        plain.initialise(self._coder, plain.ENCODE)
        if coding.qp_delta_bits:
            plain.iae_v(self._coder, QP_DELTA, coding.qp_delta_bits, qp_delta)
        self._coder.parameter_sets[0, : coding.layout.flag] = sets
        plain.shift_parameter_ids(self._coder, coding.layout)
        self.state_id, self.previous = 0, 0
        self.first_bit = self.position
        reset_contexts(DEFAULT, self._coder.parameter_sets, self._coder.states)

    @property
    def position(self) -> int:
        """Number of payload bits that a decoder has read."""
        return int(self._registers[plain.POSITION]) + WINDOW

    @property
    def ivl_curr_range(self) -> int:
        """IvlCurrRange."""
        return int(self._registers[plain.RANGE])

    def fork(self) -> Self:
        """Return a copy that is encoded further without changing this one."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._registers, twin._events = self._registers.copy(), self._events.copy()
        twin._coder = self._coder._replace(
            registers=twin._registers, events=twin._events, states=self._coder.states.copy(),
            parameter_sets=self._coder.parameter_sets.copy(),
        )  # fmt: skip
        return twin

    def take(self, quants: Sequence[int]) -> IntArray:
        """Encode indexes, given before any doubling, and return their events.

        The events are int64 (bins, 9), with the encoder's offsets and positions.
        """
        met = []
        layout = self.coding.layout
        for quant in quants:
            self._registers[plain.EVENTS] = 0
            plain.quant_param(self._coder, layout, self.state_id, self.previous, 0, int(quant))
            met.append(self._events[: self._registers[plain.EVENTS]].copy())
            self.previous = previous_class(quant)
            if layout.dq_flag:
                self.state_id = STATE_TRANS_TAB[self.state_id][quant & 1]
        return np.concatenate(met)

    def enter_block_row(self) -> None:
        """Prepare for the first index of a block row, if there are several."""
        reset_contexts(DEFAULT, self._coder.parameter_sets, self._coder.states)
        plain.enter_block_row(self._coder)
        self.previous = 0
