"""The walker that writes: from values to bits, by the same structures that the reader walks."""

from typing import Any

from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.descriptors import BitWriter, value_range
from nnc_conformance.reference.syntax.walker import Observer, Values, Walker


class Writer(Walker):
    """Writes the values it was given. Raises `EncodeError` for a value that is missing or does not fit its descriptor.

    A rule that would not be kept is an `EncodeError` too, unless ``enforce`` is False: so negative vectors are made.
    Reserved and alignment bits that the values do not name are written as a good stream has them.
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
        """Refuses to write a stream that breaks a rule."""
        if not kept and self.enforce:
            raise EncodeError(f"{detail} (rule {rule}, {element or self.element})")

    def _enter(self, name: str, index: int | None) -> Values:
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
        if name == "byte_alignment":
            value = self.values.get(name, 1 << (arguments[0] - 1))
        elif name.startswith("nnr_reserved_zero_") and name not in self.values:
            value = 0
        else:
            value = self._value(name, index)
        self._write(value, descriptor, *arguments)
        return value

    def _write(self, value: Any, descriptor: str, *arguments: int) -> None:
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
                text = value if isinstance(value, bytes) else value.encode()
                if b"\0" in text:
                    raise EncodeError(f"{self.element} holds a zero byte")
                self.bits.string(text)
            case _:
                self.bits.data(value)

    def bound(self, nnr_unit_size: int, start: int) -> None:
        """Nothing to bound: the size was measured before."""

    def bytes_left(self) -> int:
        """The bytes of the payload to be written."""
        return sum(len(value) for value in self.values.values() if isinstance(value, bytes))
