"""Reads what decoder.toml and encoder.toml have in common: the file, its name and its command."""

import shlex
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self, TypeVar

from pydantic import BaseModel, ValidationError

from nnc_conformance.reference.errors import ModelError, NNCError
from nnc_conformance.reference.validation_words import problems_of
from nnc_conformance.storage.documents import problem_texts
from nnc_conformance.storage.inputs import read_bytes
from nnc_conformance.suites.results.fault_table import Fault

TOML_BYTES: Final = 1 << 20
"""Largest description that is read, in bytes."""
NAME_PATTERN: Final = r"^[^\s@/]([^@/\n]*[^\s@/])?$"
"""Names of decoders and encoders: without @ and /, which ids of cases and file names use."""
NAME_LENGTH: Final = 80
"""Characters of the longest name."""
Description = TypeVar("Description", bound=BaseModel)


class DescriptionError(NNCError):
    """An argument that does not describe a decoder or encoder.

    ``problems`` has each problem with its fault; it is empty if the argument names nothing known.
    """

    def __init__(self, message: str, *problems: tuple[Fault, str]) -> None:
        super().__init__(message)
        self.problems = problems

    @classmethod
    def of(cls, fault: Fault, message: str) -> Self:
        """Return the error for one problem, which is also its message."""
        return cls(message, (fault, message))


def key_fault(_place: tuple[int | str, ...], _kind: str) -> Fault:
    """Return the fault of a wrong key or value at any place in a description."""
    return Fault.TOML_KEY


def read_description(
    argument: str,
    content: type[Description],
    wrong: type[DescriptionError],
    *,
    expected: str,
    fault_of: Callable[[tuple[int | str, ...], str], Fault] = key_fault,
) -> Description:
    """Read a description and check its keys and values.

    Args:
        argument: The path of the file, as the user gave it.
        content: The model of its content.
        wrong: The error to raise.
        expected: What the argument could have been, for the message if no file is there.
        fault_of: Given the place and kind of a validation error, its fault.

    Raises:
        DescriptionError: ``wrong``: the file cannot be read, is not TOML, or has wrong keys or
            values.
    """
    path = Path(argument)
    try:
        text = read_bytes(path, max_bytes=TOML_BYTES)
    except ModelError as error:
        raise wrong.of(Fault.TOML_SYNTAX, str(error)) from None
    except OSError as error:
        raise wrong(f"{argument!r} is neither {expected}: {error.strerror}") from None
    try:
        return content.model_validate(tomllib.loads(text.decode()))
    except ValidationError as error:
        faults = (fault_of(place, kind) for place, kind, _ in problems_of(error))
        problems = list(zip(faults, problem_texts(error), strict=True))
        raise wrong(f"{path}: {problems[0][1]}", *problems) from None
    except (ValueError, RecursionError) as error:
        raise wrong(f"{path}: {error}", (Fault.TOML_SYNTAX, str(error))) from None


def command_words(template: str, here: Path | None, wrong: type[DescriptionError]) -> tuple[str, ...]:
    """Split a command into words and find its program.

    Args:
        template: The command, as in a shell.
        here: Folder in place of ``{here}``; None leaves this text as it is.
        wrong: The error to raise.

    Returns:
        The absolute path of the program, and its arguments.

    Raises:
        DescriptionError: ``wrong``: the command is empty, cannot be split, or its program is not
            found.
    """
    try:
        words = tuple(shlex.split(template))
    except ValueError as error:
        raise wrong.of(Fault.COMMAND_WORDS, f"the command {template!r} cannot be split into words: {error}") from None
    if here is not None:
        words = tuple(word.replace("{here}", str(here)) for word in words)
    if not words:
        raise wrong.of(Fault.COMMAND_WORDS, "the command is empty")
    program = shutil.which(words[0])
    if program is None:
        raise wrong.of(Fault.COMMAND_NOT_FOUND, f"the command {words[0]!r} was not found or is not executable")
    return (str(Path(program).absolute()), *words[1:])


def absolute_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """Make words absolute that name existing files: the command runs in another folder."""
    return (words[0], *(str(Path(word).absolute()) if "/" in word and Path(word).is_file() else word for word in words[1:]))
