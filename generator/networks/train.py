"""Training of the small networks on scikit-learn's digits: `python train.py [NAME]...` writes them
here.

Run it in an environment of its own: torch 2.13.0 (CPU), scikit-learn, onnx, onnxruntime and this
project. The results are committed and kept as data; other versions or machines may train other
weights.
"""
# mypy: disable-error-code="import-not-found,import-untyped,misc"

import hashlib
import json
import platform
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnx import ModelProto
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from nnc_conformance.generator.networks import graphs, quantized, row_networks
from nnc_conformance.generator.networks.packaged_networks import correct
from nnc_conformance.reference.topology.onnx import extract
from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.outputs import write_bytes, write_text
from nnc_conformance.storage.safetensors_format import dump_safetensors

HERE: Final = Path(__file__).resolve().parent
HELD_FILE: Final = "digits-held.safetensors"
"""The file of the images that are not used in training, in `HERE`."""
SPLIT_SEED: Final = 15938
HELD_COUNT: Final = 450
"""The number of these images; `SPLIT_SEED` draws them."""
EPOCHS: Final = 120
BATCH: Final = 64
LEARNING_RATE: Final = 2e-3
WEIGHT_DECAY: Final = 1e-3
"""Settings of training: passes over the data, images per step, and those of AdamW."""
Images = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def split() -> tuple[Images, Labels, Images, Labels]:
    """Return training images and labels, then held-out images and labels.

    Images are float32 [N, 1, 8, 8] in 0..1, labels int64 [N]. Both parts have the classes in
    proportion.
    """
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    train_x, held_x, train_y, held_y = train_test_split(
        images, digits.target.astype(np.int64), test_size=HELD_COUNT, random_state=SPLIT_SEED, stratify=digits.target
    )
    return train_x, train_y, held_x, held_y


def cnn_module() -> Any:
    """Build the torch module whose state `graphs.cnn` takes."""
    layers: OrderedDict[str, Any] = OrderedDict()
    channels = 1
    for index, (width, pooled) in enumerate(((16, False), (32, True), (64, True)), start=1):
        layers[f"conv{index}"] = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        layers[f"bn{index}"] = nn.BatchNorm2d(width)
        layers[f"relu{index}"] = nn.ReLU()
        if pooled:
            layers[f"pool{index}"] = nn.MaxPool2d(2)
        channels = width
    layers |= {"flat": nn.Flatten(), "fc1": nn.Linear(256, 64), "relu4": nn.ReLU(), "drop": nn.Dropout(0.3), "fc2": nn.Linear(64, 10)}
    return nn.Sequential(layers)


def mlp_module() -> Any:
    """Build the torch module whose state `graphs.mlp` takes."""
    layers: OrderedDict[str, Any] = OrderedDict(flat=nn.Flatten())
    layers |= {"fc1": nn.Linear(64, 128), "relu1": nn.ReLU(), "drop1": nn.Dropout(0.2)}
    layers |= {"fc2": nn.Linear(128, 64), "relu2": nn.ReLU(), "drop2": nn.Dropout(0.2), "fc3": nn.Linear(64, 10)}
    return nn.Sequential(layers)


DEPTHWISE_CONVOLUTIONS: Final = {
    "stem": (1, 24, 3, 1),
    "depth1": (24, 24, 3, 1),
    "point1": (24, 48, 1, 1),
    "depth2": (48, 48, 3, 2),
    "point2": (48, 96, 1, 1),
    "depth3": (96, 96, 3, 1),
    "point3": (96, 128, 1, 1),
}
"""Input channels, output channels, kernel size and stride of each convolution."""


def depthwise_module() -> Any:
    """Build the torch module whose state `graphs.depthwise` takes."""
    layers: OrderedDict[str, Any] = OrderedDict()
    for name, (source, target, size, stride) in DEPTHWISE_CONVOLUTIONS.items():
        groups = source if name.startswith("depth") else 1
        layers[name] = nn.Conv2d(source, target, size, stride=stride, padding=size // 2, groups=groups, bias=False)
        layers[f"{name}_bn"] = nn.BatchNorm2d(target)
        layers[f"{name}_relu6"] = nn.ReLU6()
    layers |= {"average": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "drop": nn.Dropout(0.2), "fc": nn.Linear(128, 10)}
    return nn.Sequential(layers)


def depthwise_model(state: graphs.NetworkTensors) -> ModelProto:
    """Build `graphs.depthwise` from the state of `depthwise_module`."""
    strides = {name: stride for name, (_, _, _, stride) in DEPTHWISE_CONVOLUTIONS.items()}
    return graphs.depthwise({name.replace("_bn.", ".bn."): array for name, array in state.items()}, strides)


class Gru(nn.Module):
    """The torch module whose state `row_networks.gru` takes."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(8, 40, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(80, 10)

    def forward(self, images: Any) -> Any:
        """Return logits [N, 10] of images [N, 1, 8, 8]."""
        last = self.gru(images.reshape(-1, 8, 8))[1]
        return self.fc(self.drop(last.transpose(0, 1).flatten(1)))


class Attention(nn.Module):
    """One block of `Transformer`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Any) -> Any:
        """Apply attention and two dense layers, both with shortcuts, to x [N, 8, width]."""
        count, rows, width = x.shape
        heads = self.qkv(self.norm1(x)).reshape(count, rows, 3, row_networks.HEADS, width // row_networks.HEADS).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(*heads)
        x = x + self.drop(self.out(mixed.transpose(1, 2).reshape(count, rows, width)))
        return x + self.drop(self.fc2(torch.relu(self.fc1(self.norm2(x)))))


class Transformer(nn.Module):
    """The torch module whose state `row_networks.transformer` takes."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.place = nn.Parameter(torch.randn(8, width) / 10)
        for number in range(row_networks.BLOCKS):
            self.add_module(f"block{number}", Attention(width))
        self.norm, self.fc = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, images: Any) -> Any:
        """Return logits [N, 10] of images [N, 1, 8, 8]."""
        x = self.embed(images.reshape(-1, 8, 8)) + self.place
        for number in range(row_networks.BLOCKS):
            x = self.get_submodule(f"block{number}")(x)
        return self.fc(self.norm(x).mean(1))


@dataclass(frozen=True)
class TrainingPlan:
    """The plan of one network.

    Args:
        seed: The seed of all randomness.
        shift: Largest shift of a training image, in pixels.
        module: Builds the torch module.
        graph: Builds the ONNX graph from the module's state.
    """

    seed: int
    shift: int
    module: Callable[[], Any]
    graph: Callable[[graphs.NetworkTensors], ModelProto]


NETWORKS: Final = {
    "digits-cnn": TrainingPlan(seed=1, shift=1, module=cnn_module, graph=graphs.cnn),
    "digits-mlp": TrainingPlan(seed=2, shift=0, module=mlp_module, graph=graphs.mlp),
    "digits-depthwise": TrainingPlan(seed=3, shift=1, module=depthwise_module, graph=depthwise_model),
    "digits-gru": TrainingPlan(seed=4, shift=1, module=Gru, graph=row_networks.gru),
    "digits-transformer": TrainingPlan(seed=5, shift=1, module=Transformer, graph=row_networks.transformer),
}
"""The networks by name.

The dense network trains without shifts: 4-fold cross-validation within the training images gave
98.1 % without and 96.6 % with them.
"""


def train(plan: TrainingPlan, images: Images, labels: Labels) -> graphs.NetworkTensors:
    """Train on shifted images with AdamW and a cosine rate for `EPOCHS`.

    Return the module's state.
    """
    torch.manual_seed(plan.seed)
    module = plan.module()
    generator = torch.Generator().manual_seed(plan.seed)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    steps = EPOCHS * -(-len(x) // BATCH)
    optimizer = torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    module.train()
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(x), generator=generator).split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(module(shifted(x[chosen], plan.shift, generator)), y[chosen], label_smoothing=0.05)
            loss.backward()
            optimizer.step()
            schedule.step()
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def shifted(images: Any, reach: int, generator: Any) -> Any:
    """Shift each image of [N, 1, 8, 8] by random offsets, filling with zeros.

    Args:
        images: The images, a torch tensor.
        reach: The most pixels in each direction.
        generator: The torch generator that draws an offset for each image.
    """
    padded = nn.functional.pad(images, (reach, reach, reach, reach))
    rows, columns = torch.randint(0, 2 * reach + 1, (2, len(images)), generator=generator).tolist()
    return torch.stack([padded[index, :, r : r + 8, c : c + 8] for index, (r, c) in enumerate(zip(rows, columns, strict=True))])


QUANTIZED: Final = {"digits-qdq": "digits-mlp"}
"""Quantized networks and the trained networks that they are made from."""


def in_eight_bits(source: bytes, images: Images) -> bytes:
    """Quantize a dense network to eight bits; return the serialised ONNX model.

    Args:
        source: The network as a serialised ONNX model.
        images: float32 [N, 1, 8, 8], on which the ranges of activations are measured.
    """
    inner = onnx.load_from_string(source)
    inner.graph.output.extend(onnx.ValueInfoProto(name=name) for name in ("flat", "relu1", "relu2"))
    session = onnxruntime.InferenceSession(inner.SerializeToString(), providers=["CPUExecutionProvider"])
    entering = session.run(["flat", "relu1", "relu2"], {graphs.IMAGE: images})
    model = quantized.qdq(source, dict(zip(quantized.LAYERS, entering, strict=True)))
    return bytes(model.SerializeToString(deterministic=True))


def main(names: list[str]) -> None:
    """Write networks, the held-out images and `networks.json`.

    Args:
        names: The networks to train; if empty, all. `networks.json` keeps the entries of the
            others, and those of other scripts.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    train_x, train_y, held_x, held_y = split()
    held = dump_safetensors({"images": held_x, "labels": held_y})
    write_bytes(HERE / HELD_FILE, held)
    listed = HERE / "networks.json"
    earlier = json.loads(listed.read_text(encoding="utf-8"))
    entries: dict[str, Any] = earlier["networks"]
    for name in names or (*NETWORKS, *QUANTIZED):
        if name in NETWORKS:
            plan = NETWORKS[name]
            data = plan.graph(train(plan, train_x, train_y)).SerializeToString(deterministic=True)
            made: dict[str, int | str] = {"seed": plan.seed, "shift": plan.shift}
        else:
            data = in_eight_bits((HERE / f"{QUANTIZED[name]}.onnx").read_bytes(), train_x)
            made = {"source": QUANTIZED[name]}
        write_bytes(HERE / f"{name}.onnx", data)
        held_correct = correct(data, {graphs.IMAGE: held_x}, held_y)
        entries[name] = {
            "file": f"{name}.onnx",
            "sha256": hashlib.sha256(data).hexdigest(),
            **made,
            "parameters": sum(array.size for array in extract(data).parameters.values()),
            "held_correct": held_correct,
            "held_accuracy": round(held_correct / len(held_y), 6),
            "training_accuracy": round(correct(data, {graphs.IMAGE: train_x}, train_y) / len(train_y), 6),
        }
        print(name, entries[name])
    packages = ("torch", "scikit-learn", "numpy", "onnx", "onnxruntime")
    summary = {
        "data": {
            "source": "sklearn.datasets.load_digits, images divided by 16",
            "held_file": HELD_FILE,
            "held_sha256": hashlib.sha256(held).hexdigest(),
            "held_count": len(held_y),
            "training_count": len(train_y),
            "split_seed": SPLIT_SEED,
        },
        "training": {
            "epochs": EPOCHS,
            "batch": BATCH,
            "learning_rate": LEARNING_RATE,
            "weight_decay": WEIGHT_DECAY,
            "versions": {"python": platform.python_version(), **{package: version(package) for package in packages}},
        },
        "input": graphs.IMAGE,
        "networks": entries,
        "sequences": earlier["sequences"],
    }
    write_text(listed, canonical_json(summary))


if __name__ == "__main__":
    main(sys.argv[1:])
