"""Changes of written streams where the writer never writes what is wanted: single elements, found by what the reader met."""

from nnc_conformance.generator.facts import met_in
from nnc_conformance.reference.syntax.walker import Element


def with_bits(stream: bytes, first: int, count: int, value: int) -> bytes:
    """The stream with ``count`` bits from bit ``first`` on replaced."""
    shift = 8 * len(stream) - first - count
    whole = int.from_bytes(stream)
    whole &= ~(((1 << count) - 1) << shift)
    return (whole | value << shift).to_bytes(len(stream))


def elements_named(stream: bytes, name: str) -> list[Element]:
    """Where an element stands in a good stream, in order; raises `LookupError` where it does not."""
    found = [element for element in met_in(stream).elements if element.name == name]
    if not found:
        raise LookupError(f"no {name} in the stream")
    return found


def with_element(stream: bytes, name: str, value: int, number: int = 0) -> bytes:
    """The stream with the ``number``-th element of a name set to another value of as many bits."""
    element = elements_named(stream, name)[number]
    return with_bits(stream, element.bit, element.end_bit - element.bit, value)


def dirty_alignment(stream: bytes) -> bytes:
    """The stream with a 1 at the end of each byte_alignment() that has bits after its first."""
    for element in elements_named(stream, "byte_alignment"):
        if element.end_bit - element.bit > 1:
            stream = with_bits(stream, element.end_bit - 1, 1, 1)
    return stream
