"""Sessions of the second edition, theirs decoded by us and ours by them: every tool, alone and with
every other.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import plain_decoder
from helpers.peer_driver import Peer, PeerError
from interop.cases import ENCODER, PEER
from interop.codec import Tensors, difference
from interop.judging import Outcome, symptom_line
from plain_decoder import PlainError
from safetensors.numpy import load, save

from nnc_conformance.reference import BaseModel, EncoderOptions, decode, encode
from nnc_conformance.reference.errors import NNCError

PROGRAM: Final = Path(__file__).parents[1] / "peer" / "updates.py"
TOOLS: Final = ("row_skip", "tca", "hdsp", "pre", "dq")
SEED: Final = 28
SESSIONS: Final = 96
"""Sessions of each maker; with `UPDATES` updates each."""
UPDATES: Final = 3
QP: Final = -20
BLOCK: Final = {
    "block_identifier": {"w": "w", "w_scaling": "w", "b": "w"},
    "parameter_type": {"w": "weight", "w_scaling": "weight.ls", "b": "bias"},
}


@dataclass(frozen=True)
class SessionCase:
    """One session: ``tools`` are on; ``root``: whether the peer's base stream is a parent."""

    number: int
    maker: str
    tools: tuple[str, ...]
    scan_order: int
    codebook: bool
    block: bool
    rows: int
    columns: int
    root: str


@dataclass(frozen=True)
class SessionRow:
    """A stream of a session: its number in it, its size in bytes, and what became of it."""

    case: SessionCase
    step: int
    size: int
    outcome: Outcome
    reason: str


class SessionPeer(Peer):
    """The peer with sessions."""

    def __init__(self, python: str) -> None:
        super().__init__(python, program=PROGRAM)
        self._place = Path(self._folder.name)

    def decode_session(self, streams: Sequence[bytes]) -> list[Tensors]:
        """The tensors that each stream codes; raises `PeerError`."""
        paths = [self._file(f"{number}.nnr", stream) for number, stream in enumerate(streams)]
        self._ask(self._running(), {"op": "decode", "streams": paths, "prefix": str(self._place / "decoded")}, self.seconds)
        return [load((self._place / f"decoded.{number}.safetensors").read_bytes()) for number in range(len(streams))]

    def encode_session(self, models: Sequence[Tensors], **options: Any) -> list[bytes]:
        """The streams of a model and its differences; raises `PeerError`."""
        files = [
            self._file(f"{number}.safetensors", save({name: np.ascontiguousarray(array) for name, array in model.items()}))
            for number, model in enumerate(models)
        ]
        job = {"op": "encode", "base": files[0], "updates": files[1:], "prefix": str(self._place / "encoded"), "options": options}
        self._ask(self._running(), job, self.seconds)
        return [(self._place / f"encoded.{number}.nnr").read_bytes() for number in range(len(models))]

    def _file(self, name: str, data: bytes) -> str:
        path = self._place / name
        path.write_bytes(data)
        return str(path)


def session_cases(count: int = SESSIONS) -> list[SessionCase]:
    """Sessions of both makers; 32 in a row have all combinations of tools."""
    chance = random.Random(SEED)
    every = [tools for size in range(len(TOOLS) + 1) for tools in combinations(TOOLS, size)]
    cases = []
    for number in range(count):
        if number % len(every) == 0:
            chance.shuffle(every)
        tools = every[number % len(every)]
        common = (
            chance.randrange(3),
            "dq" not in tools and chance.random() < 1 / 3,
            chance.random() < 1 / 3,
            chance.choice((6, 17, 24, 40)),
            chance.choice((8, 9, 13, 16, 24, 30)),
            chance.choice(("plain", "depth0", "first")),
        )
        cases += [SessionCase(number, maker, tools, *common) for maker in (PEER, ENCODER)]
    return cases


def models_of(case: SessionCase) -> list[Tensors]:
    """A model, then the models after each update, in which many rows and places stay as they were."""
    rng = np.random.default_rng([SEED, case.number])
    model: dict[str, np.ndarray] = {
        "w": rng.standard_normal((case.rows, case.columns)).astype(np.float32),
        "b": rng.standard_normal(case.rows).astype(np.float32),
    }
    if case.block:
        model["w_scaling"] = (1 + rng.random(case.rows)).astype(np.float32)
    else:
        model |= {"k": rng.standard_normal((9, 4, 3, 4)).astype(np.float32), "i": rng.integers(-9, 9, (10, 8)).astype(np.int32)}
    models = [model]
    for _ in range(UPDATES):
        models.append({name: trained(array, rng) for name, array in models[-1].items()})
    return models


def trained(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An array of which some places changed."""
    touched = rng.random(array.shape) < 0.3
    if array.ndim > 1:
        touched &= (rng.random(array.shape[0]) < 0.6).reshape(-1, *(1,) * (array.ndim - 1))
    amount = rng.integers(-2, 3, array.shape) if array.dtype.kind == "i" else 0.2 * rng.standard_normal(array.shape)
    changed: np.ndarray = (array + touched * amount).astype(array.dtype)
    return changed


def our_options(case: SessionCase) -> EncoderOptions:
    """The options of our encoder."""
    on: dict[str, Any] = {tool: tool in case.tools for tool in TOOLS}
    blocks: Any = BLOCK if case.block else ()
    codebook = "kmeans" if case.codebook else "none"
    return EncoderOptions(edition=2024, qp=QP, nonweight_qp=QP, scan_order=case.scan_order, codebook=codebook, blocks=blocks, **on)


def our_streams(case: SessionCase, options: EncoderOptions | None = None) -> list[bytes]:
    """Our encoder's streams, each onto what a decoder has."""
    base, streams = BaseModel(), []
    for number, model in enumerate(models_of(case)):
        streams.append(encode(model, base=base if number else None, options=options or our_options(case)))
        base = decode(streams[-1], base=base).model or base
    return streams


def their_streams(case: SessionCase, peer: SessionPeer) -> list[bytes]:
    """The peer's streams; raises `PeerError`."""
    models = models_of(case)
    differences = [{name: after[name] - before[name] for name in after} for before, after in pairwise(models)]
    return peer.encode_session(
        [models[0], *differences],
        qp=QP,
        nonweight_qp=QP,
        use_dq="dq" in case.tools,
        codebook_mode=2 if case.codebook else 0,
        scan_order=case.scan_order,
        row_skipping="row_skip" in case.tools,
        **{tool: tool in case.tools for tool in ("tca", "hdsp", "pre")},
        root=case.root,
        blocks=BLOCK if case.block else None,
    )


def judged_session(case: SessionCase, peer: SessionPeer) -> list[SessionRow]:
    """Make the streams of a session and have all three decoders decode them."""
    try:
        streams = their_streams(case, peer) if case.maker == PEER else our_streams(case)
    except PeerError as error:
        return [SessionRow(case, step, 0, Outcome.UNEXPLAINED, symptom_line(str(error))) for step in range(UPDATES + 1)]
    try:
        theirs, plain, base, faults = peer.decode_session(streams), plain_decoder.decode_session(streams), BaseModel(), []
        for stream, others, again in zip(streams, theirs, plain, strict=True):
            decoded = decode(stream, base=base)
            base = decoded.model or base
            faults.append(difference(decoded.parameters, others) or difference(decoded.parameters, again.parameters))
    except (PeerError, PlainError, NNCError) as error:
        faults = [symptom_line(str(error))] * len(streams)
    return [
        SessionRow(case, step, len(stream), Outcome.UNEXPLAINED if fault else Outcome.AGREE, fault)
        for step, (stream, fault) in enumerate(zip(streams, faults, strict=True))
    ]


def judged_sessions(peer: SessionPeer, count: int = SESSIONS) -> list[SessionRow]:
    """Every stream of the sessions, judged."""
    return [row for case in session_cases(count) for row in judged_session(case, peer)]


def session_section(rows: Sequence[SessionRow]) -> str:
    """The section of docs/interop.md on sessions."""
    return "\n".join(_lines(rows)) + "\n"


def _lines(rows: Sequence[SessionRow]) -> Iterator[str]:
    sessions = len({row.case for row in rows})
    yield from ("", "## Sessions of the second edition", "")
    yield f"{len(rows)} streams of {sessions} sessions, each of a model and {UPDATES} updates: tensors of integers and floats,"
    yield "or a block with local scaling and bias; scan orders 0 to 2; with and without a codebook; matrices"
    yield "whose columns fit a block, or do not. The reference, the peer and the plain decoder give the same"
    yield "tensors bit for bit where it says agree. With dependent quantization, row skipping and a block scan"
    yield "the peer's decoder is followed even where its encoder means other indexes"
    yield "([disputed](second-edition.md#disputed-points)); our encoder skips no rows there."
    for title, keys in (("one tool", 1), ("two tools", 2)):
        yield from ("", f"| {title} on | theirs by us: agree | unexplained | ours by them: agree | unexplained |", "|---|---|---|---|---|")
        for tools in combinations(TOOLS, keys):
            found = [row for row in rows if set(tools) <= set(row.case.tools)]
            tally = Counter((row.case.maker, row.outcome) for row in found)
            cells = [tally[maker, outcome] for maker in (PEER, ENCODER) for outcome in (Outcome.AGREE, Outcome.UNEXPLAINED)]
            yield f"| {', '.join(tools)} | {' | '.join(map(str, cells))} |"
