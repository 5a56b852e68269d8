"""A recipe: the hand-written description of a vector, and the pure function that makes its stream."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.topology.content import topology_shapes
from nnc_conformance.storage.vector import Level


@dataclass(frozen=True, kw_only=True)
class Description:
    """The hand-written part of a vector; everything else follows from its stream.

    Args:
        id: the vector's id, never given again.
        title: the vector's title.
        tests: what a decoder must do to pass.
        catches: the faults that the vector detects.
        clauses: the clauses of the standard that it exercises.
        level: the vector's level.
        switch: the disputed point that distinguishes the vector's expected outputs.
        rule: the rule that the stream breaks.
        network: the network of `networks` that the stream carries.
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
    """A vector to be built.

    Args:
        units: makes the values of the stream's nnr_unit() structures.
        interpretation: the choices under which the writer writes the stream.
        edit: changes the written bytes where the writer cannot write the wanted stream.
    """

    units: Callable[[Numbers], list[Values]]
    interpretation: Interpretation = field(default_factory=Interpretation)
    edit: Callable[[bytes], bytes] | None = None

    def stream(self, seed: int) -> bytes:
        """Return the bitstream."""
        written = write(self.units(Numbers(seed, self.id)), self.interpretation, enforce=self.rule is None)
        return self.edit(written) if self.edit else written


def write(units: list[Values], interpretation: Interpretation | None = None, *, enforce: bool = True) -> bytes:
    """Write units, taking dimensions from topologies among them.

    Args:
        units: the values of nnr_unit() structures.
        interpretation: the choices to write by.
        enforce: whether to refuse units that break a rule.
    """
    context = StreamContext(open_topology=topology_shapes)
    return write_units(units, context=context, interpretation=interpretation, enforce=enforce)
