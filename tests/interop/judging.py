"""What became of each stream: our decoder, the peer and the plain decoder on the same bytes, and
the reason where they part.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import combinations
from typing import Any, Final

import plain_decoder
from helpers.peer_driver import PeerError
from interop.cases import COMPOSER, ENCODER, PEER, Case
from interop.codec import Codec, Tensors, difference
from interop.composing import composed
from interop.encoding import encoded, theirs
from interop.materials import lost
from interop.peer_limits import LIMITS
from plain_decoder import PlainError

from nnc_conformance.reference import Interpretation, decode
from nnc_conformance.reference.errors import StreamError

MOST_FLIPS: Final = 3
"""Switches that are turned at once in search of what makes us agree."""


class Outcome(StrEnum):
    """What became of a stream."""

    AGREE = "agree"
    DISPUTED = "disputed"
    PEER_CANNOT = "peer cannot"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Row:
    """A stream of the matrix: its part, its size in bytes, and what became of it.

    ``reason``: the switches with the choices that make us agree, or the peer's limit, or what else
    was found; ``symptom``: what was seen of the peer; ``decoders``: those that give the same
    tensors bit for bit.
    """

    part: str
    case: Case
    size: int
    outcome: Outcome
    reason: str
    symptom: str
    decoders: str


def stream_of(case: Case, peer: Codec, interpretation: Interpretation) -> bytes:
    """The case's stream; raises `PeerError` where the peer is to make it and does not."""
    if case.maker == PEER:
        return theirs(case, peer)
    return encoded(case) if case.maker == ENCODER else composed(case, interpretation)


def answer(peer: Codec, stream: bytes, ours: Tensors) -> str:
    """What parts the peer from our tensors; empty where nothing does."""
    try:
        return difference(ours, peer.decode(stream))
    except PeerError as error:
        return str(error)


def judged(part: str, case: Case, peer: Codec) -> Row:
    """Makes the stream of a case and has all three decoders decode it.

    What an encoder was given is to be there again.
    """
    symptom, by_peer = "", True
    try:
        stream = stream_of(case, peer, Interpretation())
    except PeerError as error:
        symptom, by_peer = str(error), False
        stream = composed(replace(case, maker=COMPOSER, codebook="none" if case.codebook == "none" else "given"), Interpretation())
    verdict = partial(Row, part, case, len(stream))
    try:
        ours = decode(stream).parameters
        fault = difference(ours, plain_decoder.decode(stream).parameters)
        if by_peer and case.maker != COMPOSER:
            fault = fault or lost(case, ours)
    except (StreamError, PlainError) as error:
        fault = f"{type(error).__name__}: {error}"
    if fault:
        return verdict(Outcome.UNEXPLAINED, fault, symptom_line(symptom), "")
    if not by_peer:
        limit = limit_of(case, symptom, encoding=True)
        also = "" if answer(peer, stream, ours) else ", peer"
        return verdict(Outcome.PEER_CANNOT if limit else Outcome.UNEXPLAINED, limit, symptom_line(symptom), f"reference, plain{also}")
    symptom = answer(peer, stream, ours)
    if not symptom:
        return verdict(Outcome.AGREE, "", "", "reference, peer, plain")
    outcome, reason = explained(case, peer, stream, symptom)
    also = "; peer with the choice" if outcome is Outcome.DISPUTED else ""
    return verdict(outcome, reason, symptom_line(symptom), f"reference, plain{also}")


def limit_of(case: Case, symptom: str, *, encoding: bool = False) -> str:
    """The peer's limit that a symptom is of; empty where it is of none."""
    return next((limit.name for limit in LIMITS if limit.explains(case, symptom, encoding=encoding)), "")


def explained(case: Case, peer: Codec, stream: bytes, symptom: str) -> tuple[Outcome, str]:
    """Why the peer gives something else: a limit, or the choices under which the case, written
    anew, decodes alike here, at the peer and plainly, or a limit that shows once the choices are as
    the peer's. A stream that is not ours is not written anew.
    """
    limit = limit_of(case, symptom)
    if limit:
        return Outcome.PEER_CANNOT, limit
    behind = ""
    for interpretation, settings in turned():
        again = composed(case, interpretation) if case.maker == COMPOSER else stream
        try:
            ours = decode(again, interpretation=interpretation).parameters
            plain = plain_decoder.decode(again, settings).parameters
        except (StreamError, PlainError):
            continue
        named = ", ".join(f"{name}={choice}" for name, choice in settings.items())
        symptom = "plain decoder" if difference(ours, plain) else answer(peer, again, ours)
        if not symptom:
            return Outcome.DISPUTED, named
        limit = limit_of(case, symptom)
        behind = behind or (f"{limit}; before that {named}" if limit else "")
    return (Outcome.PEER_CANNOT, behind) if behind else (Outcome.UNEXPLAINED, "")


def turned() -> Iterator[tuple[Interpretation, dict[str, str]]]:
    """Interpretations with one switch, then more, away from the default, and their settings by
    name.
    """
    others = [(name, choice) for name, choices in Interpretation.switches().items() for choice in list(choices)[1:]]
    for count in range(1, MOST_FLIPS + 1):
        for chosen in combinations(others, count):
            choices: dict[str, Any] = dict(chosen)
            if len(choices) == count:
                yield Interpretation(**choices), {name: str(choice.value) for name, choice in chosen}


def symptom_line(symptom: str) -> str:
    """A symptom in one line, without places in the peer's source, and cut."""
    return re.sub(r" in \S+:\d+:", ":", " ".join(symptom.split()))[:160]
