"""Federated averaging over NNC: a server and its clients exchange updates instead of models.

In each round the server sends its model as an update of what the clients have. Each client decodes
it, trains it on images of its own, and sends its model back as an update of the same base. The
server decodes these updates and averages what they give.

    python examples/federated/federated.py [--rounds 6] [--clients 3] [--qp -28] [--output DIR]
"""

import argparse
import csv
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference import BaseModel, EncoderOptions, decode, encode
from nnc_conformance.reference.topology.onnx import extract

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
class Peer:
    """A server or client: the model that it has decoded, with the history that updates need."""

    model: BaseModel = field(default_factory=BaseModel)

    def take(self, stream: bytes) -> Weights:
        """Decode a stream onto the model; return the weights after it."""
        decoded = decode(stream, base=self.model)
        assert decoded.model is not None
        self.model = decoded.model
        return weights_of(self.model)


@dataclass(frozen=True)
class Round:
    """What one round sent, in bytes, and how good the server's model is after it.

    Args:
        down: The update that every client gets.
        up: The updates of all clients.
        full: The server's model as a whole stream at the same steps.
        deflated: The change of the server's model as binary32, deflated.
        accuracy: Share of the held-out images that the server's model gets right.
    """

    down: int
    up: int
    full: int
    deflated: int
    accuracy: float


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


def federated(rounds: int, clients: int, options: EncoderOptions) -> list[Round]:
    """Run the exchange; raise `RuntimeError` if the server and a client disagree on a model."""
    training, held = data(clients)
    rng = np.random.default_rng(15938)
    parameters = extract(packaged_networks.model_bytes(NETWORK)).parameters
    wanted: Weights = {f"{layer}.{part}": parameters[f"{layer}.{part}"] for layer in LAYERS for part in ("weight", "bias")}
    server, everyone = Peer(), [Peer() for _ in range(clients)]
    found, before = [], {name: np.zeros_like(values) for name, values in wanted.items()}
    for _ in range(rounds + 1):
        down = encode(wanted, base=server.model, options=options)
        current = server.take(down)
        change = b"".join((current[name] - before[name]).tobytes() for name in current)
        full = encode(current, options=EncoderOptions(qp=options.qp, nonweight_qp=options.nonweight_qp, dq=options.dq, rdo=options.rdo))
        up, models = 0, []
        for client, images in zip(everyone, training, strict=True):
            start = client.take(down)
            if any(start[name].tobytes() != current[name].tobytes() for name in current):
                raise RuntimeError("a client decoded another model than the server")
            update = encode(trained(start, images, rng), base=client.model, options=options)
            up += len(update)
            models.append(Peer(server.model).take(update))
        wanted = {name: np.mean([model[name] for model in models], axis=0, dtype=np.float64).astype(np.float32) for name in wanted}
        found.append(Round(len(down), up, len(full), len(zlib.compress(change, 9)), accuracy(current, held)))
        before = current
    return found


def table(rounds: Sequence[Round]) -> str:
    """Return the rounds as text; round 0 sends the whole model."""
    lines = ["round   update  updates of  whole   difference  accuracy", "        down    all clients model   deflated"]
    for number, row in enumerate(rounds):
        lines.append(f"{number:>5} {row.down:>8} {row.up:>11} {row.full:>7} {row.deflated:>9} {row.accuracy:>10.1%}")
    updates = rounds[1:]
    saved = 1 - sum(row.down for row in updates) / sum(row.full for row in updates)
    lines.append(f"updates down take {saved:.0%} less than whole models")
    return "\n".join(lines)


def plot(rounds: Sequence[Round], path: Path) -> None:
    """Draw the bytes of each round as an SVG: updates, and whole models in grey."""
    width, height, left, bottom = 60 * len(rounds) + 60, 220, 50, 30
    most = max(row.full for row in rounds)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">']
    for number, row in enumerate(rounds):
        x = left + 60 * number
        for offset, colour, size in ((0, "#cbd5e1", row.full), (22, "#2563eb", row.down)):
            tall = (height - bottom - 20) * size / most
            parts.append(f'<rect x="{x + offset}" y="{height - bottom - tall:.1f}" width="20" height="{tall:.1f}" fill="{colour}"/>')
        parts.append(f'<text x="{x + 21}" y="{height - 12}" text-anchor="middle">{number}</text>')
    parts.append(f'<text x="6" y="14">bytes down in each round: update (blue), whole model (grey, at most {most})</text></svg>')
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def main() -> int:
    """Run the example, print the table, and write the CSV and the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6, help="rounds after the first model (default %(default)s)")
    parser.add_argument("--clients", type=int, default=3, choices=range(1, len(SHIFTS) + 1), help="clients (default %(default)s)")
    parser.add_argument("--qp", type=int, default=-28, help="quantization parameter of weights (default %(default)s)")
    parser.add_argument("--output", type=Path, help="folder for rounds.csv and rounds.svg (default: none is written)")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds needs at least 1")
    options = EncoderOptions(edition=2024, qp=arguments.qp, nonweight_qp=arguments.qp - 12, dq=True, rdo=1.0)
    rounds = federated(arguments.rounds, arguments.clients, options)
    print(table(rounds))
    if arguments.output is not None:
        arguments.output.mkdir(parents=True, exist_ok=True)
        with (arguments.output / "rounds.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["round", "down", "up", "full", "deflated", "accuracy"])
            rows.writerows([number, *vars(row).values()] for number, row in enumerate(rounds))
        plot(rounds, arguments.output / "rounds.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
