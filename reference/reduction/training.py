"""Trained forms of the tools: gradient descent that preserves the effect of the tool.

PyTorch is required, which the extra ``train`` installs; a `ModelError` explains if it is missing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.graph import Graph
from nnc_conformance.reference.reduction.network import Array, DecompositionForm, Network
from nnc_conformance.reference.reduction.scoring import Samples
from nnc_conformance.reference.reduction.tool import TrainingSettings
from nnc_conformance.reference.topology.classes import CODINGS, Coding, Role, role

Tensor = Any
Tensors = dict[str, Tensor]
Penalty = Callable[[Mapping[str, Tensor]], Tensor]
"""Computes a term of the loss, a scalar tensor, from the parameters by name."""


def torch_module() -> Any:
    """Import PyTorch; raise `ModelError` if it is not installed."""
    try:
        import torch
    except ImportError:
        raise ModelError("'train' needs PyTorch: pip install 'nnc-conformance[train]'") from None
    return torch


def trainable(network: Network) -> tuple[str, ...]:
    """List the coded floating point parameters that are neither exact nor batch-norm statistics."""
    graph = Graph.of(network.topology)
    statistics = {name for node in graph.nodes if node.op_type == "BatchNormalization" for name in node.input[3:5]}
    return tuple(
        name
        for name, array in network.parameters.items()
        if role(array) is not Role.OTHER and name not in network.exact and name not in statistics
    )


def compressibility(names: Iterable[str], weight: float) -> Penalty:
    """Make the compressibility loss of clause 8.2.1.

    It is ``weight`` times the sum of norm1 / norm2 over the named tensors.
    """
    named = tuple(names)

    def penalty(whole: Mapping[str, Tensor]) -> Tensor:
        return weight * sum(whole[name].abs().sum() / whole[name].square().sum().sqrt().clamp_min(1e-12) for name in named)

    return penalty


def retrained(
    network: Network,
    settings: TrainingSettings,
    samples: Samples,
    *,
    only: Collection[str] | None = None,
    kept_zero: Collection[str] = (),
    tied: Mapping[str, npt.NDArray[np.intp]] | None = None,
    penalty: Penalty | None = None,
) -> Network:
    """Train the network on samples.

    Args:
        only: The parameters to train; all trainable ones if absent.
        kept_zero: Weights whose zeros stay 0.
        tied: Group number of each element of a weight; the elements of a group keep one
            magnitude and their signs, -1 is free.
        penalty: Added to the loss; computed from the whole weights.

    Raises:
        ModelError: Without PyTorch, for unsupported operators, or if values become infinite.
    """
    torch = torch_module()
    names = [name for name in (trainable(network) if only is None else only) if name in network.parameters]
    fixed = {name: _tensor(torch, array) for name, array in network.parameters.items()}
    if not names:
        return network
    leaves = {name: fixed[name].clone().requires_grad_(True) for name in names}
    ties = {name: _Tie(torch, network.parameters[name], groups) for name, groups in (tied or {}).items() if name in leaves}
    leaves |= {name: tie.leaf for name, tie in ties.items()}
    masks = {name: fixed[name] != 0 for name in kept_zero if name in leaves}
    free = [*leaves.values(), *(tie.free for tie in ties.values())]

    def current() -> Tensors:
        values = fixed | {name: ties[name].whole() if name in ties else leaf for name, leaf in leaves.items()}
        return {name: value * masks[name] if name in masks else value for name, value in values.items()}

    try:
        _descend(torch, network, current, free, settings, samples, penalty)
    except (RuntimeError, ValueError, IndexError, TypeError, KeyError) as error:
        raise ModelError(f"the network cannot be trained: {str(error).splitlines()[0]}") from None
    trained = {name: array.detach().numpy() for name, array in current().items() if name in names}
    for name, array in trained.items():
        if not np.isfinite(array).all():
            raise ModelError(f"training made values of {name!r} infinite or NaN; try a lower learning_rate")
    return network.with_parameters(trained)


def _descend(
    torch: Any,
    network: Network,
    current: Callable[[], Tensors],
    free: list[Tensor],
    settings: TrainingSettings,
    samples: Samples,
    penalty: Penalty | None,
) -> None:
    """Train tensors with AdamW, a cosine learning rate and cross entropy, in place.

    Args:
        torch: The module.
        network: The network, whose graph computes the answers.
        current: Computes the network's parameters from the trained tensors.
        free: The tensors to train.
        settings: Epochs, batch, learning rate and seed.
        samples: Inputs and labels.
        penalty: Added to the loss; computed from the whole weights. None for none.
    """
    from nnc_conformance.reference.reduction import torch_graph

    graph = Graph.of(network.topology)
    inputs = {name: _tensor(torch, array) for name, array in samples.inputs.items()}
    labels = torch.from_numpy(np.ascontiguousarray(samples.labels, np.int64))
    order = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(free, lr=settings.learning_rate, weight_decay=0.0)
    steps = settings.epochs * -(-len(labels) // settings.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(settings.epochs):
        for chosen in torch.randperm(len(labels), generator=order).split(settings.batch):
            optimizer.zero_grad()
            whole = _whole(network, current())
            answers = torch_graph.run(graph, whole, {name: array[chosen] for name, array in inputs.items()})
            loss = torch.nn.functional.cross_entropy(answers, labels[chosen])
            if penalty is not None:
                loss = loss + penalty(whole)
            loss.backward()
            optimizer.step()
            schedule.step()


def _tensor(torch: Any, array: Array) -> Tensor:
    """Copy an array to PyTorch, as float32 or int64."""
    floating = CODINGS.get(array.dtype) is Coding.QUANTIZED or array.dtype.kind == "f"
    return torch.from_numpy(np.array(array, np.float32 if floating else np.int64))


def _whole(network: Network, values: Tensors) -> Tensors:
    """Return parameters by their names in the graph, as `network.runnable` does.

    Decomposed parameters are multiplied together, and scaled ones multiplied by their factors. The
    parts are still in the result; ``values`` is left as it is.
    """
    whole = dict(values)
    for name, decomposition in network.decomposed.items():
        g, h = decomposition.names(name)
        product = values[g] @ values[h]
        if decomposition.form is DecompositionForm.DISPLACEMENT:
            product = _diagonal_sums(product)
        whole[name] = product.reshape(decomposition.dimensions)
    for name, factors in network.scaled.items():
        whole[name] = whole[name] * values[factors].reshape(-1, *(1,) * (whole[name].ndim - 1))
    return whole


def _diagonal_sums(product: Tensor) -> Tensor:
    """Compute `network.diagonal_sums` of a matrix [m, n], m > 1.

    Rows are shifted so that diagonals become columns, and summed.
    """
    from torch.nn.functional import pad

    rows, columns = product.shape
    width = columns + rows - 1
    moved = pad(pad(product, (0, width - 1 - columns)).reshape(-1), (rows - 1, 1)).reshape(rows, width)
    return moved.cumsum(0).reshape(-1)[rows - 1 : -1].reshape(rows, width - 1)[:, :columns]


class _Tie:
    """A weight whose grouped elements share a magnitude.

    ``leaf`` holds the magnitudes, ``free`` the elements outside groups.
    """

    def __init__(self, torch: Any, array: Array, groups: npt.NDArray[np.intp]) -> None:
        inside = groups.reshape(-1) >= 0
        numbers, members = np.unique(groups.reshape(-1)[inside], return_inverse=True)
        flat = np.asarray(array, np.float32).reshape(-1)
        magnitudes = np.zeros(numbers.size, np.float32)
        magnitudes[members] = np.abs(flat[inside])
        self.shape = array.shape
        self.signs = torch.from_numpy(np.sign(flat[inside]))
        self.members = torch.from_numpy(members)
        self.inside = torch.from_numpy(np.flatnonzero(inside))
        self.outside = torch.from_numpy(np.flatnonzero(~inside))
        self.leaf = torch.from_numpy(magnitudes).requires_grad_(True)
        self.free = torch.from_numpy(flat[~inside].copy()).requires_grad_(True)

    def whole(self) -> Tensor:
        """Return the weight: each tied element its group's magnitude and its own sign.

        Elements without a group have values of their own.
        """
        result = self.free.new_zeros(len(self.inside) + len(self.outside))
        result = result.index_copy(0, self.outside, self.free)
        return result.index_copy(0, self.inside, self.leaf.abs()[self.members] * self.signs).reshape(self.shape)
