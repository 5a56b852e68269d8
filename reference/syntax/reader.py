"""The walker that reads: from bits to values, with rules enforced and places in errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nnc_conformance.reference.errors import Place, StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.descriptors import BitReader, LongGolombError, NoZeroByteError, OutOfBitsError
from nnc_conformance.reference.syntax.elements import clause_of
from nnc_conformance.reference.syntax.rules import Enforcement, stream_error
from nnc_conformance.reference.syntax.walker import Observer, Values, Walker


class Reader(Walker):
    """Reads elements for structures from ``data``, from ``position`` to ``end`` in bits.

    None: to its end.

    ``rules`` decides what becomes of a broken rule; a reader without it is strict.
    """

    def __init__(
        self,
        data: bytes,
        *,
        interpretation: Interpretation,
        rules: Enforcement | None = None,
        observer: Observer | None = None,
        position: int = 0,
        end: int | None = None,
    ) -> None:
        super().__init__(interpretation, observer)
        self.bits = BitReader(data, position, end)
        self.rules = rules or Enforcement()
        self.pieces: tuple[tuple[int, int], ...] = ((0, 0),)

    @property
    def position(self) -> int:
        """The position in the stream, in bits."""
        return self.bits.position

    def error(self, rule: str, detail: str, element: str | None = None, position: int | None = None) -> StreamError:
        """Return the error for a broken rule.

        Args:
            rule: Id of the rule.
            detail: What was found.
            element: The element to report; None for the current one.
            position: Its position in bits, as this reader counts; None for the current one.
        """
        element, at = element or self.element, self.stream_bit(self.position if position is None else position)
        return stream_error(rule, Place(self.unit, self.unit_type, at >> 3, at & 7, element, clause_of(element)), detail)

    def stream_bit(self, position: int) -> int:
        """Return the bit of the stream at a position of this reader.

        They differ in a joined payload.
        """
        first, bit = next(piece for piece in reversed(self.pieces) if 8 * piece[0] <= position)
        return bit + position - 8 * first

    def require(self, rule: str, kept: bool, detail: str, element: str | None = None) -> None:
        """Enforce a rule unless ``kept`` says that it is kept.

        Args:
            rule: Id of the rule.
            kept: Whether the stream keeps it here.
            detail: What was found.
            element: The element to report; None for the current one.

        Raises `StreamError` if strict, or if the rule's policy is ``must``.
        """
        if not kept:
            self.rules.enforce(self.error(rule, detail, element))

    def _enter(self, name: str, index: int | None) -> Values:
        values: Values = {}
        self._store(name, index, values)
        return values

    def _store(self, name: str, index: int | None, value: Any) -> None:
        if index is None:
            self.values[name] = value
        else:
            self.values.setdefault(name, []).append(value)

    def _code(self, name: str, descriptor: str, index: int | None, *arguments: int) -> Any:
        """Read an element, store it in `values`, and return its value.

        Args:
            name: The element.
            descriptor: How it is coded, such as ``u(8)``.
            index: Its place in an array; None outside of one.
            arguments: Arguments of the descriptor, such as the number of bits.

        Raises:
            StreamError: The unit ends too early, or the bits are no code of this kind.
        """
        start = self.position
        try:
            value = self._read(descriptor, *arguments)
        except OutOfBitsError:
            raise self.error(self.overrun_rule, f"the unit ends within {self.element}", position=start) from None
        except LongGolombError as error:
            raise self.error("golomb-length", str(error), position=start) from None
        except NoZeroByteError as error:
            raise self.error("string-end", str(error), position=start) from None
        except UnicodeDecodeError as error:
            raise self.error("string-utf8", f"not UTF-8: {error.reason} at byte {error.start} of the string", position=start) from None
        if name != "byte_alignment":
            self._store(name, index, value)
        return value

    def _read(self, descriptor: str, *arguments: int) -> Any:
        match descriptor.partition("(")[0]:
            case "u" if descriptor.endswith("[]"):
                return self.bits.flags(*arguments)
            case "u":
                return self.bits.bits(*arguments)
            case "i":
                return self.bits.signed(*arguments)
            case "ue":
                return self.bits.golomb(*arguments)
            case "ie":
                return self.bits.signed_golomb(*arguments)
            case "flt":
                return self.bits.binary32()
            case "st":
                return self.bits.string().decode()
            case _:
                return self.bits.rest()

    @contextmanager
    def unit_bounds(self, nnr_unit_size: int, start: int) -> Iterator[None]:
        """Read a unit within the context: its end bounds what can be read.

        It enforces ``unit-size-min`` and ``unit-size-end``; afterwards the reader stands at the
        unit's end.

        Args:
            nnr_unit_size: Size of the unit in bytes.
            start: Its first bit.
        """
        outer, end = self.bits.end, start + 8 * nnr_unit_size
        self.require("unit-size-min", end > self.position, f"nnr_unit_size {nnr_unit_size} is smaller than its own field and header")
        self.require("unit-size-end", end <= outer, f"a unit of {nnr_unit_size} bytes with {(outer - start) >> 3} left")
        self.bits.end = end
        yield
        self.bits.position, self.bits.end = end, outer

    @contextmanager
    def joined(self, data: bytes, pieces: tuple[tuple[int, int], ...]) -> Iterator[Walker]:
        """Open a reader of ``data`` that stores into the same values.

        Its positions are positions in the stream.
        """
        inner = Reader(data, interpretation=self.interpretation, rules=self.rules, observer=self.observer)
        inner.values, inner.path, inner.unit, inner.unit_type = self.values, self.path, self.unit, self.unit_type
        inner.pieces = pieces
        yield inner

    def bytes_left(self) -> int:
        """Return the number of whole bytes before the bound."""
        return (self.bits.end - self.position) >> 3
