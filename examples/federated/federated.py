"""Federated averaging over NNC: a server and its clients exchange updates instead of models.

In each round the server sends its model as an update of what the clients have. Each client decodes
it, trains it on images of its own, and sends its model back as an update of the same base. The
server decodes these updates and averages what they give.

    python examples/federated/federated.py [--rounds 6] [--clients 3] [--qp -28] [--output DIR]
        [--peer PYTHON]

With ``--peer`` the same exchange runs through the encoder of the independent codec `nncodec` too,
and both decoders decode every stream of both.
"""

import argparse
import csv
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference import BaseModel, EncoderOptions, decode, encode
from nnc_conformance.reference.topology.onnx import extract

TESTS = Path(__file__).parent / ".." / ".." / "tests"
"""Folder of the driver of the independent codec."""
if TYPE_CHECKING:
    from interop.sessions import SessionPeer

NETWORK = "digits-mlp"
LAYERS = ("fc1", "fc2", "fc3")
SHIFTS = ((1, 2), (-1, 2), (1, 3), (-1, 3), (2, 2), (-2, 3))
"""What the images of a client are moved by: pixels, and the axis."""
EPOCHS = 2
"""Passes over its images that a client trains in a round."""
LEARNING_RATE = 0.3
BATCH = 32
HELD = 4
"""One image of this number is held out to measure accuracy."""

Weights = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Images:
    """Images, float32 (count, 64), and their labels."""

    pixels: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


@dataclass
class Member:
    """The server or a client: the streams that it has, and the model that it decoded from them."""

    streams: tuple[bytes, ...]
    model: BaseModel

    def take(self, stream: bytes) -> Weights:
        """Decode a stream onto the model; return the weights after it."""
        decoded = decode(stream, base=self.model)
        assert decoded.model is not None
        self.model, self.streams = decoded.model, (*self.streams, stream)
        return weights_of(self.model)


class Encoder(Protocol):
    """Encodes for a member what it lacks."""

    def encode(self, wanted: Weights, member: Member) -> bytes:
        """Return the stream that takes a member's model to the one wanted."""


@dataclass(frozen=True)
class OurEncoder:
    """The encoder of this package."""

    options: EncoderOptions

    def encode(self, wanted: Weights, member: Member) -> bytes:
        """Return the stream that takes a member's model to the one wanted."""
        return encode(wanted, base=member.model if member.streams else None, options=self.options)


class PeerEncoder:
    """The encoder of the independent codec, with the tools and steps of ``options``, without RDO.

    Its driver encodes whole sessions, so that a session is given again for each further stream.
    """

    def __init__(self, peer: "SessionPeer", options: EncoderOptions) -> None:
        self.peer, self.options = peer, options
        self.given: dict[tuple[bytes, ...], list[Weights]] = {(): []}
        """What was encoded, a model and its changes, by the streams that it gave."""

    def encode(self, wanted: Weights, member: Member) -> bytes:
        """Return the stream that takes a member's model to the one wanted."""
        have = weights_of(member.model)
        change = {name: values - have[name] if have else values for name, values in wanted.items()}
        given = [*self.given[member.streams], change]
        *before, stream = self.peer.encode_session(
            given,
            qp=self.options.qp,
            nonweight_qp=self.options.nonweight_qp,
            use_dq=self.options.dq,
            row_skipping=True,
            tca=True,
            hdsp=True,
            root="depth0",
        )
        if tuple(before) != member.streams:
            raise RuntimeError("the independent codec encoded the same session to other streams")
        self.given[*before, stream] = given
        return stream


@dataclass(frozen=True)
class Round:
    """What one round sent, in bytes, and how good the server's model is after it.

    Args:
        down: The update that every client gets.
        up: The updates of all clients.
        full: The server's model as a whole stream at the same steps.
        deflated: The change of the server's model as binary32, deflated.
        accuracy: Share of the held-out images that the server's model gets right.
        sessions: Each member's streams after the round, and the weights that it decoded from them:
            the server's, then those of the server's copies with the update of each client.
    """

    down: int
    up: int
    full: int
    deflated: int
    accuracy: float
    sessions: list[tuple[tuple[bytes, ...], Weights]]


def weights_of(model: BaseModel) -> Weights:
    """Return a model's parameters by name."""
    return {name: np.asarray(values, np.float32) for name, values in model.parameters.items()}


def outputs(weights: Weights, pixels: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Return the images, then what each layer gives; the last are logits."""
    given = [pixels]
    for layer in LAYERS:
        sums = given[-1] @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
        given.append(sums if layer == LAYERS[-1] else np.maximum(sums, 0))
    return given


def accuracy(weights: Weights, images: Images) -> float:
    """Return the share of images that a model gets right."""
    return float((outputs(weights, images.pixels)[-1].argmax(axis=1) == images.labels).mean())


def trained(weights: Weights, images: Images, rng: np.random.Generator) -> Weights:
    """Return a model after some passes of gradient descent on the cross-entropy."""
    after = {name: values.astype(np.float64) for name, values in weights.items()}
    count = len(images.labels)
    for _ in range(EPOCHS):
        for batch in np.array_split(rng.permutation(count), max(1, count // BATCH)):
            given = outputs(after, images.pixels[batch])  # type: ignore[arg-type]
            chances = np.exp(given[-1] - given[-1].max(axis=1, keepdims=True))
            chances /= chances.sum(axis=1, keepdims=True)
            gradient = (chances - np.eye(10)[images.labels[batch]]) / len(batch)
            for layer, below in reversed(list(zip(LAYERS, given[:-1], strict=True))):
                passed_on = (gradient @ after[f"{layer}.weight"]) * (below > 0)
                after[f"{layer}.weight"] -= LEARNING_RATE * gradient.T @ below
                after[f"{layer}.bias"] -= LEARNING_RATE * gradient.sum(axis=0)
                gradient = passed_on
    return {name: values.astype(np.float32) for name, values in after.items()}


def data(clients: int) -> tuple[list[Images], Images]:
    """Return the images of each client, moved by its own shift, and those held out from all."""
    images, labels = packaged_networks.held_data(NETWORK)
    (pixels,) = images.values()
    held = np.arange(len(labels)) % HELD == 0
    training, testing = [], []
    for shift, axis in SHIFTS[:clients]:
        moved = np.roll(pixels, shift, axis).reshape(len(labels), -1)
        training.append(Images(moved[~held], labels[~held]))
        testing.append(moved[held])
    return training, Images(np.concatenate(testing), np.tile(labels[held], clients))


def federated(rounds: int, clients: int, options: EncoderOptions, encoder: Encoder) -> list[Round]:
    """Run the exchange; raise `RuntimeError` if the server and a client disagree on a model."""
    training, held = data(clients)
    rng = np.random.default_rng(15938)
    parameters = extract(packaged_networks.model_bytes(NETWORK)).parameters
    wanted: Weights = {f"{layer}.{part}": parameters[f"{layer}.{part}"] for layer in LAYERS for part in ("weight", "bias")}
    server, everyone = Member((), BaseModel()), [Member((), BaseModel()) for _ in range(clients)]
    found, before = [], {name: np.zeros_like(values) for name, values in wanted.items()}
    whole = EncoderOptions(qp=options.qp, nonweight_qp=options.nonweight_qp, dq=options.dq, rdo=options.rdo)
    for _ in range(rounds + 1):
        down = encoder.encode(wanted, server)
        current = server.take(down)
        change = b"".join((current[name] - before[name]).tobytes() for name in current)
        full = encode(current, options=whole)
        up, models, sessions = 0, [], [(server.streams, current)]
        for client, images in zip(everyone, training, strict=True):
            start = client.take(down)
            if any(start[name].tobytes() != current[name].tobytes() for name in current):
                raise RuntimeError("a client decoded another model than the server")
            update = encoder.encode(trained(start, images, rng), client)
            up += len(update)
            copy = Member(server.streams, server.model)
            models.append(copy.take(update))
            sessions.append((copy.streams, models[-1]))
        wanted = {name: np.mean([model[name] for model in models], axis=0, dtype=np.float64).astype(np.float32) for name in wanted}
        found.append(Round(len(down), up, len(full), len(zlib.compress(change, 9)), accuracy(current, held), sessions))
        before = current
    return found


def equal_models(peer: "SessionPeer", rounds: Sequence[Round]) -> tuple[int, int]:
    """Return the number of sessions after which both decoders hold equal models, and of all."""
    same = []
    for streams, weights in (session for row in rounds for session in row.sessions):
        first, *changes = peer.decode_session(streams)
        theirs = dict(first)
        for change in changes:
            theirs |= {name: theirs[name] + values for name, values in change.items()}
        same.append(theirs.keys() == weights.keys() and all(theirs[name].tobytes() == weights[name].tobytes() for name in weights))
    return sum(same), len(same)


def table(rounds: Sequence[Round], theirs: Sequence[Round] | None) -> str:
    """Return the rounds as text; round 0 sends the whole model."""
    lines = ["round   update  updates of  whole   difference  accuracy", "        down    all clients model   deflated"]
    for number, row in enumerate(rounds):
        lines.append(f"{number:>5} {row.down:>8} {row.up:>11} {row.full:>7} {row.deflated:>9} {row.accuracy:>10.1%}")
    if theirs is not None:
        lines[0] += "  the peer's:  updates of  accuracy"
        lines[1] = f"{lines[1]:<{len(lines[2])}}  update down  all clients"
        for place, row in enumerate(theirs, 2):
            lines[place] += f" {row.down:>12} {row.up:>12} {row.accuracy:>9.1%}"
    updates = rounds[1:]
    saved = 1 - sum(row.down for row in updates) / sum(row.full for row in updates)
    lines.append(f"updates down take {saved:.0%} less than whole models")
    return "\n".join(lines)


def plot(rounds: Sequence[Round], theirs: Sequence[Round] | None, path: Path) -> None:
    """Draw the bytes of each round as an SVG: updates, the peer's, and whole models in grey."""
    bars = [("#cbd5e1", [row.full for row in rounds]), ("#2563eb", [row.down for row in rounds])]
    legend = "update (blue), "
    if theirs is not None:
        bars.append(("#f59e0b", [row.down for row in theirs]))
        legend += "the peer's (orange), "
    group = 16 + 22 * len(bars)
    width, height, left, bottom = max(group * len(rounds) + 60, 480), 220, 50, 30
    most = max(size for _, sizes in bars for size in sizes)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">']
    for number in range(len(rounds)):
        x = left + group * number
        for place, (colour, sizes) in enumerate(bars):
            tall = (height - bottom - 20) * sizes[number] / most
            parts.append(f'<rect x="{x + 22 * place}" y="{height - bottom - tall:.1f}" width="20" height="{tall:.1f}" fill="{colour}"/>')
        parts.append(f'<text x="{x + 11 * len(bars) - 1}" y="{height - 12}" text-anchor="middle">{number}</text>')
    parts.append(f'<text x="6" y="14">bytes down in each round: {legend}whole model (grey); at most {most}</text></svg>')
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def write_results(rounds: Sequence[Round], theirs: Sequence[Round] | None, folder: Path) -> None:
    """Write the CSV and the plot."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["down", "up", "full", "deflated", "accuracy"]
    others = [] if theirs is None else ["down", "up", "accuracy"]
    with (folder / "rounds.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["round", *columns, *(f"peer_{name}" for name in others)])
        for number, row in enumerate(rounds):
            theirs_here = [] if theirs is None else [getattr(theirs[number], name) for name in others]
            lines.writerow([number, *(getattr(row, name) for name in columns), *theirs_here])
    plot(rounds, theirs, folder / "rounds.svg")


def through_peer(python: str, ours: Sequence[Round], clients: int, options: EncoderOptions) -> tuple[list[Round], list[str]]:
    """Run the exchange through the independent codec.

    Return its rounds, and a sentence for each encoder: after how many sessions both decoders
    hold equal models. Raise `RuntimeError` if a model differs, or if the codec fails.
    """
    sys.path.insert(0, str(TESTS.resolve()))
    try:
        from helpers.peer_driver import PeerError
        from interop.sessions import SessionPeer
    except ImportError as error:
        raise RuntimeError(f"--peer needs this script in a checkout of the repository, with what its tests need: {error}") from error
    try:
        with SessionPeer(python) as peer:
            theirs = federated(len(ours) - 1, clients, options, PeerEncoder(peer, options))
            sentences = []
            for whose, rounds in (("ours", ours), ("the peer's", theirs)):
                same, every = equal_models(peer, rounds)
                sentences.append(f"streams of {whose}: both decoders hold equal models in {same} of {every} cases")
                if same < every:
                    raise RuntimeError(sentences[-1])
    except (OSError, PeerError) as error:
        raise RuntimeError(f"--peer {python}: {error}; give the Python of an environment made by tests/peer/setup") from error
    return theirs, sentences


def main() -> int:
    """Run the example, print the table, and write the CSV and the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6, help="rounds after the first model (default %(default)s)")
    parser.add_argument("--clients", type=int, default=3, choices=range(1, len(SHIFTS) + 1), help="clients (default %(default)s)")
    parser.add_argument("--qp", type=int, default=-28, help="quantization parameter of weights (default %(default)s)")
    parser.add_argument("--output", type=Path, help="folder for rounds.csv and rounds.svg (default: none is written)")
    parser.add_argument("--peer", metavar="PYTHON", help="Python of the independent codec's environment: run the exchange through it too")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds needs at least 1")
    options = EncoderOptions(edition=2024, qp=arguments.qp, nonweight_qp=arguments.qp - 12, dq=True, rdo=1.0)
    rounds = federated(arguments.rounds, arguments.clients, options, OurEncoder(options))
    theirs, sentences = None, []
    if arguments.peer is not None:
        try:
            theirs, sentences = through_peer(arguments.peer, rounds, arguments.clients, options)
        except RuntimeError as error:
            parser.exit(1, f"error: {error}\n")
    print("\n".join([table(rounds, theirs), *sentences]))
    if arguments.output is not None:
        write_results(rounds, theirs, arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
