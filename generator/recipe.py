"""A recipe: what a vector is for, and the pure function that makes its stream."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.tracer import topology_shapes
from nnc_conformance.storage.vector import Level


@dataclass(frozen=True)
class Recipe:
    """One vector to be.

    ``units`` gives the values of its nnr_unit() structures; ``interpretation`` is the one its author has in mind, and ``edit`` changes
    the written bytes, where the writer never writes what is wanted. ``switch`` names the disputed point whose choices it tells apart,
    ``rule`` the rule of `syntax.rules` that the stream breaks.
    """

    id: str
    title: str
    tests: str
    catches: str
    clauses: tuple[str, ...]
    units: Callable[[Numbers], list[Values]]
    level: Level = Level.CORE
    switch: str | None = None
    interpretation: Interpretation = field(default_factory=Interpretation)
    edit: Callable[[bytes], bytes] | None = None
    rule: str | None = None

    def stream(self, seed: int) -> bytes:
        """The bitstream."""
        written = write(self.units(Numbers(seed, self.id)), self.interpretation, enforce=self.rule is None)
        return self.edit(written) if self.edit else written


def write(units: list[Values], interpretation: Interpretation | None = None, *, enforce: bool = True) -> bytes:
    """Writes units with the dimensions that a topology among them tells; with ``enforce`` False whatever rules they break."""
    context = StreamContext(open_topology=topology_shapes)
    return write_units(units, context=context, interpretation=interpretation, enforce=enforce)
