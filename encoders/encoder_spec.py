"""Description of an encoder under test: name, command, and the words of its options."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from pydantic import Field

from nnc_conformance.storage.documents import Frozen
from nnc_conformance.suites.decoders.description import DescriptionError

IN_TREE: Final = "in-tree"
"""``--encoder`` argument and name of the reference encoder."""
OPTIONS_WORD: Final = "{options}"
"""Word of a command that becomes the words of the options; without it they come last."""
BASE_WORD: Final = "{base}"
"""Word of a command that becomes the words for the earlier streams of a session, oldest first."""
STREAM: Final = "{stream}"
"""Stands for one earlier stream in the words of the key ``base``."""
VALUE: Final = "{value}"
"""Stands for the value in the words of an option."""
MAX_ERROR_STEPS: Final = 4.0
"""Steps by which a value may be off where nothing sharper holds and encoder.toml says nothing."""


class EncoderError(DescriptionError):
    """An ``--encoder`` argument that does not describe an encoder."""


class EncoderKind(StrEnum):
    """How the harness talks to an encoder."""

    IN_TREE = "in-tree"
    COMMAND = "command"
    WORKER = "worker"


class OptionWords(Frozen):
    """Words by which an encoder is asked for an option.

    Attributes:
        template: Words for any value, with {value}; "" if ``by_value`` has the words.
        by_value: Words by value, for the values that the encoder knows.
    """

    template: str = ""
    by_value: Mapping[str, str] = Field(default_factory=dict)

    def knows(self, value: str) -> bool:
        """Return whether the encoder can be asked for a value."""
        return value in self.by_value if self.by_value else True

    def words(self, value: str) -> str:
        """Return the words for a value that it knows, not yet split."""
        return self.by_value[value] if self.by_value else self.template.replace(VALUE, value)


class EncoderSpec(Frozen):
    """An encoder under test.

    Attributes:
        name: Name in results; unique in a run.
        version: Version as the encoder's makers give it, or "".
        kind: How the harness talks to it.
        argument: The ``--encoder`` argument as given.
        command: Program and arguments; of kind ``command`` with placeholders.
        options: Words of the options that it can be asked for, by our names.
        base: Words for each earlier stream of a session, with {stream}.
        updates: Whether it is asked for updates.
        max_error_steps: Steps by which a value may be off where nothing sharper holds.
    """

    name: str
    version: str = ""
    kind: EncoderKind
    argument: str
    command: tuple[str, ...]
    options: Mapping[str, OptionWords] = Field(default_factory=dict)
    base: tuple[str, ...] = (STREAM,)
    updates: bool = False
    max_error_steps: float = MAX_ERROR_STEPS

    def option_words(self, options: Mapping[str, str]) -> list[str]:
        """Return the words that ask for options, in the order of their names."""
        import shlex

        return [word for name, value in sorted(options.items()) for word in shlex.split(self.options[name].words(value))]

    def base_words(self, streams: list[str]) -> list[str]:
        """Return the words that name earlier streams, oldest first."""
        return [word.replace(STREAM, stream) for stream in streams for word in self.base]
