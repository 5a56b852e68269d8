"""From an ``--encoder`` argument to an `EncoderSpec`: ``in-tree`` or the path of an encoder.toml."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ConfigDict, Field

from nnc_conformance.encoders.encoder_spec import (
    BASE_WORD,
    IN_TREE,
    MAX_ERROR_STEPS,
    OPTIONS_WORD,
    STREAM,
    VALUE,
    EncoderError,
    EncoderKind,
    EncoderSpec,
    OptionWords,
)
from nnc_conformance.encoders.option_values import ASKED, OCTAVES, check_value
from nnc_conformance.reference.errors import unknown
from nnc_conformance.storage import DISTRIBUTION
from nnc_conformance.storage.documents import Frozen
from nnc_conformance.suites.decoders.description import NAME_LENGTH, NAME_PATTERN, absolute_words, command_words, read_description
from nnc_conformance.suites.results.fault_table import Fault

IN_TREE_COMMAND: Final = (sys.executable, "-P", "-m", "nnc_conformance.encoders.in_tree_worker")
"""The command of the reference encoder's worker."""
_INPUT_OUTPUT: Final = ("{input}", "{output}")


class EncoderFile(Frozen):
    """Content of an encoder.toml.

    In ``command``, {here} is the folder of the file. Options that are absent are not asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN, max_length=NAME_LENGTH)
    version: str = ""
    kind: Literal[EncoderKind.COMMAND, EncoderKind.WORKER]
    command: str
    base: str | None = Field(default=None, description="words of a command for each earlier stream of a session, with {stream}")
    updates: bool | None = Field(default=None, description="of a worker: whether it encodes updates")
    max_error_steps: float = Field(default=MAX_ERROR_STEPS, gt=0, allow_inf_nan=False)
    options: dict[str, str | dict[str, str]] = Field(default_factory=dict)


def load_encoder(argument: str) -> EncoderSpec:
    """Return the encoder that ``argument`` describes; raise `EncoderError`."""
    if argument == IN_TREE:
        return EncoderSpec(
            name=IN_TREE,
            version=version(DISTRIBUTION),
            kind=EncoderKind.IN_TREE,
            argument=argument,
            command=IN_TREE_COMMAND,
            options={name: OptionWords(template=f"{name}={VALUE}") for name in ASKED},
            updates=True,
        )
    return _from_file(argument)


def load_encoders(arguments: Sequence[str]) -> tuple[EncoderSpec, ...]:
    """Return the encoders that ``arguments`` describe, in their order; raise `EncoderError`.

    An argument given twice counts once.
    """
    encoders = tuple(map(load_encoder, dict.fromkeys(arguments)))
    names = [encoder.name for encoder in encoders]
    for name in names:
        if names.count(name) > 1:
            raise EncoderError(f"two encoders have the name {name!r}; give each another name")
    return encoders


def _from_file(argument: str) -> EncoderSpec:
    """Read an encoder.toml and return the encoder that it describes.

    Args:
        argument: The path as the user gave it, for messages and for repeating the run.

    Raises:
        EncoderError: The file cannot be read, is not TOML, or has wrong keys or values.
    """
    document = read_description(argument, EncoderFile, EncoderError, expected=f"{IN_TREE!r} nor a readable encoder.toml")
    path = Path(argument)
    if problems := [*_option_problems(document), *_command_problems(document)]:
        raise EncoderError(f"{path}: {problems[0][1]}", *problems)
    return EncoderSpec(
        name=document.name,
        version=document.version,
        kind=document.kind,
        argument=argument,
        command=_command(document, path),
        options={name: _words_of(value) for name, value in document.options.items()},
        base=tuple(shlex.split(document.base or STREAM)),
        updates=_updates(document),
        max_error_steps=document.max_error_steps,
    )


def _updates(document: EncoderFile) -> bool:
    return BASE_WORD in document.command if document.kind is EncoderKind.COMMAND else bool(document.updates)


def _words_of(value: str | dict[str, str]) -> OptionWords:
    return OptionWords(template=value) if isinstance(value, str) else OptionWords(by_value=value)


def _command(document: EncoderFile, path: Path) -> tuple[str, ...]:
    """Return the words of the command; raise `EncoderError`."""
    try:
        return absolute_words(command_words(document.command, path.parent.absolute(), EncoderError))
    except EncoderError as error:
        raise EncoderError(f"{path}: {error}", *error.problems) from None


def _command_problems(document: EncoderFile) -> Iterator[tuple[Fault, str]]:
    """Yield problems with placeholders, and with keys that a kind does not have."""
    if document.kind is EncoderKind.WORKER:
        if document.base is not None:
            yield Fault.TOML_KEY, "base: a worker gets the earlier streams in its requests; remove the key"
        return
    if document.updates is not None:
        yield Fault.TOML_KEY, f"updates: a command encodes updates if it has {BASE_WORD}; remove the key"
    missing = [name for name in _INPUT_OUTPUT if name not in document.command]
    if missing:
        yield Fault.COMMAND_PLACEHOLDERS, f"command: {document.command!r} lacks {' and '.join(missing)}"
    for word in (BASE_WORD, OPTIONS_WORD):
        if word in document.command and word not in document.command.split():
            yield Fault.COMMAND_PLACEHOLDERS, f"command: {word} stands within a word; make it a word of its own"
    if document.base is not None and STREAM not in document.base:
        yield Fault.COMMAND_PLACEHOLDERS, f"base: {document.base!r} lacks {STREAM}"


def _option_problems(document: EncoderFile) -> Iterator[tuple[Fault, str]]:
    """Yield what is wrong with the table of options."""
    for name, value in document.options.items():
        place = f"options.{name}"
        if name not in ASKED:
            yield Fault.TOML_KEY, f"{place}: {unknown('option', name, ASKED)}"
            continue
        by_value: dict[str, Any] = {"": value} if isinstance(value, str) else dict(value)
        if name in OCTAVES and not isinstance(value, str):
            yield Fault.TOML_KEY, f"{place}: it is asked for with any integer; give one text with {VALUE} instead of a table"
            continue
        if not by_value:
            yield Fault.TOML_KEY, f"{place}: the table has no values; remove it, or give the words of each value"
        for one, words in by_value.items():
            try:
                shlex.split(words)
            except ValueError as error:
                yield Fault.COMMAND_WORDS, f"{place}: {words!r} cannot be split into words: {error}"
            if one and (problem := check_value(name, one)):
                yield Fault.TOML_KEY, f"{place}.{one}: {problem}"
            if isinstance(value, str) and VALUE not in words:
                yield Fault.COMMAND_PLACEHOLDERS, f"{place}: {words!r} lacks {VALUE}; use it, or a table of values and words"
