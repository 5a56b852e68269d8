"""The interface between syntax structures and what walks them: reader, writer and mutator.

A structure is a plain function over a `Walker` and reads like the standard's table. Each call names
one syntax element with its descriptor and returns its value: the reader takes it from the stream,
the writer from the values it was given.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnc_conformance.reference.interpretation import AlignmentBits, Interpretation

Values = dict[str, Any]
"""The values of one structure: element name to int, float32, str, bytes, list of these (indexed
elements), or nested `Values`.
"""


@dataclass(frozen=True)
class Element:
    """One element in a stream.

    It has the structures around it, its name, the index of an array element, its value and bits.
    """

    path: tuple[str, ...]
    name: str
    index: int | None
    descriptor: str
    value: Any
    bit: int
    end_bit: int
    unit: int
    unit_type: str

    @property
    def label(self) -> str:
        """The name with its index, as the standard writes it."""
        return self.name if self.index is None else f"{self.name}[{self.index}]"


Observer = Callable[[Element], None]
"""Is called with each element in the order of the stream."""


class Walker(ABC):
    """The base of reader and writer.

    Keeps the path, the current structure's values and the unit.

    Calls the observer.
    """

    def __init__(self, interpretation: Interpretation, observer: Observer | None) -> None:
        self.interpretation = interpretation
        self.observer = observer
        self.path: tuple[str, ...] = ()
        self.values: Values = {}
        self.unit = 0
        self.unit_type = "none"
        self.element = "nnr_unit_size_flag"
        self.overrun_rule = "header-in-unit"

    @property
    @abstractmethod
    def position(self) -> int:
        """The position in the stream, in bits."""

    @abstractmethod
    def _code(self, name: str, descriptor: str, index: int | None, *arguments: int) -> Any:
        """Read or write one element of the given descriptor and return its value."""

    @abstractmethod
    def require(self, rule: str, kept: bool, detail: str, element: str | None = None) -> None:
        """Enforce a rule of the registry; ``kept`` is whether the stream keeps it.

        A reader raises or reports a broken rule, a writer refuses to write.
        """

    @abstractmethod
    def _enter(self, name: str, index: int | None) -> Values:
        """Make the values of a nested structure current and return them."""

    @abstractmethod
    def unit_bounds(self, nnr_unit_size: int, start: int) -> AbstractContextManager[None]:
        """Bound a unit by its size in bytes from bit ``start``.

        On leaving, move to the unit's end.
        """

    @abstractmethod
    def joined(self, data: bytes, pieces: tuple[tuple[int, int], ...]) -> AbstractContextManager["Walker"]:
        """Open a reader of a payload joined from partial data.

        ``pieces``: (first byte in ``data``, bit in the stream) of each.
        """

    @abstractmethod
    def bytes_left(self) -> int:
        """Return the number of whole bytes before the unit's end; 0 when writing."""

    def stream_bit(self, position: int) -> int:
        """Return the bit of the stream at a position of this walker."""
        return position

    def _element(self, name: str, descriptor: str, index: int | None, *arguments: int) -> Any:
        """Code an element, report it to the observer, if any, and return its value.

        Args:
            name: The element.
            descriptor: How it is coded, such as ``u(8)``.
            index: Its place in an array; None outside of one.
            arguments: Arguments of the descriptor, such as the number of bits.
        """
        self.element = name if index is None else f"{name}[{index}]"
        start = self.position
        value = self._code(name, descriptor, index, *arguments)
        if self.observer is not None:
            at = self.stream_bit(start)
            self.observer(Element(self.path, name, index, descriptor, value, at, at + self.position - start, self.unit, self.unit_type))
        return value

    @contextmanager
    def structure(self, name: str, index: int | None = None, overrun_rule: str | None = None) -> Iterator[Values]:
        """Enter a nested structure within the context, which gives its own values.

        Args:
            name: The structure.
            index: Its place in a list; None outside of one.
            overrun_rule: Id of the rule that a unit breaks which ends in it; that around it if
                None.
        """
        outer = self.path, self.values, self.overrun_rule
        self.values = self._enter(name, index)
        self.path = (*self.path, name if index is None else f"{name}[{index}]")
        self.overrun_rule = overrun_rule or self.overrun_rule
        try:
            yield self.values
        finally:
            self.path, self.values, self.overrun_rule = outer

    def u(self, name: str, n: int, index: int | None = None) -> int:
        """Code u(n)."""
        return int(self._element(name, f"u({n})", index, n))

    def i(self, name: str, n: int, index: int | None = None) -> int:
        """Code i(n)."""
        return int(self._element(name, f"i({n})", index, n))

    def ue(self, name: str, k: int, index: int | None = None) -> int:
        """Code ue(k)."""
        return int(self._element(name, f"ue({k})", index, k))

    def ie(self, name: str, k: int, index: int | None = None) -> int:
        """Code ie(k)."""
        return int(self._element(name, f"ie({k})", index, k))

    def flt(self, name: str, index: int | None = None) -> np.float32:
        """Code flt(32)."""
        value: np.float32 = self._element(name, "flt(32)", index)
        return value

    def flags(self, name: str, count: int) -> np.ndarray:
        """Code ``count`` elements u(1) as uint8 of shape (count,).

        The observer sees one element with the array as its value.
        """
        array: np.ndarray = self._element(name, "u(1)[]", None, count)
        return array

    def st(self, name: str, index: int | None = None) -> str:
        """Code st(v)."""
        return str(self._element(name, "st(v)", index))

    def bs(self, name: str) -> bytes:
        """Code bs(v)."""
        return bytes(self._element(name, "bs(v)", None))

    def reserved(self, n: int, index: int | None = None, rule: str = "reserved-bits") -> None:
        """Code ``n`` reserved bits; enforce ``rule`` if they are not 0."""
        name = f"nnr_reserved_zero_{n}bit{'s' if n > 1 else ''}"
        value = self.u(name, n, index)
        self.require(rule, value == 0, f"{name} is {value}")

    def byte_alignment(self) -> None:
        """Code byte_alignment(): one bit 1, then zeros to the end of the byte.

        At an aligned position this is a whole byte.
        """
        n = 8 - (self.position & 7)
        value = self._element("byte_alignment", f"u({n})", None, n)
        self.require("alignment-one", value >> (n - 1) == 1, "the first bit of byte_alignment() is 0")
        if self.interpretation.alignment_bits is AlignmentBits.CHECKED:
            zero = value & ((1 << (n - 1)) - 1) == 0
            self.require("alignment-zero", zero, "a bit of byte_alignment() after its first is not 0")
