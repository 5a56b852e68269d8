"""A recipe: what a vector is for, and the pure function that makes its stream."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.reference.decoder import inflate, shapes_in
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import Shapes, StreamContext
from nnc_conformance.reference.syntax.structures.topology import DEFLATE
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is said of a vector by hand; all else follows from its stream.

    ``switch`` names the disputed point whose choices the vector tells apart, ``rule`` the rule of `syntax.rules` that it breaks,
    ``network`` the network in `networks` that it carries.
    """

    id: str
    title: str
    tests: str
    catches: str
    clauses: tuple[str, ...]
    level: Level = Level.CORE
    switch: str | None = None
    rule: str | None = None
    network: str | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe(Description):
    """One vector to be.

    ``units`` gives the values of its nnr_unit() structures; ``interpretation`` is the one its author has in mind, and ``edit`` changes
    the written bytes, where the writer never writes what is wanted.
    """

    units: Callable[[Numbers], list[Values]]
    interpretation: Interpretation = field(default_factory=Interpretation)
    edit: Callable[[bytes], bytes] | None = None

    def stream(self, seed: int) -> bytes:
        """The bitstream."""
        written = write(self.units(Numbers(seed, self.id)), self.interpretation, enforce=self.rule is None)
        return self.edit(written) if self.edit else written


def write(units: list[Values], interpretation: Interpretation | None = None, *, enforce: bool = True) -> bytes:
    """Writes units with the dimensions that a topology among them tells; with ``enforce`` False whatever rules they break."""
    context = StreamContext(open_topology=told_shapes)
    return write_units(units, context=context, interpretation=interpretation, enforce=enforce)


def told_shapes(storage_format: int, compression_format: int, data: bytes) -> Shapes:
    """The tensor dimensions that a topology tells; raises `PayloadError` for one that does not inflate."""
    return shapes_in(storage_format, inflate(data, DecodeLimits()) if compression_format == DEFLATE else data)
