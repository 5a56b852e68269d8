"""Compare the sizes of updates with those of the independent codec; writes docs/update-sizes.md.

    python benchmarks/update_sizes.py --peer PYTHON [--output DIR]

Both codecs round to the same steps, without rate-distortion optimisation, with unary length 10 and
a search for parameter sets. The networks are packaged ones. Each update changes some rows a little;
both codecs code the same change, whatever earlier streams rounded away, and so the same indexes.
The command fails if an update is larger than the peer's, or automatic choice above the best.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
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
    """Bytes of the updates of a network: by the tools that are on, ours and the peer's, and with
    automatic choice.
    """

    network: str
    ours: dict[tuple[str, ...], int]
    theirs: dict[tuple[str, ...], int]
    auto: int


def floats_of(model: bytes) -> Tensors:
    """Return an ONNX model's float32 tensors of more than one value."""
    tensors = extract(model).parameters
    return {name: array for name, array in tensors.items() if array.dtype == np.float32 and array.ndim > 0 and array.size > 1}


def changes_of(network: str, model: Tensors) -> list[Tensors]:
    """Make the change of each update: in a third of the rows, a fifth of the places."""
    rng = np.random.default_rng(len(network))
    return [{name: _change(array, rng) for name, array in model.items()} for _ in range(UPDATES)]


def _change(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    touched = rng.random(array.shape) < 0.2
    if array.ndim > 1:
        touched &= (np.arange(len(array)) % 3 == rng.integers(3)).reshape(-1, *(1,) * (array.ndim - 1))
    return (touched * rng.laplace(scale=0.03, size=array.shape)).astype(np.float32)


def our_streams(model: Tensors, changes: list[Tensors], **options: Any) -> list[bytes]:
    """Encode a model, then each change of what a decoder has."""
    chosen = EncoderOptions(edition=2024, qp=QP, nonweight_qp=QP, rdo=0, **options)
    streams = [encode(model, options=chosen)]
    base = decode(streams[0], base=BaseModel()).model
    for change in changes:
        assert base is not None
        changed = {name: base.parameters[name] + array for name, array in change.items()}
        streams.append(encode(changed, base=base, options=chosen))
        base = decode(streams[-1], base=base).model
    return streams


def their_streams(peer: SessionPeer, model: Tensors, changes: list[Tensors], tools: tuple[str, ...]) -> list[bytes]:
    """Encode the same with the peer, whose base stream is a parent too."""
    on = {"row_skipping" if tool == "row_skip" else tool: tool in tools for tool in TOOLS}
    return peer.encode_session([model, *changes], qp=QP, nonweight_qp=QP, root="depth0", **on)


def measure(peer: SessionPeer, network: str) -> Sizes:
    """Measure a network; raise `RuntimeError` unless all streams of an update decode alike."""
    model = floats_of(packaged_networks.model_bytes(network))
    changes, ours, theirs = changes_of(network, model), {}, {}
    for tools in CHOICES:
        choices: dict[str, Any] = {tool: tool in tools for tool in TOOLS}
        made, made_there = our_streams(model, changes, **choices), their_streams(peer, model, changes, tools)
        for mine, other in zip(check(peer, made), check(peer, made_there), strict=True):
            if found := difference(mine, other):
                raise RuntimeError(f"the codecs do not code the same: {found}")
        ours[tools], theirs[tools] = (sum(map(len, streams[1:])) for streams in (made, made_there))
    return Sizes(network, ours, theirs, sum(map(len, our_streams(model, changes)[1:])))


def check(peer: SessionPeer, streams: Sequence[bytes]) -> list[Tensors]:
    """Decode a session with both codecs; raise `RuntimeError` if the tensors differ."""
    base, tensors = BaseModel(), []
    for stream, others in zip(streams, peer.decode_session(streams), strict=True):
        decoded = decode(stream, base=base)
        base = decoded.model or base
        found = difference(decoded.parameters, others)
        if found:
            raise RuntimeError(found)
        tensors.append(decoded.parameters)
    return tensors


def page(rows: list[Sizes]) -> Iterator[str]:
    """Yield the lines of the page."""
    yield from (
        "# Sizes of updates",
        "",
        "Made by `python benchmarks/update_sizes.py --peer PYTHON`: " + __doc__.split("\n\n")[2].replace("\n", " ").strip(),
        "",
    )
    yield (
        "Each number is the bytes of all updates of a network. Every stream of ours and of the peer's was decoded by both codecs to the "
        "same tensors, bit for bit."
    )
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
