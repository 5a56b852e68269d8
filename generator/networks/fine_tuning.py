"""Updates of the trained networks: `python fine_tuning.py [NAME]...` writes them here.

Run it in the environment of `train.py`, whose networks it starts from. Each sequence is a network
after every round of training. Matrices change by multiples of a step, so that a sequence is small;
training goes on from what is written, so that nothing is lost.
"""
# mypy: disable-error-code="import-not-found,import-untyped,misc"

import hashlib
import json
import sys
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from nnc_conformance.generator.networks import graphs, packaged_networks, row_networks
from nnc_conformance.generator.networks.train import BATCH, HERE, NETWORKS, Images, Labels, split
from nnc_conformance.reference.topology.onnx import extract
from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.outputs import write_bytes, write_text
from nnc_conformance.storage.safetensors_format import dump_safetensors

STATISTICS: Final = ("running_mean", "running_var", "num_batches_tracked")
"""Parts of a batch norm that are measured, not trained."""


@dataclass(frozen=True)
class FineTuningPlan:
    """The plan of one sequence.

    Args:
        network: The network of `train.NETWORKS` to start from.
        rounds: Rounds of training after the first model.
        epochs: Passes over the training images in a round.
        learning_rate: AdamW's.
        moves: By how many rows and columns the images of each client are moved. Several clients
            train separately; their models are averaged after each round.
    """

    network: str
    rounds: int
    epochs: int
    learning_rate: float
    moves: tuple[tuple[int, int], ...]


SEQUENCES: Final = {
    "digits-cnn-moved": FineTuningPlan("digits-cnn", rounds=8, epochs=1, learning_rate=5e-4, moves=((2, -2),)),
    "digits-mlp-federated": FineTuningPlan("digits-mlp", rounds=6, epochs=6, learning_rate=2e-3, moves=((1, 0), (0, 2), (-1, -1))),
    "digits-gru-moved": FineTuningPlan("digits-gru", rounds=4, epochs=2, learning_rate=5e-4, moves=((0, 2),)),
    "digits-transformer-moved": FineTuningPlan("digits-transformer", rounds=4, epochs=2, learning_rate=5e-4, moves=((-2, 1),)),
}
"""The sequences by name."""


def one_round(plan: FineTuningPlan, state: graphs.NetworkTensors, images: Images, labels: Labels, seed: int) -> graphs.NetworkTensors:
    """Train a network for a round of federated learning; return its new tensors.

    Each client trains on its share of the images, moved by its own pixels; the result is the mean
    of their tensors.

    Args:
        plan: The network, the clients' moves, learning rate and epochs.
        state: The tensors to start from.
        images: float32 [N, 1, 8, 8].
        labels: int64 [N].
        seed: The number of the round, from which each client's seed follows.
    """
    states = []
    for client, move in enumerate(plan.moves):
        own = slice(client, None, len(plan.moves))
        moved = packaged_networks.moved(images[own], *move)
        states.append(_trained(plan, state, moved, labels[own], seed * len(plan.moves) + client))
    return {name: np.mean([own[name] for own in states], axis=0, dtype=np.float64).astype(array.dtype) for name, array in state.items()}


def _trained(plan: FineTuningPlan, state: graphs.NetworkTensors, images: Images, labels: Labels, seed: int) -> graphs.NetworkTensors:
    """Train a network further from a state and return its new tensors.

    Args:
        plan: The network, learning rate and number of epochs.
        state: The tensors to start from.
        images: float32 [N, 1, 8, 8].
        labels: int64 [N].
        seed: The seed of the batches.
    """
    torch.manual_seed(seed)
    module = NETWORKS[plan.network].module()
    module.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()})
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(module.parameters(), lr=plan.learning_rate)
    module.train()
    for _ in range(plan.epochs):
        for chosen in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(x[chosen]), y[chosen]).backward()
            optimizer.step()
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def in_steps(before: graphs.NetworkTensors, after: graphs.NetworkTensors) -> graphs.NetworkTensors:
    """Return trained tensors whose changes are rounded to multiples of `packaged_networks.STEP`.

    Statistics of batch norms are not rounded.

    Args:
        before: The tensors before the round.
        after: The tensors after it.
    """
    rounded = {}
    for name, array in before.items():
        if name.rpartition(".")[2] in STATISTICS:
            rounded[name] = after[name]
        else:
            rounded[name] = packaged_networks.rounded_to_steps(array, after[name])
    return rounded


STATES: Final = {"digits-gru": row_networks.gru_state, "digits-transformer": row_networks.transformer_state}
"""What makes the torch state from the graph's parameters where their names or shapes differ."""


def first_state(network: str) -> graphs.NetworkTensors:
    """Return the torch state of a packaged network.

    Raises `RuntimeError` if the state makes another network.
    """
    parameters = extract(packaged_networks.model_bytes(network)).parameters
    training = NETWORKS[network]
    state = {name: tensor.numpy() for name, tensor in training.module().state_dict().items()}
    trained = STATES[network](parameters) if network in STATES else parameters
    state |= {name: trained[name] for name in state if name in trained}
    made = extract(training.graph(state).SerializeToString(deterministic=True)).parameters
    if dump_safetensors(made) != dump_safetensors(parameters):
        raise RuntimeError(f"the graph of {network} has parameters that its torch state does not give")
    return state


def sequence(plan: FineTuningPlan, images: Images, labels: Labels) -> list[bytes]:
    """Train a packaged network for every round; return the ONNX models, the packaged one first."""
    state = first_state(plan.network)
    models = [packaged_networks.model_bytes(plan.network)]
    for number in range(plan.rounds):
        state = in_steps(state, one_round(plan, state, images, labels, number))
        models.append(NETWORKS[plan.network].graph(state).SerializeToString(deterministic=True))
    return models


def main(names: list[str]) -> None:
    """Write the changes of each round, and the sequences' entries in `networks.json`.

    Args:
        names: The sequences to make; if empty, all.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    train_x, train_y, held_x, held_y = split()
    listed = HERE / "networks.json"
    summary: dict[str, Any] = json.loads(listed.read_text(encoding="utf-8"))
    entries: dict[str, Any] = summary.setdefault("sequences", {})
    for name in names or SEQUENCES:
        plan = SEQUENCES[name]
        models = sequence(plan, train_x, train_y)
        parameters = [extract(model).parameters for model in models]
        data = packaged_networks.sequence_file(parameters)
        write_bytes(HERE / f"{name}.safetensors", data)
        images = np.concatenate([packaged_networks.moved(held_x, *move) for move in plan.moves])
        labels = np.tile(held_y, len(plan.moves))
        entries[name] = {
            "network": plan.network,
            "file": f"{name}.safetensors",
            "sha256": hashlib.sha256(data).hexdigest(),
            "rounds": plan.rounds,
            "moves": plan.moves,
            "epochs": plan.epochs,
            "learning_rate": plan.learning_rate,
            "held_accuracy": [round(packaged_networks.correct(model, {graphs.IMAGE: images}, labels) / len(labels), 6) for model in models],
        }
        print(name, entries[name])
    write_text(listed, canonical_json(summary))


if __name__ == "__main__":
    main(sys.argv[1:])
