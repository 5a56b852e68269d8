"""Syntax elements in which a decoder's fault may lie, as results report them."""

from pydantic import Field

from nnc_conformance.storage.documents import Frozen


class Suspect(Frozen):
    """A syntax element in which a decoder's fault may lie.

    Attributes:
        element: Name of the element.
        clause: Clause of the standard that defines it.
        what: What the failing vectors have in common: ``met``, or a class or bound of values.
        score: How well it fits, 0 to 1, rounded; 1 if exactly the failing vectors have it.
        failing: Failing vectors that have it.
        passing: Passing vectors that have it.
    """

    element: str
    clause: str
    what: str
    score: float = Field(ge=0, le=1)
    failing: int = Field(ge=0)
    passing: int = Field(ge=0)

    def __str__(self) -> str:
        return f"{self.element} (clause {self.clause}{'' if self.what == 'met' else f'; {self.what}'})"


class FaultLocation(Frozen):
    """The elements in which a decoder's fault most likely lies, best first."""

    decoder: str
    suspects: tuple[Suspect, ...] = Field(min_length=1)
    together: bool = Field(default=False, description="the first two fit only in combination")

    @property
    def named(self) -> tuple[Suspect, ...]:
        """The suspects that a report names: those that fit as well as the first."""
        if self.together:
            return self.suspects[:2]
        return tuple(suspect for suspect in self.suspects if suspect.score == self.suspects[0].score)

    def __str__(self) -> str:
        return f"The fault is most likely in {(' with ' if self.together else ' or ').join(map(str, self.named))}."
