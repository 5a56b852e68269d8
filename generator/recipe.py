"""A recipe: the hand-written description of a vector.

It has the pure function that makes the vector's stream.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.topology.shapes import topology_shapes
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.vector import Level

StepUnits = Callable[[BaseModel], list[Values]]
"""Makes the units of a session's stream from the model that a decoder has before it."""


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


@dataclass(frozen=True, kw_only=True)
class SessionRecipe(Description):
    """A vector of the second edition to be built.

    Its streams are given to a decoder in order.

    A rule is broken, and ``edit`` changes bytes, in the last stream only.

    Args:
        steps: Makes the units of each stream.
        interpretation: The choices under which the writer writes the streams.
        edit: Changes the written bytes where the writer cannot write the wanted stream.
    """

    steps: Callable[[Numbers], list[StepUnits]]
    interpretation: Interpretation = field(default_factory=Interpretation)
    edit: Callable[[bytes], bytes] | None = None

    def streams(self, seed: int) -> tuple[bytes, ...]:
        """Write the session's streams, each on the model after those before it.

        The edit, if any, is made in the last one, which alone may break a rule.
        """
        base, streams = BaseModel(), []
        *earlier, last = self.steps(Numbers(seed, self.id))
        for step in earlier:
            streams.append(write(step(base), self.interpretation, base=base))
            base = decode(streams[-1], interpretation=self.interpretation, base=base).model or base
        written = write(last(base), self.interpretation, enforce=self.rule is None, base=base)
        return (*streams, self.edit(written) if self.edit else written)


def write(
    units: list[Values], interpretation: Interpretation | None = None, *, enforce: bool = True, base: BaseModel | None = None
) -> bytes:
    """Write units, taking dimensions from topologies among them, or from a base model.

    Args:
        units: The values of nnr_unit() structures.
        interpretation: The choices to write by.
        enforce: Whether to refuse units that break a rule.
        base: The model before the stream (second edition).
    """
    context = StreamContext(open_topology=topology_shapes, base_shapes={} if base is None else base.shapes)
    return write_units(units, context=context, interpretation=interpretation, enforce=enforce)
