"""Sessions outside a suite that mutants are tried on, and how each catches a mutant.

The outcome of each step must be that of the decoder without a bug.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Self

import numpy as np

from nnc_conformance.faults.mutants.mutated_decoder import Decode, Ending, MutantOutcome, refusal
from nnc_conformance.faults.score.trial_vectors import Kill
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.syntax.rules import RULES, Policy
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.vector import Level

_KILLS = {Ending.CRASHED: Kill.CRASH, Ending.HUNG: Kill.HANG, Ending.REFUSED: Kill.REFUSED}


@dataclass(frozen=True)
class TrialSession:
    """The streams of a session and what a decoder does with each.

    Args:
        vector_id: Id of the vector that holds the session.
        level: Level of the vector that holds it.
        streams: The streams, the base model first.
        steps: The outcome of each step, up to the first that is refused.
        forgiven: The last step's outcome for a decoder that forgives the rule that it breaks, if
            the rule's policy is ``may``.
        lenient: Whether the mutant decodes leniently.
    """

    vector_id: str
    level: Level
    streams: tuple[bytes, ...]
    steps: tuple[MutantOutcome, ...]
    forgiven: MutantOutcome | None = None
    lenient: bool = False

    @classmethod
    def of(cls, name: str, level: Level, streams: Sequence[bytes], *, lenient: bool = False) -> Self:
        """Decode a session without a bug, up to the first stream that is refused.

        Args:
            name: Id of the vector.
            level: Its level.
            streams: The streams in order; those after a refused one are left out.
            lenient: Whether violations of rules of policy ``may`` are forgiven.
        """
        steps = tuple(outcomes(streams, lenient=lenient))
        rule = steps[-1].rule
        forgiven = outcomes(streams, lenient=True)[-1] if rule is not None and RULES[rule].policy is Policy.MAY else None
        return cls(name, level, tuple(streams[: len(steps)]), steps, forgiven, lenient)

    @property
    def id(self) -> str:
        """The vector's id, marked if the mutant is lenient."""
        return f"{self.vector_id} (lenient)" if self.lenient else self.vector_id

    @property
    def identity(self) -> tuple[str | int, ...]:
        """What a later run compares: id and hash of the streams."""
        return self.id, hashlib.sha256(b"".join(self.streams)).hexdigest()

    @property
    def content(self) -> tuple[bytes, ...]:
        """The streams."""
        return self.streams

    def kill(self, decode: Decode, seconds: float) -> Kill | None:
        """Return how the session catches a decoder, or None if the decoder passes.

        The decoder has this number of CPU seconds for each stream.
        """
        found = None
        for expected, met in zip_longest(self.steps, decode.session(self.streams, self.lenient, seconds)):
            kill = self._kill_of(expected, met)
            if kill is not None and kill is not Kill.MODEL:
                return kill
            found = kill or found
        return found

    def _kill_of(self, expected: MutantOutcome, met: MutantOutcome) -> Kill | None:
        """Return how one step catches a decoder; None if it does not.

        Args:
            expected: What the decoder without a bug does.
            met: What the decoder does.
        """
        if expected.ending is Ending.DECODED:
            return _KILLS.get(met.ending) or _difference(expected, met)
        if met.ending is Ending.DECODED:
            allowed = self.forgiven is not None and _difference(self.forgiven, met) in (None, Kill.MODEL)
            return None if allowed else Kill.ACCEPTED
        if met.ending is Ending.REFUSED:
            return None if met.category is expected.category else Kill.CATEGORY
        return _KILLS[met.ending]


def outcomes(streams: Sequence[bytes], *, lenient: bool) -> list[MutantOutcome]:
    """Return what the decoder without a bug does with each stream of a session.

    The first stream that it refuses is the last.
    """
    found: list[MutantOutcome] = []
    model = BaseModel()
    for stream in streams:
        try:
            decoded = decode(stream, base=model, lenient=lenient)
        except StreamError as error:
            return [*found, refusal(error)]
        model = decoded.model or model
        topology = None if decoded.topology is None else decoded.topology.data
        found.append(MutantOutcome(Ending.DECODED, decoded.parameters, topology, model=dict(model.parameters)))
    return found


def _difference(expected: MutantOutcome, met: MutantOutcome) -> Kill | None:
    """Return how two decodes differ; None if they do not.

    They may differ in what the stream codes, or in the model after it only.
    """
    if expected.ending is not met.ending or expected.topology != met.topology or _differ(expected.parameters, met.parameters):
        return Kill.OUTPUT
    return Kill.MODEL if _differ(expected.model, met.model) else None


def _differ(expected: Mapping[str, np.ndarray] | None, met: Mapping[str, np.ndarray] | None) -> bool:
    """Return whether tensors differ in a name, a type, a shape or a bit."""
    if expected is None or met is None:
        return expected is not met
    return expected.keys() != met.keys() or any(_bits(values) != _bits(met[name]) for name, values in expected.items())


def _bits(values: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    return values.dtype.str, values.shape, values.tobytes()
