"""A decoder under test: its name, command and capabilities."""

from enum import StrEnum
from typing import Final

from nnc_conformance.reference.errors import Category, NNCError
from nnc_conformance.storage.documents import Frozen
from nnc_conformance.storage.vector import CAPABILITIES
from nnc_conformance.suites.results.fault_table import Fault


class DecoderError(NNCError):
    """What was given as a decoder cannot be one: a bad decoder.toml, an unknown capability, a command that does not exist.

    ``problems``: each thing that is wrong, with its fault; empty where the argument names no decoder at all.
    """

    def __init__(self, message: str, *problems: tuple[Fault, str]) -> None:
        super().__init__(message)
        self.problems = problems


class DecoderKind(StrEnum):
    """How a decoder is spoken to."""

    IN_TREE = "in-tree"
    COMMAND = "command"
    WORKER = "worker"
    PYTHON = "python"


ALL_CAPABILITIES: Final = tuple(sorted(CAPABILITIES))
"""As a decoder declares all that there are."""


class DecoderSpec(Frozen):
    """A decoder under test.

    ``argument`` is the ``--decoder`` argument as given, ``command`` the words to start it with (of kind ``command`` with placeholders),
    ``capabilities`` what it declares, sorted (all, where ``declared`` says that it declares nothing), ``errors`` pairs of a regular
    expression on its messages and the category that it stands for.
    """

    name: str
    version: str = ""
    kind: DecoderKind
    argument: str
    command: tuple[str, ...]
    capabilities: tuple[str, ...]
    declared: bool = True
    errors: tuple[tuple[str, Category], ...] = ()
