"""Where a decoder's fault may lie, as results tell it."""

from pydantic import Field

from nnc_conformance.storage.documents import Frozen


class Suspect(Frozen):
    """A syntax element in which a decoder's fault may lie.

    ``what`` of it the failing vectors share: ``met``, or a class or bound of its values; ``score`` how well that fits, 1 where exactly the
    failing vectors have it (rounded); ``failing`` and ``passing`` vectors have it.
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
    """Where a decoder's fault most likely lies: elements, the likeliest first."""

    decoder: str
    suspects: tuple[Suspect, ...] = Field(min_length=1)
    together: bool = Field(default=False, description="the first two fit where they meet, and neither alone")

    @property
    def named(self) -> tuple[Suspect, ...]:
        """The suspects that fit as well as the first."""
        return self.suspects[:2] if self.together else tuple(one for one in self.suspects if one.score == self.suspects[0].score)

    def __str__(self) -> str:
        return f"The fault is most likely in {(' with ' if self.together else ' or ').join(map(str, self.named))}."
