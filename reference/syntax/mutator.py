"""The walker that writes a stream with one element changed.

It walks the same structures, so that the rest follows the syntax.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.syntax.writer import Writer

MOST_ELEMENTS: Final = 20_000
"""Elements to write at most; a change that needs more is not written."""

Change = Callable[[str, str, Any], Any]
"""Callback: an element's name, descriptor and value to another value."""


class Mutator(Writer):
    """Writes given values with the ``target``-th element changed.

    Elements are counted from 0 in the order of writing.

    What the change makes the syntax ask for, and the values do not have, is 0 or empty. No rule is
    enforced. Raises `EncodeError` where the changed value does not fit its descriptor, and where
    the stream becomes too long.
    """

    def __init__(self, values: Values, *, interpretation: Interpretation, target: int, change: Change) -> None:
        super().__init__(values, interpretation=interpretation, enforce=False)
        self.target = target
        self.change = change
        self.met = 0
        self.changed = ""

    def _enter(self, name: str, index: int | None) -> Values:
        try:
            return super()._enter(name, index)
        except EncodeError:
            return {}

    def _code(self, name: str, descriptor: str, index: int | None, *arguments: int) -> Any:
        """Write the next element; the one at `target` with another value.

        Args:
            name: The element.
            descriptor: How it is coded, such as ``u(8)``.
            index: Its place in an array; None outside of one.
            arguments: Arguments of the descriptor, such as the number of bits.

        Returns:
            The value written.

        Raises:
            EncodeError: There are too many elements, or the value does not fit.
        """
        if self.met >= MOST_ELEMENTS or (descriptor.endswith("[]") and arguments[0] > MOST_ELEMENTS):
            raise EncodeError(f"more than {MOST_ELEMENTS} elements")
        value = self._given(name, descriptor, index, *arguments)
        if self.met == self.target:
            value = self.change(name, descriptor, value)
            self.changed = self.element
            if name == "nnr_unit_size":
                self.values[name] = value
        self.met += 1
        self._write(value, descriptor, *arguments)
        return value

    def _given(self, name: str, descriptor: str, index: int | None, *arguments: int) -> Any:
        try:
            return super()._given(name, descriptor, index, *arguments)
        except EncodeError:
            kind = descriptor.partition("(")[0]
            empty: dict[str, Any] = {"st": "", "bs": b"", "flt": np.float32(0)}
            return np.zeros(arguments[0], np.uint8) if descriptor.endswith("[]") else empty.get(kind, 0)
