"""From a ``--decoder`` argument to a `DecoderSpec`: ``in-tree``, ``command:TEMPLATE``, or the path of a decoder.toml."""

import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from nnc_conformance.reference.errors import Category, unknown
from nnc_conformance.storage import DISTRIBUTION
from nnc_conformance.storage.documents import Frozen
from nnc_conformance.storage.validation import problem_text
from nnc_conformance.storage.vector import CAPABILITIES
from nnc_conformance.suites.decoders.decoder_spec import ALL_CAPABILITIES, DecoderError, DecoderKind, DecoderSpec
from nnc_conformance.suites.results.fault_table import Fault

IN_TREE: Final = "in-tree"
COMMAND_PREFIX: Final = "command:"
TOML_BYTES: Final = 1 << 20
_WORKER: Final = (sys.executable, "-P", "-m")


def _known(capabilities: tuple[str, ...]) -> tuple[str, ...]:
    for capability in sorted(set(capabilities) - set(CAPABILITIES)):
        raise ValueError(unknown("capability", capability, ALL_CAPABILITIES))
    return tuple(sorted(set(capabilities)))


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
    return text


class DecoderFile(Frozen):
    """A decoder.toml. In ``command``, {here} is the folder of the file; without ``capabilities`` the decoder declares nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[^\s@/]([^@/\n]*[^\s@/])?$", max_length=80)
    version: str = ""
    kind: Literal[DecoderKind.COMMAND, DecoderKind.WORKER, DecoderKind.PYTHON]
    command: str
    capabilities: Annotated[tuple[str, ...], AfterValidator(_known)] | None = None
    errors: dict[Annotated[str, AfterValidator(_pattern)], Category] = Field(default_factory=dict)


def _wrong(fault: Fault, message: str) -> DecoderError:
    return DecoderError(message, (fault, message))


def _words(template: str, here: Path | None) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(template))
    except ValueError as error:
        raise _wrong(Fault.COMMAND_WORDS, f"the command {template!r} cannot be split into words: {error}") from None
    if here is not None:
        words = tuple(word.replace("{here}", str(here)) for word in words)
    if not words:
        raise _wrong(Fault.COMMAND_WORDS, "the command is empty")
    found = shutil.which(words[0])
    if found is None:
        raise _wrong(Fault.COMMAND_NOT_FOUND, f"there is no command {words[0]!r} that could be run")
    return (str(Path(found).absolute()), *words[1:])


def _template(template: str, here: Path | None) -> tuple[str, ...]:
    """Returns the words of a command template; files that exist are named absolutely, since the command runs elsewhere."""
    words = _words(template, here)
    missing = [name for name in ("{stream}", "{output}") if not any(name in word for word in words)]
    if missing:
        raise _wrong(Fault.COMMAND_PLACEHOLDERS, f"the command {template!r} lacks {' and '.join(missing)}")
    return _absolute(words)


def _absolute(words: tuple[str, ...]) -> tuple[str, ...]:
    return (words[0], *(str(Path(word).absolute()) if "/" in word and Path(word).is_file() else word for word in words[1:]))


def _command_name(template: str) -> str:
    """Returns a readable name without paths: the base names of the words before the first placeholder."""
    names = []
    for word in shlex.split(template):
        if "{" in word:
            break
        names.append(Path(word).name)
    return re.sub(r"[@/\s]+", " ", " ".join(names)).strip()[:80] or "command"


def load_decoder(argument: str) -> DecoderSpec:
    """Returns the decoder that ``argument`` names; raises `DecoderError` saying what is wrong with it."""
    if argument == IN_TREE:
        command = (*_WORKER, "nnc_conformance.suites.decoders.in_tree")
        return DecoderSpec(
            name=IN_TREE,
            version=version(DISTRIBUTION),
            kind=DecoderKind.IN_TREE,
            argument=argument,
            command=command,
            capabilities=ALL_CAPABILITIES,
        )
    if argument.startswith(COMMAND_PREFIX):
        template = argument.removeprefix(COMMAND_PREFIX)
        words = _template(template, None)
        name = _command_name(template)
        return DecoderSpec(
            name=name, kind=DecoderKind.COMMAND, argument=argument, command=words, capabilities=ALL_CAPABILITIES, declared=False
        )
    return _from_file(Path(argument), argument)


def _from_file(path: Path, argument: str) -> DecoderSpec:
    try:
        with path.open("rb") as file:
            text = file.read(TOML_BYTES + 1)
    except OSError as error:
        raise DecoderError(
            f"{argument!r} is neither {IN_TREE!r}, nor {COMMAND_PREFIX}TEMPLATE, nor a decoder.toml that can be read: {error.strerror}"
        ) from None
    try:
        if len(text) > TOML_BYTES:
            raise ValueError(f"more than {TOML_BYTES} bytes")
        document = DecoderFile.model_validate(tomllib.loads(text.decode()))
    except ValidationError as error:
        problems = [(_fault_of(problem["loc"], problem["type"]), problem_text(problem)) for problem in error.errors(include_url=False)]
        raise DecoderError(f"{path}: {problems[0][1]}", *problems) from None
    except (ValueError, RecursionError) as error:
        raise DecoderError(f"{path}: {error}", (Fault.TOML_SYNTAX, str(error))) from None
    here = path.parent.absolute()
    return DecoderSpec(
        name=document.name,
        version=document.version,
        kind=document.kind,
        argument=argument,
        command=_file_command(document, here),
        capabilities=ALL_CAPABILITIES if document.capabilities is None else document.capabilities,
        declared=document.capabilities is not None,
        errors=tuple(document.errors.items()),
    )


def _fault_of(place: tuple[int | str, ...], kind: str) -> Fault:
    """Returns the fault that a validation error of pydantic's ``kind`` at a place of the file is."""
    if place[:1] == ("errors",):
        return Fault.ERROR_MAP
    return Fault.UNKNOWN_CAPABILITY if place == ("capabilities",) and kind == "value_error" else Fault.TOML_KEY


def _file_command(document: DecoderFile, here: Path) -> tuple[str, ...]:
    if document.kind == DecoderKind.COMMAND:
        return _template(document.command, here)
    if document.kind == DecoderKind.WORKER:
        return _absolute(_words(document.command, here))
    if not re.fullmatch(r"[\w.]+:[\w.]+", document.command):
        raise _wrong(Fault.FUNCTION_NAME, f"the command {document.command!r} of a python decoder is not MODULE:FUNCTION")
    return (*_WORKER, "nnc_conformance.suites.decoders.python", document.command, str(here))


def load_decoders(arguments: Sequence[str]) -> tuple[DecoderSpec, ...]:
    """Returns the decoders that ``arguments`` name, in their order; a name used before gets a number behind it. Raises `DecoderError`."""
    decoders: list[DecoderSpec] = []
    for argument in dict.fromkeys(arguments):
        decoder = load_decoder(argument)
        taken = {other.name for other in decoders}
        number, name = 1, decoder.name
        while name in taken:
            number += 1
            name = f"{decoder.name} {number}"
        decoders.append(decoder.model_copy(update={"name": name}))
    return tuple(decoders)
