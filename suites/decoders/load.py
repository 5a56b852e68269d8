"""From a ``--decoder`` argument to a `DecoderSpec`.

The argument is ``in-tree``, ``command:TEMPLATE`` or the path of a decoder.toml.
"""

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field

from nnc_conformance.reference.errors import Category, unknown
from nnc_conformance.storage import DISTRIBUTION
from nnc_conformance.storage.documents import Frozen
from nnc_conformance.storage.vector import CAPABILITIES
from nnc_conformance.suites.decoders.decoder_spec import (
    ALL_CAPABILITIES,
    IN_TREE,
    NEEDED,
    STREAMS_WORD,
    UNDECLARED_CAPABILITIES,
    UPDATES,
    DecoderError,
    DecoderKind,
    DecoderSpec,
)
from nnc_conformance.suites.decoders.description import NAME_LENGTH, NAME_PATTERN, absolute_words, command_words, read_description
from nnc_conformance.suites.decoders.protocol import WorkerProtocol
from nnc_conformance.suites.results.fault_table import Fault

COMMAND_PREFIX: Final = "command:"
_PYTHON_WORKER: Final = (sys.executable, "-P", "-m", "nnc_conformance.suites.decoders.python_worker")


def _known(capabilities: tuple[str, ...]) -> tuple[str, ...]:
    """Sort capabilities and drop repeated ones; raise `ValueError` for an unknown name."""
    for name in capabilities:
        if name not in CAPABILITIES:
            raise ValueError(unknown("capability", name, ALL_CAPABILITIES))
    return tuple(sorted(set(capabilities)))


def _pattern(text: str) -> str:
    """Return the text if it is a regular expression; raise `ValueError` if not."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    return text


class DecoderFile(Frozen):
    """Content of a decoder.toml.

    In ``command``, {here} is the folder of the file. Without ``capabilities`` nothing is declared.
    ``protocol`` is for workers only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN, max_length=NAME_LENGTH)
    version: str = ""
    kind: Literal[DecoderKind.COMMAND, DecoderKind.WORKER, DecoderKind.PYTHON]
    command: str
    protocol: WorkerProtocol | None = None
    capabilities: Annotated[tuple[str, ...], AfterValidator(_known)] | None = None
    errors: dict[Annotated[str, AfterValidator(_pattern)], Category] = Field(default_factory=dict)


def _template(template: str, here: Path | None) -> tuple[str, ...]:
    """Return the words of a command template; raise `DecoderError` if a placeholder is missing."""
    words = command_words(template, here, DecoderError)
    if problem := _placeholder_problem(words):
        raise DecoderError.of(Fault.COMMAND_PLACEHOLDERS, f"the command {template!r} {problem}")
    return absolute_words(words)


def _placeholder_problem(words: tuple[str, ...]) -> str:
    """Describe what is wrong with the placeholders of a command; "" if nothing is."""
    text = " ".join(words)
    if STREAMS_WORD in text:
        if any(STREAMS_WORD in word for word in words if word != STREAMS_WORD):
            return f"has {STREAMS_WORD} within a word; make it a word of its own, which becomes one argument for each stream"
        if words.count(STREAMS_WORD) > 1:
            return f"has {STREAMS_WORD} more than once"
        if "{stream}" in text:
            return f"has both {{stream}} and {STREAMS_WORD}; keep {STREAMS_WORD}, which is all streams of a session in order"
    missing = [name for name in ("{stream}", "{output}") if name not in text and not (name == "{stream}" and STREAMS_WORD in text)]
    return f"lacks {' and '.join(missing)}" if missing else ""


def _command_name(template: str) -> str:
    """Return a readable name: the base names of the words before the first placeholder."""
    names = []
    for word in shlex.split(template):
        if "{" in word:
            break
        names.append(Path(word).name)
    return re.sub(r"[@/\s]+", " ", " ".join(names)).strip()[:NAME_LENGTH] or "command"


def load_decoder(argument: str) -> DecoderSpec:
    """Return the decoder that a ``--decoder`` argument describes.

    Raises `DecoderError`.

    Args:
        argument: ``in-tree``, ``command:`` and a template, or the path of a decoder.toml.
    """
    if argument == IN_TREE:
        return DecoderSpec(
            name=IN_TREE,
            version=version(DISTRIBUTION),
            kind=DecoderKind.IN_TREE,
            argument=argument,
            command=(*_PYTHON_WORKER, IN_TREE),
            capabilities=ALL_CAPABILITIES,
            protocol=WorkerProtocol.SESSIONS,
        )
    if argument.startswith(COMMAND_PREFIX):
        template = argument.removeprefix(COMMAND_PREFIX)
        return DecoderSpec(
            kind=DecoderKind.COMMAND,
            argument=argument,
            command=_template(template, None),
            name=_command_name(template),
            capabilities=UNDECLARED_CAPABILITIES,
            declared=False,
        )
    return _from_file(argument)


def _from_file(argument: str) -> DecoderSpec:
    """Read a decoder.toml and return the decoder that it describes.

    Args:
        argument: The path as the user gave it, for messages and for repeating the run.

    Raises:
        DecoderError: The file cannot be read, is not TOML, or has wrong keys or values.
    """
    expected = f"{IN_TREE!r}, nor {COMMAND_PREFIX}TEMPLATE, nor a readable decoder.toml"
    document = read_description(argument, DecoderFile, DecoderError, expected=expected, fault_of=_fault_of)
    path = Path(argument)
    decoder = DecoderSpec(
        name=document.name,
        version=document.version,
        kind=document.kind,
        argument=argument,
        command=_file_command(document, path.parent.absolute()),
        capabilities=UNDECLARED_CAPABILITIES if document.capabilities is None else document.capabilities,
        declared=document.capabilities is not None,
        errors=tuple(document.errors.items()),
        protocol=_protocol(document),
    )
    if problems := [*_protocol_problems(document), *_claim_problems(decoder)]:
        raise DecoderError(f"{path}: {problems[0][1]}", *problems)
    return decoder


def _protocol(document: DecoderFile) -> WorkerProtocol:
    """Return the version of the protocol; a function is served by one that has sessions."""
    if document.kind == DecoderKind.PYTHON and UPDATES in (document.capabilities or ()):
        return WorkerProtocol.SESSIONS
    return document.protocol or WorkerProtocol.SINGLE


def _protocol_problems(document: DecoderFile) -> Iterator[tuple[Fault, str]]:
    if document.protocol is not None and document.kind != DecoderKind.WORKER:
        yield Fault.TOML_KEY, f"protocol: only a worker speaks one, and this decoder is of kind {document.kind}; remove the key"


def _claim_problems(decoder: DecoderSpec) -> Iterator[tuple[Fault, str]]:
    """Yield (fault, text) of capabilities that contradict each other or the command.

    Undeclared capabilities contradict nothing.
    """
    if not decoder.declared:
        return
    for name in decoder.capabilities:
        if (needed := NEEDED.get(name, name)) not in decoder.capabilities:
            yield Fault.CAPABILITY_NEEDS, f"capabilities: {name} needs {needed}; add {needed} or remove {name}"
    if UPDATES in decoder.capabilities and not decoder.takes_sessions:
        if decoder.kind is DecoderKind.COMMAND:
            yield Fault.NO_STREAMS_PLACEHOLDER, f"{UPDATES} is declared: put {STREAMS_WORD} in place of {{stream}}, or remove {UPDATES}"
        else:
            spoken = f'{decoder.protocol} has no sessions: implement {WorkerProtocol.SESSIONS} and name it with the key "protocol"'
            yield Fault.NO_SESSIONS, f"{UPDATES} is declared, but {spoken}, or remove {UPDATES}"


def _fault_of(place: tuple[int | str, ...], kind: str) -> Fault:
    """Return the fault for a validation error at a place in the file."""
    if place[:1] == ("errors",):
        return Fault.ERROR_MAP
    return Fault.UNKNOWN_CAPABILITY if place == ("capabilities",) and kind == "value_error" else Fault.TOML_KEY


def _file_command(document: DecoderFile, here: Path) -> tuple[str, ...]:
    """Build the words of a decoder's command from its file.

    Raises `DecoderError` if a decoder of kind python does not name MODULE:FUNCTION.

    Args:
        document: The content of the decoder.toml.
        here: The file's folder, which stands for ``{here}``.
    """
    if document.kind == DecoderKind.COMMAND:
        return _template(document.command, here)
    if document.kind == DecoderKind.WORKER:
        return absolute_words(command_words(document.command, here, DecoderError))
    if not re.fullmatch(r"[\w.]+:[\w.]+", document.command):
        raise DecoderError.of(Fault.FUNCTION_NAME, f"the command {document.command!r} of a python decoder is not MODULE:FUNCTION")
    return (*_PYTHON_WORKER, document.command, str(here))


def load_decoders(arguments: Sequence[str]) -> tuple[DecoderSpec, ...]:
    """Return the decoders that ``arguments`` describe, in their order; raise `DecoderError`.

    An argument given twice counts once. A name that is already taken gets a number appended.
    """
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
