"""Description of a decoder under test: name, command, capabilities."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from nnc_conformance.reference.errors import Category
from nnc_conformance.storage.documents import Frozen
from nnc_conformance.storage.vector import CAPABILITIES, EDITIONS, Edition, capabilities_of
from nnc_conformance.suites.decoders.description import DescriptionError
from nnc_conformance.suites.decoders.protocol import WorkerProtocol
from nnc_conformance.suites.results.result import DecoderIdentity

IN_TREE: Final = "in-tree"
"""``--decoder`` argument and name of the reference decoder."""


class DecoderError(DescriptionError):
    """An ``--decoder`` argument that does not describe a decoder."""


class DecoderKind(StrEnum):
    """How the harness talks to a decoder."""

    IN_TREE = "in-tree"
    COMMAND = "command"
    WORKER = "worker"
    PYTHON = "python"


ALL_CAPABILITIES: Final = tuple(sorted(CAPABILITIES))
"""Capabilities of a decoder that declares all there are."""
UNDECLARED_CAPABILITIES: Final = capabilities_of(2022)
"""Capabilities of a decoder that declares none: all of the first edition."""


UPDATES: Final = "updates"
"""Capability of a decoder that takes sessions of several streams."""
APPLY_UPDATES: Final = "apply-updates"
"""Capability of a decoder that gives the model after each step of a session."""
NEEDED: Final = {
    UPDATES: "second-edition",
    "row-skip": "second-edition",
    "dimension-shift": "second-edition",
    "tca": UPDATES,
    "hdsp": UPDATES,
    "pre": UPDATES,
    APPLY_UPDATES: UPDATES,
}
"""Capabilities that mean nothing without another, each with the other."""
STREAMS_WORD: Final = "{streams}"
"""Word of a command that becomes one argument for each stream of a session, oldest first."""


class DecoderSpec(Frozen):
    """A decoder under test.

    Attributes:
        name: Name in results; unique in a run.
        version: Version as the decoder's makers give it, or "".
        kind: How the harness talks to it.
        argument: The ``--decoder`` argument as given.
        command: Program and arguments; of kind ``command`` with placeholders.
        capabilities: What it declares, sorted; all of the first edition if ``declared`` is false.
        declared: Whether it declares its capabilities.
        errors: Regular expressions on messages of refusals, each with its category.
        protocol: Version of the worker protocol; of a command without meaning.
    """

    name: str
    version: str = ""
    kind: DecoderKind
    argument: str
    command: tuple[str, ...]
    capabilities: tuple[str, ...]
    declared: bool = True
    errors: tuple[tuple[str, Category], ...] = ()
    protocol: WorkerProtocol = WorkerProtocol.SINGLE

    @property
    def takes_sessions(self) -> bool:
        """Whether it can be given several streams in order."""
        if self.kind is DecoderKind.COMMAND:
            return STREAMS_WORD in self.command
        return self.protocol is WorkerProtocol.SESSIONS

    @property
    def gives_model(self) -> bool:
        """Whether it is asked for the model after each step of a session."""
        asked = self.kind is not DecoderKind.COMMAND or any("{model}" in word for word in self.command)
        return asked and self.takes_sessions and APPLY_UPDATES in self.capabilities

    @property
    def gives_topology(self) -> bool:
        """Whether it is asked for the topology; a command asks by its placeholder {topology}."""
        if self.kind in (DecoderKind.COMMAND, DecoderKind.PYTHON):
            return any("{topology}" in word for word in self.command)
        return True

    @property
    def editions(self) -> tuple[Edition, ...]:
        """The editions that it is judged on by default.

        They are the first, and each that brought at least one of its capabilities.
        """
        return tuple(edition for edition in EDITIONS if edition == EDITIONS[0] or set(capabilities_of(edition)) & set(self.capabilities))

    def identity(self, editions: Collection[Edition] = EDITIONS) -> DecoderIdentity:
        """Return the decoder as results name it.

        It has the capabilities that it declares of these editions and of those before, on which
        they build.
        """
        capabilities = tuple(name for name in self.capabilities if CAPABILITIES[name].edition <= max(editions))
        return DecoderIdentity(name=self.name, version=self.version, kind=self.kind, capabilities=capabilities, declared=self.declared)
