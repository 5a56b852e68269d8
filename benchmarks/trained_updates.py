"""Compare streams of trained updates with whole models; writes docs/trained-updates.md and .svg.

    python benchmarks/trained_updates.py --peer PYTHON [--output DIR] [NAME]...

It needs the package zstandard. The sequences of `packaged_networks` are encoded round by round, by
both codecs at the same steps, with unary length 10 and a search for parameter sets. Both code the
difference between the trained model and what a decoder has. The command fails if an update is
larger than the peer's with the same tools allowed. With the packages magika and silero-vad (extra
``models``) the shipped network magika is adapted as well.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference import BaseModel, EncoderOptions, decode, encode
from nnc_conformance.reference.topology.onnx import extract, restore
from nnc_conformance.suites.judging.accuracy import answers

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from interop.sessions import SessionPeer  # noqa: E402
from update_sizes import Tensors, check, floats_of  # noqa: E402

QP, NONWEIGHT_QP = -30, -42
"""qp of matrices and of vectors, at density 2."""
TOOLS: tuple[tuple[str, ...], ...] = ((), ("row_skip",), ("tca",), ("hdsp",), ("row_skip", "tca", "hdsp"))
"""Sets of tools that each unit may use, the others off."""
ZSTD_LEVEL = 19
"""Level of zstd for the differences."""
COLUMNS = {
    "whole": "whole model",
    "zstd": "difference, zstd",
    "auto": "uniform, auto",
    "dq": "dq, auto",
    "rdo": "dq, RDO, auto",
}
"""Columns of the tables of rounds, by the names of `Round.sizes`."""
COLOURS = {"whole": "#cbd5e1", "zstd": "#94a3b8", "auto": "#93c5fd", "dq": "#3b82f6", "rdo": "#1e3a8a"}


ADAPTED = "magika-adapted"
"""Name of the sequence in which a network of another package is adapted."""
ADAPTED_ROUNDS = 6
"""Rounds of training of the adapted network."""


@dataclass(frozen=True)
class TrainedSequence:
    """A network after each round of training.

    Args:
        models: The binary32 parameters of each round.
        accuracy: Given the number of a round and parameters, the share of held-out inputs that the
            network gets right.
    """

    name: str
    models: list[Tensors]
    accuracy: Callable[[int, Tensors], float]


@dataclass(frozen=True)
class Round:
    """One stream of a sequence.

    Args:
        sizes: Bytes by the names of `COLUMNS`.
        before: Accuracy of the trained model, as a share of the held-out images.
        after: Accuracy of the decoded model.
    """

    sizes: dict[str, int]
    before: float
    after: float


@dataclass(frozen=True)
class MeasuredSequence:
    """The figures of a sequence: its rounds, and bytes of all updates by dq and tools, ours and the
    peer's.
    """

    name: str
    rounds: list[Round]
    ours: dict[tuple[bool, tuple[str, ...]], int]
    theirs: dict[tuple[bool, tuple[str, ...]], int]

    def total(self, column: str) -> int:
        """Return the bytes of all updates in a column of the table of rounds."""
        return sum(row.sizes[column] for row in self.rounds[1:])


def options_of(dq: bool, rdo: float = 0.0, **tools: Any) -> EncoderOptions:
    """Return the options of our encoder."""
    return EncoderOptions(edition=2024, qp=QP, nonweight_qp=NONWEIGHT_QP, dq=dq, rdo=rdo, **tools)


def session(models: Sequence[Tensors], options: EncoderOptions) -> tuple[list[bytes], list[Tensors]]:
    """Encode models in order; return the streams, and what a decoder has after each."""
    base, streams, decoded = BaseModel(), [], []
    for number, model in enumerate(models):
        streams.append(encode(model, base=base if number else None, options=options))
        base = decode(streams[-1], base=base).model or base
        decoded.append({name: np.array(base.parameters[name]) for name in model})
    return streams, decoded


def measure_tools(peer: SessionPeer, models: Sequence[Tensors], dq: bool, tools: tuple[str, ...]) -> tuple[int, int]:
    """Return the bytes of all updates, ours and the peer's.

    Raise `RuntimeError` if they decode otherwise.
    """
    allowed: dict[str, Any] = {tool: "auto" if tool in tools else "off" for tool in ("row_skip", "tca", "hdsp", "pre")}
    streams, decoded = session(models, options_of(dq, **allowed))
    changes = [{name: after[name] - have[name] for name in after} for have, after in zip(decoded, models[1:], strict=False)]
    on = {"row_skipping" if tool == "row_skip" else tool: tool in tools for tool in ("row_skip", "tca", "hdsp")}
    others = peer.encode_session([models[0], *changes], qp=QP, nonweight_qp=NONWEIGHT_QP, use_dq=dq, root="depth0", **on)
    for made in (streams, others):
        check(peer, made)
    return sum(map(len, streams[1:])), sum(map(len, others[1:]))


def digits_sequence(name: str) -> TrainedSequence:
    """Return a sequence of the suite's own networks."""
    files = packaged_networks.sequence_models(name)
    inputs, labels = packaged_networks.held_data(name)

    def accuracy(number: int, parameters: Tensors) -> float:
        taken = extract(files[number])
        found = answers(restore(taken.topology, taken.parameters | parameters), inputs)
        return float(np.mean(found.argmax(axis=-1) == labels))

    return TrainedSequence(name, [floats_of(file) for file in files], accuracy)


def adapted_sequence(name: str) -> TrainedSequence:
    """Return magika as shipped, and after each round of training of its last layer."""
    from wild.adapting import magika_adaptation

    adaptation = magika_adaptation()
    whole = dict(extract(adaptation.model).parameters)
    coded = floats_of(adaptation.model)
    models = [coded, *({key: trained[key] for key in coded} for trained in adaptation.rounds(ADAPTED_ROUNDS))]
    return TrainedSequence(name, models, lambda _, parameters: adaptation.accuracy(whole | parameters))


def sequence_of(name: str) -> TrainedSequence:
    """Return the sequence of a name."""
    return adapted_sequence(name) if name == ADAPTED else digits_sequence(name)


def measure(peer: SessionPeer, sequence: TrainedSequence) -> MeasuredSequence:
    """Measure a sequence; raise `RuntimeError` if the codecs decode a stream otherwise."""
    models = sequence.models
    sessions = {
        "auto": session(models, options_of(False)),
        "dq": session(models, options_of(True)),
        "rdo": session(models, options_of(True, 1.0)),
    }
    whole = EncoderOptions(qp=QP, nonweight_qp=NONWEIGHT_QP, dq=True, rdo=1.0)
    rounds = []
    for number, model in enumerate(models):
        change = [model[key] - models[number - 1][key] if number else model[key] for key in model]
        sizes = {key: len(streams[number]) for key, (streams, _) in sessions.items()}
        sizes["whole"] = len(encode(model, options=whole))
        sizes["zstd"] = len(zstandard.compress(b"".join(array.tobytes() for array in change), ZSTD_LEVEL))
        decoded = sessions["rdo"][1][number]
        rounds.append(Round(sizes, sequence.accuracy(number, model), sequence.accuracy(number, decoded)))
    pairs = {(dq, tools): measure_tools(peer, models, dq, tools) for dq in (False, True) for tools in TOOLS}
    ours, theirs = ({key: sizes[side] for key, sizes in pairs.items()} for side in (0, 1))
    return MeasuredSequence(sequence.name, rounds, ours, theirs)


def not_saved(measured: Sequence[MeasuredSequence]) -> Iterator[str]:
    """Yield the lines about sequences that RDO or dq makes larger."""
    larger = []
    for column, plainer, tool in (("rdo", "dq", "RDO"), ("dq", "auto", "dq")):
        pairs = ((sequence.name, sequence.total(column), sequence.total(plainer)) for sequence in measured)
        larger += [f"*{name}*: {found} with {tool} and {least} without it" for name, found, least in pairs if found > least]
    if larger:
        yield from ("", "On small updates RDO and dq do not always save bytes. All updates together are larger with them here:", "")
        yield from (f"- {line}" for line in larger)


def page(measured: Sequence[MeasuredSequence]) -> Iterator[str]:
    """Yield the lines of the page."""
    entry = f"qp {QP} for matrices and {NONWEIGHT_QP} for vectors, density 2"
    yield from (
        "# Updates of trained networks",
        "",
        "Is a model still right after ten updates, and what does an update cost? Made by",
        "`python benchmarks/trained_updates.py --peer PYTHON`, given the Python of an environment with the independent codec",
        "(`tests/peer/setup` makes one): networks of the suite are trained further, round by round",
        "(`generator/networks/fine_tuning.py`), and every round is sent as an update of what",
        f"the decoder has, with {entry}. *moved* networks adapt to images that are",
        "moved to a side; the *federated* one is the average of three clients, each with images moved its own way.",
        f"*{ADAPTED}* is the detector of file types of that name (a package of PyPI), whose last layer adapts to files with their",
        "letters in the other case; its other layers stay, and its held-out inputs are files. *magika-types-adapted* is that layer",
        "alone, cut down to the types that occur (`generator/networks/adapting.py`).",
        "",
        "Bytes of the stream of each round: the whole model (first edition, dq, RDO), the binary32 difference between rounds after",
        f"zstd -{ZSTD_LEVEL}, and updates with automatic choice of tools. Accuracy is the share of held-out inputs that the network gets",
        "right as trained, and as decoded from the updates with dq and RDO. With dq ours leaves out a tensor that the decoder knows as",
        "closely as dq would come; the peer codes what is left of each tensor.",
        *not_saved(measured),
        "",
        "![Bytes of each round](trained-updates.svg)",
    )
    for sequence in measured:
        yield from (
            "",
            f"## {sequence.name}",
            "",
            f"| round | {' | '.join(COLUMNS.values())} | accuracy trained | decoded |",
            "|---|" + "---:|" * 7,
        )
        for number, row in enumerate(sequence.rounds):
            yield f"| {number} | {' | '.join(str(row.sizes[key]) for key in COLUMNS)} | {row.before:.1%} | {row.after:.1%} |"
        yield f"| all updates | {' | '.join(str(sequence.total(key)) for key in COLUMNS)} | | |"
        yield from ("", "Bytes of all updates with the same tools allowed, without RDO:", "")
        yield from ("| tools allowed | uniform, ours | the peer's | ratio | dq, ours | the peer's | ratio |", "|---|" + "---:|" * 6)
        for tools in TOOLS:
            cells = []
            for dq in (False, True):
                ours, theirs = sequence.ours[dq, tools], sequence.theirs[dq, tools]
                cells += [str(ours), str(theirs), f"{ours / theirs:.3f}"]
            yield f"| {', '.join(tools) or 'none'} | {' | '.join(cells)} |"


def plot(measured: Sequence[MeasuredSequence]) -> str:
    """Draw the bytes of each round as an SVG: a group of bars for each."""
    left, group, bar, tall, gap = 60, 52, 9, 110, 46
    width = left + group * max(len(sequence.rounds) for sequence in measured) + 20
    height = 30 + (tall + gap) * len(measured)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">']
    for place, (key, title) in enumerate(COLUMNS.items()):
        x = left + 105 * place
        parts.append(f'<rect x="{x}" y="6" width="9" height="9" fill="{COLOURS[key]}"/><text x="{x + 13}" y="14">{title}</text>')
    for row, sequence in enumerate(measured):
        bottom = 30 + (tall + gap) * row + gap // 2 + tall
        most = max(size for one in sequence.rounds[1:] for size in one.sizes.values())
        parts.append(f'<text x="{left}" y="{bottom - tall - 6}">{sequence.name}, bytes (at most {most})</text>')
        for number, one in enumerate(sequence.rounds[1:], 1):
            for place, key in enumerate(COLUMNS):
                size = tall * one.sizes[key] / most
                x = left + group * (number - 1) + bar * place
                parts.append(f'<rect x="{x}" y="{bottom - size:.1f}" width="{bar - 1}" height="{size:.1f}" fill="{COLOURS[key]}"/>')
            parts.append(f'<text x="{left + group * (number - 1) + 22}" y="{bottom + 13}" text-anchor="middle">{number}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> int:
    """Run the command; return 1 if an update is larger than the peer's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="Python of the independent codec's environment")
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="folder of the page")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these sequences")
    arguments = parser.parse_args()
    with SessionPeer(arguments.peer) as peer:
        measured = [measure(peer, sequence_of(name)) for name in arguments.names or (*packaged_networks.sequence_names(), ADAPTED)]
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "trained-updates.md").write_text("\n".join(page(measured)) + "\n")
    (arguments.output / "trained-updates.svg").write_text(plot(measured))
    larger = [one.name for one in measured if any(one.ours[key] > one.theirs[key] for key in one.ours)]
    print(f"larger than the peer's: {', '.join(larger) or 'none'}")
    return 1 if larger else 0


if __name__ == "__main__":
    sys.exit(main())
