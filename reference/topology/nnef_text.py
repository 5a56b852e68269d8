"""The text of graph.nnef: its tokens, and the operations that they call."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nnc_conformance.reference.errors import ModelError

_QUOTES: Final = "'\""
_WORD: Final = frozenset("_.+-")
"""Characters of names and numbers besides letters and digits."""
_OPEN: Final = "([{"
_CLOSE: Final = ")]}"
_MOST_DEPTH: Final = 64
"""Nested brackets, at most."""


@dataclass(frozen=True)
class Token:
    """A word, a character, or a string without its quotes."""

    text: str
    is_string: bool = False


@dataclass(frozen=True)
class Call:
    """A call of an operation.

    Args:
        result: The name that it is assigned to; empty for a nested call.
        operation: Its name.
        generic: The type in angle brackets, or empty.
        arguments: Name, or empty, and tokens of each argument.
    """

    result: str
    operation: str
    generic: str
    arguments: tuple[tuple[str, tuple[str, ...]], ...]

    def argument(self, place: int, name: str) -> tuple[str, ...]:
        """Return the tokens of an argument by its name or its place.

        Return an empty list if it is missing.
        """
        for number, (given, tokens) in enumerate(self.arguments):
            if given == name or (not given and number == place):
                return tokens
        return ()


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text, without comments.

    Raise `ModelError` for a string without an end.
    """
    at = 0
    while at < len(text):
        first = text[at]
        if first == "#":
            at = _index(text, "\n", at)
        elif first in _QUOTES:
            end = text.find(first, at + 1)
            if end < 0:
                raise ModelError(f"the string {text[at : at + 40]!r} of the NNEF graph has no end")
            yield Token(text[at + 1 : end], is_string=True)
            at = end + 1
        elif first.isalnum() or first in _WORD:
            begin = at
            while at < len(text) and (text[at].isalnum() or text[at] in _WORD):
                at += 1
            yield Token(text[begin:at])
        else:
            if not first.isspace():
                yield Token(first)
            at += 1


def calls(topology: bytes) -> tuple[Call, ...]:
    """List the calls in a graph, an outer one before those in its arguments.

    Raises:
        ModelError: If the text is not UTF-8, a string has no end, or brackets nest too deeply.
    """
    try:
        text = topology.decode()
    except UnicodeDecodeError as error:
        raise ModelError(f"the NNEF topology is not UTF-8: {error.reason} at byte {error.start}") from None
    return tuple(_calls(list(tokens(text))))


def _calls(found: Sequence[Token]) -> Iterator[Call]:
    """Yield each call of an operation in NNEF text, given as its tokens.

    A call is NAME ( or NAME < TYPE > (. It is given the name of the variable to which a statement
    assigns it, or "".
    """
    ends = _ends(found)
    for at, token in enumerate(found):
        generic = ""
        begin = at + 1
        if token.is_string or not _is_name(token.text):
            continue
        if [each.text for each in found[begin : begin + 3 : 2]] == ["<", ">"]:
            generic, begin = found[begin + 1].text, begin + 3
        if begin in ends and found[begin].text == "(":
            result = found[at - 2].text if at > 1 and found[at - 1].text == "=" and _begins_statement(found, at - 2) else ""
            yield Call(result, token.text, generic, tuple(_arguments(found, begin + 1, ends[begin], ends)))


def _begins_statement(found: Sequence[Token], at: int) -> bool:
    """Return whether the token at ``at`` begins a statement, not a named argument."""
    return at == 0 or (not found[at - 1].is_string and found[at - 1].text in (";", "{", "}"))


def _arguments(found: Sequence[Token], begin: int, end: int, ends: dict[int, int]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Iterate over the arguments between two brackets, as (name or "", texts of the tokens).

    Args:
        found: The tokens of the topology.
        begin: Place of the first token after the opening bracket.
        end: Place of the closing bracket.
        ends: Place of each closing bracket, by that of its opening one.
    """
    at = begin
    while at < end:
        first = at
        while at < end and not (found[at].text == "," and not found[at].is_string):
            at = ends.get(at, at) + 1
        named = at - first > 2 and not found[first].is_string and found[first + 1].text == "=" and not found[first + 1].is_string
        values = found[first + 2 : at] if named else found[first:at]
        yield found[first].text if named else "", tuple(value.text for value in values)
        at += 1


def _ends(found: Sequence[Token]) -> dict[int, int]:
    """Return the place of the closing bracket by that of the opening one.

    Those without one are missing. Raises `ModelError` for brackets that nest too deeply.
    """
    ends, open_ones = {}, list[int]()
    for at, token in enumerate(found):
        if token.is_string:
            continue
        if token.text in _OPEN:
            open_ones.append(at)
            if len(open_ones) > _MOST_DEPTH:
                raise ModelError(f"the NNEF graph nests brackets beyond a depth of {_MOST_DEPTH}")
        elif token.text in _CLOSE and open_ones:
            ends[open_ones.pop()] = at
    return ends


def _is_name(text: str) -> bool:
    """Whether a token is the name of an operation."""
    return text[:1].isalpha() or text[:1] == "_"


def _index(text: str, wanted: str, begin: int) -> int:
    """Return the place of a character, or the end of the text."""
    found = text.find(wanted, begin)
    return len(text) if found < 0 else found
