"""A recipe: the hand-written description of a vector, and the pure function that makes its stream."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.topology.shapes import topology_shapes
from nnc_conformance.storage.vector import Level


@dataclass(frozen=True, kw_only=True)
class Description:
    """The hand-written part of a vector; everything else follows from its stream.

    Args:
        id: The vector's id, never given again.
        title: The vector's title.
        tests: What a decoder must do to pass.
        catches: The faults that the vector detects.
        clauses: The clauses of the standard that it exercises.
        level: The vector's level.
        switch: The disputed point that distinguishes the vector's expected outputs.
        rule: The rule that the stream breaks.
        network: The network of `networks` that the stream carries.
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
        units: Makes the values of the stream's nnr_unit() structures.
        interpretation: The choices under which the writer writes the stream.
        edit: Changes the written bytes where the writer cannot write the wanted stream.
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
        units: The values of nnr_unit() structures.
        interpretation: The choices to write by.
        enforce: Whether to refuse units that break a rule.
    """
    context = StreamContext(open_topology=topology_shapes)
    return write_units(units, context=context, interpretation=interpretation, enforce=enforce)
