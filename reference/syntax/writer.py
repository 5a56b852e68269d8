"""The walker that writes: from values to bits.

It walks the same structures as the reader.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.descriptors import BitWriter, value_range
from nnc_conformance.reference.syntax.reader import Reader
from nnc_conformance.reference.syntax.rules import Enforcement
from nnc_conformance.reference.syntax.walker import Observer, Values, Walker

_MEASURED: Final = ("nnr_unit_size_flag", "nnr_unit_size")
LARGEST_15_BIT_SIZE: Final = 32767
LONG_SIZE: Final = 1 << 31
"""nnr_unit_size_flag before an nnr_unit_size of 31 bits."""


class Writer(Walker):
    """Writes given values.

    Raises `EncodeError` for a value that is missing or does not fit its descriptor.

    A rule that would not be kept is an `EncodeError` too, unless ``enforce`` is False: so negative
    vectors are made. A unit whose ``nnr_unit_size`` is not given is measured, its flag 1 where that
    was given or the size needs it. Alignment bits are always written as a good stream has them,
    reserved bits unless the values name them.
    """

    def __init__(self, values: Values, *, interpretation: Interpretation, enforce: bool = True, observer: Observer | None = None) -> None:
        super().__init__(interpretation, observer)
        self.values = values
        self.bits = BitWriter()
        self.enforce = enforce

    @property
    def position(self) -> int:
        """The position in the stream, in bits."""
        return self.bits.position

    def require(self, rule: str, kept: bool, detail: str, element: str | None = None) -> None:
        """Refuse to write a stream that breaks a rule, unless rules are not enforced."""
        if not kept and self.enforce:
            raise EncodeError(f"{detail} (rule {rule}, {element or self.element})")

    def _enter(self, name: str, index: int | None) -> Values:
        """Return the values of a structure; raise `EncodeError` if they are no dict."""
        values = self._value(name, index)
        if not isinstance(values, dict):
            raise EncodeError(f"{'/'.join((*self.path, name))} takes the values of a structure")
        return values

    def _value(self, name: str, index: int | None) -> Any:
        try:
            return self.values[name] if index is None else self.values[name][index]
        except (KeyError, IndexError):
            where = name if index is None else f"{name}[{index}]"
            raise EncodeError(f"no value was given for {'/'.join((*self.path, where))}") from None

    def _code(self, name: str, descriptor: str, index: int | None, *arguments: int) -> Any:
        value = self._given(name, descriptor, index, *arguments)
        self._write(value, descriptor, *arguments)
        return value

    def _given(self, name: str, descriptor: str, index: int | None, *arguments: int) -> Any:
        """Return the value to write for an element.

        Raise `EncodeError` if neither the values nor the syntax give one.

        Args:
            name: The element.
            descriptor: How it is coded, such as ``u(8)``.
            index: Its place in an array; None outside of one.
            arguments: Arguments of the descriptor, such as the number of bits.
        """
        if name == "byte_alignment":
            return 1 << (arguments[0] - 1)
        if name not in self.values and (name.startswith("nnr_reserved_zero_") or name in _MEASURED):
            return 0
        return self._value(name, index)

    def _write(self, value: Any, descriptor: str, *arguments: int) -> None:
        """Write a value by its descriptor; raise `EncodeError` if it does not fit.

        Args:
            value: A number, text, bytes or, for a descriptor of flags, a list of them.
            descriptor: How it is coded, such as ``u(8)``.
            arguments: Arguments of the descriptor, such as the number of bits.
        """
        if descriptor.endswith("[]"):
            self.bits.flags(value)
            return
        bounds = value_range(descriptor)
        kind = descriptor.partition("(")[0]
        if (bounds and not bounds[0] <= value <= bounds[1]) or (kind == "ue" and value < 0):
            raise EncodeError(f"{self.element} = {value} does not fit {descriptor}")
        match kind:
            case "u":
                self.bits.bits(value, *arguments)
            case "i":
                self.bits.signed(value, *arguments)
            case "ue":
                self.bits.golomb(value, *arguments)
            case "ie":
                self.bits.signed_golomb(value, *arguments)
            case "flt":
                self.bits.binary32(value)
            case "st":
                text = value if isinstance(value, bytes) else self._utf8(value)
                if b"\0" in text:
                    raise EncodeError(f"{self.element} {text.decode(errors='replace')!r} holds a zero byte; rename it")
                self.bits.string(text)
            case _:
                self.bits.data(value)

    def _utf8(self, text: str) -> bytes:
        """Return a text in UTF-8; raise `EncodeError` for half a surrogate pair."""
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise EncodeError(f"{self.element} {text!a} has half of a surrogate pair, which UTF-8 cannot hold; rename it") from None

    @contextmanager
    def unit_bounds(self, nnr_unit_size: int, start: int) -> Iterator[None]:
        """Write the measured size of a unit into its size field after the unit.

        If the values give a size, that one stays. ``start`` is the bit position of the unit. Raises
        `EncodeError` for a size above 15 bits if the values ask for a field of 15 bits.
        """
        yield
        if "nnr_unit_size" in self.values:
            return
        size, first = (self.position - start) >> 3, start >> 3
        if self.values.get("nnr_unit_size_flag", 0):
            self.bits.replace(first, 4, (LONG_SIZE | size).to_bytes(4))
        elif size <= LARGEST_15_BIT_SIZE:
            self.bits.replace(first, 2, size.to_bytes(2))
        elif "nnr_unit_size_flag" in self.values:
            raise EncodeError(f"a unit of {size} bytes does not fit a 15-bit nnr_unit_size")
        else:
            self.bits.replace(first, 2, (LONG_SIZE | size + 2).to_bytes(4))

    @contextmanager
    def joined(self, data: bytes, pieces: tuple[tuple[int, int], ...]) -> Iterator[Walker]:
        """Open a reader of ``data``.

        So a payload split over units is checked and updates the context.
        """
        inner = Reader(data, interpretation=self.interpretation, rules=Enforcement(lenient=not self.enforce))
        inner.unit, inner.unit_type = self.unit, self.unit_type
        yield inner

    def bytes_left(self) -> int:
        """Return 0: nothing is left over when writing."""
        return 0
