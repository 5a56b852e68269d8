"""A fault that is told by hand: what a decoder does wrong, and the change of the reference's source that makes it do so."""

from dataclasses import dataclass, field

from nnc_conformance.storage.vector import Level


@dataclass(frozen=True)
class Edit:
    """A function (its module below the reference, its qualified name), text that stands in it once, and what stands there instead."""

    module: str
    function: str
    old: str
    new: str


@dataclass(frozen=True)
class NamedFault:
    """What decoders get wrong in more than one place of their code, or in a way that no operator of `operators` makes.

    ``name``; ``sentence``: what a decoder with it does; ``elements``: the syntax elements one of which a report must name for it, the one
    that it concerns most first; ``edits`` make it; ``level``: that of the vectors which show it; ``vectors``: ids of those whose stated
    bug it is, which therefore have to catch it.
    """

    name: str
    sentence: str
    elements: tuple[str, ...]
    edits: tuple[Edit, ...]
    level: Level = field(default=Level.CORE, kw_only=True)
    vectors: tuple[str, ...] = field(default=(), kw_only=True)
