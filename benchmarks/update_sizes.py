"""Compare the sizes of updates with those of the independent codec; writes docs/update-sizes.md.

    python benchmarks/update_sizes.py --peer PYTHON [--output DIR]

Both codecs round to the same steps, without rate-distortion optimisation, with unary length 10 and
a search for parameter sets. The networks are packaged ones; the updates change some rows a little.
The command fails if an update is larger than the peer's, or automatic choice above the best.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference import BaseModel, EncoderOptions, decode, encode
from nnc_conformance.reference.topology.onnx import extract

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from interop.codec import difference  # noqa: E402
from interop.sessions import SessionPeer  # noqa: E402

Tensors = dict[str, np.ndarray]

NETWORKS = ("digits-mlp", "digits-cnn")
UPDATES = 3
"""Updates of each network."""
QP = -22
"""qp of all tensors."""
TOOLS = ("row_skip", "tca", "hdsp")
CHOICES = tuple(tools for size in range(len(TOOLS) + 1) for tools in combinations(TOOLS, size))
"""Sets of tools that are on, the others off."""
NEAR = 0.005
"""Share by which automatic choice may be above the best single choice."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of the updates of a network: by the tools that are on, ours and the peer's, and with automatic choice."""

    network: str
    ours: dict[tuple[str, ...], int]
    theirs: dict[tuple[str, ...], int]
    auto: int


def models_of(network: str) -> list[Tensors]:
    """Make a network's tensors, and those after each update: in a third of the rows, a fifth of the places change."""
    rng = np.random.default_rng(len(network))
    tensors = extract(packaged_networks.model_bytes(network)).parameters
    model = {name: array for name, array in tensors.items() if array.dtype == np.float32 and array.ndim > 0 and array.size > 1}
    models = [model]
    for _ in range(UPDATES):
        models.append({name: (array + _change(array, rng)).astype(np.float32) for name, array in models[-1].items()})
    return models


def _change(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    touched = rng.random(array.shape) < 0.2
    if array.ndim > 1:
        touched &= (np.arange(len(array)) % 3 == rng.integers(3)).reshape(-1, *(1,) * (array.ndim - 1))
    changed: np.ndarray = touched * rng.laplace(scale=0.03, size=array.shape)
    return changed


def our_streams(models: list[Tensors], **options: Any) -> list[bytes]:
    """Encode a model and its updates, each onto what a decoder has."""
    base, streams = BaseModel(), []
    for number, model in enumerate(models):
        chosen = EncoderOptions(edition=2024, qp=QP, nonweight_qp=QP, rdo=0, **options)
        streams.append(encode(model, base=base if number else None, options=chosen))
        base = decode(streams[-1], base=base).model or base
    return streams


def their_streams(peer: SessionPeer, models: list[Tensors], tools: tuple[str, ...]) -> list[bytes]:
    """Encode the same with the peer, whose base stream is a parent too."""
    differences = [{name: after[name] - before[name] for name in after} for before, after in pairwise(models)]
    on = {"row_skipping" if tool == "row_skip" else tool: tool in tools for tool in TOOLS}
    return peer.encode_session([models[0], *differences], qp=QP, nonweight_qp=QP, root="depth0", **on)


def measure(peer: SessionPeer, network: str) -> Sizes:
    """Measure a network; raise `RuntimeError` if the codecs do not decode each other's streams alike."""
    models, ours, theirs = models_of(network), {}, {}
    for tools in CHOICES:
        choices: dict[str, Any] = {tool: tool in tools for tool in TOOLS}
        for streams, sizes in ((our_streams(models, **choices), ours), (their_streams(peer, models, tools), theirs)):
            check(peer, streams)
            sizes[tools] = sum(map(len, streams[1:]))
    return Sizes(network, ours, theirs, sum(map(len, our_streams(models)[1:])))


def check(peer: SessionPeer, streams: list[bytes]) -> None:
    """Decode a session with both codecs; raise `RuntimeError` if the tensors differ."""
    base = BaseModel()
    for stream, others in zip(streams, peer.decode_session(streams), strict=True):
        decoded = decode(stream, base=base)
        base = decoded.model or base
        found = difference(decoded.parameters, others)
        if found:
            raise RuntimeError(found)


def page(rows: list[Sizes]) -> Iterator[str]:
    """Yield the lines of the page."""
    yield from (
        "# Sizes of updates",
        "",
        "Made by `python benchmarks/update_sizes.py`: " + __doc__.split("\n\n")[2].replace("\n", " ").strip(),
        "",
    )
    yield "Each number is the bytes of all updates of a network. Every stream was decoded by both codecs to the same tensors, bit for bit."
    for row in rows:
        best = min(row.ours.values())
        yield from ("", f"## {row.network}", "", "| tools on | ours | the peer's | ours / peer's |", "|---|---|---|---|")
        for tools in CHOICES:
            ours, theirs = row.ours[tools], row.theirs[tools]
            yield f"| {', '.join(tools) or 'none'} | {ours} | {theirs} | {ours / theirs:.3f} |"
        yield from ("", f"Automatic choice: {row.auto} bytes, {row.auto / best - 1:+.2%} against the best single choice.")


def main() -> int:
    """Run the command; return 1 if a size is above what it may be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="Python of the independent codec's environment")
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="folder of the page")
    arguments = parser.parse_args()
    with SessionPeer(arguments.peer) as peer:
        rows = [measure(peer, network) for network in NETWORKS]
    (arguments.output / "update-sizes.md").write_text("\n".join(page(rows)) + "\n")
    larger = [row.network for row in rows if any(row.ours[tools] > row.theirs[tools] for tools in CHOICES)]
    worse = [row.network for row in rows if row.auto > (1 + NEAR) * min(row.ours.values())]
    print(f"larger than the peer's: {larger or 'none'}; automatic choice too large: {worse or 'none'}")
    return 1 if larger or worse else 0


if __name__ == "__main__":
    sys.exit(main())
