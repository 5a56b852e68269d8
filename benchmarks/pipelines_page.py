"""The page and the plot of pipelines.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

BINARY32 = 4
"""Bytes of a parameter in binary32."""
PEER = "independent codec: use_dq, qp_density 2, lambda_scale"
"""Name of the independent codec's rows: its options by its own names."""
PLOTTED = {
    ("quantization (dq, RDO)", "data-free"): "#6b7280",
    ("folding, quantization, local scaling", "data-free"): "#1d4ed8",
    ("pruning + the above", "trained"): "#b45309",
    ("sparsification + the above", "trained"): "#047857",
    ("pruning, sparsification + the above", "trained"): "#be185d",
    (PEER, "data-free"): "#111827",
}
"""Colours of the curves in the plot."""
WIDTH, PANEL, LEFT, TOP, LEGEND = 760, 250, 60, 30, 90
"""Pixels of the plot."""
MOST, LEAST_LOSS, MOST_LOSS = 12.0, -1.0, 8.0
"""Range of the plot: per cent of binary32, points of accuracy lost."""

Figures = Mapping[str, tuple[int, float, Sequence["Curve"]]]
"""By network: number of parameters, accuracy before, curves."""


@dataclass(frozen=True)
class Point:
    """A stream.

    Args:
        parameter_bytes: Bytes without the graph.
        stream_bytes: All bytes.
        parameters: Coded floating point values.
        accuracy: Accuracy of the decoded network.
    """

    qp: int
    rdo: float
    parameter_bytes: int
    stream_bytes: int
    parameters: int
    accuracy: float


@dataclass(frozen=True)
class Curve:
    """Measurements of a pipeline on a network.

    Args:
        form: Data-free or trained.
        setting: Strengths of the tools.
        points: Streams at rising qp.
        best: The smallest stream within a point of the original's accuracy, if any.
    """

    pipeline: str
    form: str
    setting: str
    points: tuple[Point, ...]
    best: Point | None


HEAD = """# Pipelines of clause 8

A pipeline is a YAML list of tools with their parameters, in the order of clause 5.3:

```yaml
held: held.safetensors        # relative to this file: a tensor for each graph input, and "labels"; for maps and choices
training: train.safetensors   # the same, for tools with "train"
tools:
- {tool: pruning, ratios: [0.2, 0.4], train: {epochs: 20}}   # the strongest of these within accuracy_loss (0.01)
- {tool: sparsification, zeros: [0.6], tensors: ["conv*"]}
- batch_norm_folding
- {tool: quantization, qp: -13, nonweight_qp: -16, dq: true}
- local_scaling
```

    nnc-conformance encode model.onnx model.nnr --pipeline pipeline.yaml
    nnc-conformance decode model.nnr smaller.onnx

| tool | clause | parameters (default) | effect on the stream |
|---|---|---|---|
| `pruning` | 8.2.3 | ratios, criterion (l1, l2, diffusion), zeros (0) | smaller tensors and graph, NNR_TPL_PRUN, pruning map |
| `sparsification` | 8.2.1 | thresholds or zeros; train: compressibility (0.001) | zeros, sparsification map |
| `micro_structured_pruning` | 8.2.2 | ratios, super_block (64, 64), block (4, 4) | zeros, sparsification map |
| `unification` | 8.2.4 | thresholds, super_block (64, 64), block (2, 2) | equal magnitudes, unification map |
| `low_rank` | 8.2.5 | mse_thresholds, row_dimensions (1) | G and H in blocks with the bit DC, decomposition map |
| `low_displacement_rank` | 8.2.5 | mse_thresholds | G and H as parameters of the graph, decomposition map |
| `batch_norm_folding` | 8.2.6 | into (weight, scaling) | batch norms become biases and LS |
| `quantization` | 9 | qp, nonweight_qp, qp_density, dq, codebook, scan_order, unary_length, rdo, tensor_qp (as on the command line) | |
| `local_scaling` | 8.2.7 | biases (false): also train them | LS in blocks |

All except `quantization` accept `tensors` (shell patterns of weights) and `train` (epochs, learning_rate, batch, seed; needs the extra
`train`); those with a map accept `accuracy_loss`. The rows of a map are measured: each setting passes through folding, quantization,
local scaling, encoder and decoder, and ONNX Runtime classifies the held-out samples.

## Measured on real networks

Written by `benchmarks/pipelines.py`; run it to update this page.

A row is the smallest stream of the pipeline whose top-1 accuracy on the 450 held-out images is within one point of the original's,
among step sizes a quarter octave apart, from fine to where accuracy breaks down, each at rdo 0, 1 and 3. They were chosen on the same
images, so the figures show how well parameters compress, not how well a network generalises; 450 images resolve about one point. *Bytes*
are those of the parameters with their parameter set and maps; *stream* includes the deflated graph. The ratio is to binary32, 4 bytes for
each of the original's parameters. Accuracy is that of ONNX Runtime with the reference decoder's output; rows of the independent codec
are its own streams, decoded by itself, at the same step sizes; rows state its options by their own names, and lambda_scale (0, 0.1, 0.3
and 1) in the column rdo.

"The above" means folding, quantization and local scaling; folding changes nothing in networks without batch norms. *Setting* is the tool's
ratio, share of zeros or threshold. The weights of these networks have no low displacement rank, and errors of quantized generators
accumulate along diagonals: that tool is useful only for matrices close to Toeplitz ones.
Data-free forms need NumPy only; trained forms need the extra `train`, and used the 1347 images that are not held out.

![Accuracy lost against bytes](pipelines.svg)
"""


def page(figures: Figures) -> str:
    """Write the page in Markdown."""
    lines = [HEAD]
    for name, (count, before, curves) in figures.items():
        lines += [
            f"### {name}",
            "",
            f"{count} parameters, {BINARY32 * count} bytes in binary32, top-1 {before:.2%}.",
            "",
            "| pipeline | form | setting | qp | rdo | coded parameters | bytes | share of binary32 | stream | accuracy before | after |",
            "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
            *(_row(curve, count, before) for curve in curves),
            "",
        ]
    return "\n".join(lines)


def _row(curve: Curve, count: int, before: float) -> str:
    """Write a row of the table."""
    best, head = curve.best, f"{curve.pipeline} | {curve.form} | {curve.setting}"
    if best is None:
        top = max(point.accuracy for point in curve.points)
        return f"| {head} | - | - | - | none within a point; at best {top:.2%} | - | - | {before:.2%} | - |"
    ratio = best.parameter_bytes / (BINARY32 * count)
    cells = (
        best.qp,
        f"{best.rdo:g}",
        best.parameters,
        best.parameter_bytes,
        f"{ratio:.2%}",
        best.stream_bytes,
        f"{before:.2%}",
        f"{best.accuracy:.2%}",
    )
    return f"| {head} | {' | '.join(map(str, cells))} |"


def plot(figures: Figures) -> str:
    """Plot accuracy lost against bytes in SVG, one panel for each network."""
    height = TOP + len(figures) * PANEL + LEGEND
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12" fill="#111827">',
        "<title>Points of accuracy lost against bytes of parameters, for each network and pipeline</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (name, (count, before, curves)) in enumerate(figures.items()):
        parts += _panel(name, TOP + number * PANEL, count, before, curves)
    for number, ((pipeline, form), colour) in enumerate(PLOTTED.items()):
        x, y = LEFT + (number % 2) * 350, TOP + len(figures) * PANEL + 20 + (number // 2) * 22
        parts.append(f'<line x1="{x}" y1="{y}" x2="{x + 24}" y2="{y}" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{x + 30}" y="{y + 4}">{escape(pipeline)}{", trained" if form == "trained" else ""}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(name: str, top: int, count: int, before: float, curves: Sequence[Curve]) -> list[str]:
    """Draw a panel."""
    right, bottom = WIDTH - 20, top + PANEL - 70

    def x_of(share: float) -> float:
        return LEFT + (right - LEFT) * share / MOST

    def y_of(loss: float) -> float:
        return top + (bottom - top) * (loss - LEAST_LOSS) / (MOST_LOSS - LEAST_LOSS)

    parts = [f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{escape(name)}</text>']
    for percent in range(0, int(MOST) + 1, 2):
        x = x_of(percent)
        parts.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{percent} %</text>')
    for points in range(0, int(MOST_LOSS) + 1, 2):
        y = y_of(points)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{-points}</text>')
    limit = y_of(1.0)
    parts.append(f'<line x1="{LEFT}" y1="{limit:.1f}" x2="{right}" y2="{limit:.1f}" stroke="#9ca3af" stroke-dasharray="4 3"/>')
    parts.append(f'<text x="{right}" y="{bottom + 32}" text-anchor="end">bytes of parameters, of binary32</text>')
    parts.append(f'<text transform="translate({LEFT - 36} {(top + bottom) / 2}) rotate(-90)" text-anchor="middle">points of top-1</text>')
    for curve in curves:
        colour = PLOTTED.get((curve.pipeline, curve.form))
        rdo = curve.best.rdo if curve.best else curve.points[0].rdo
        shown = [
            (x_of(share), y_of(loss))
            for point in curve.points
            if point.rdo == rdo
            if (share := 100 * point.parameter_bytes / (BINARY32 * count)) <= MOST
            and LEAST_LOSS <= (loss := 100 * (before - point.accuracy)) <= MOST_LOSS
        ]
        if colour and shown:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in shown)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>')
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in shown]
    return parts
