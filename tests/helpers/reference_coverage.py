"""Holds the line and branch coverage of reference/ to what must be reached, and writes
docs/reference-coverage.md.

    python tests/helpers/reference_coverage.py COVERAGE_JSON

Every function with a line or branch that no test reaches needs its reason in `REASONS`; a reason
without such a function is refused too.
"""

import ast
import json
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "reference-coverage.md"
LEAST: Final = 98.0
BECAUSE: Final[dict[str, tuple[str, ...]]] = {
    "Refuses, by a typed error of one line, what no tool or model in the tests makes.": (
        "reduction/channels.py:_follow",
        "reduction/channels.py:_step",
        "reduction/encoder_input.py:topology",
        "reduction/local_scaling.py:scale_locally",
        "reduction/scoring.py:accuracy",
        "reduction/torch_graph.py:run",
        "reduction/torch_graph.py:_padded",
        "reduction/torch_graph.py:_average_pool",
        "topology/carriage_nnef.py:pack",
        "topology/carriage_nnef.py:unpack",
        "topology/carriage_onnx.py:unpack",
        "topology/nnef.py:write_header",
        "topology/nnef.py:item_type",
        "topology/pytorch.py:extract",
        "topology/pytorch.py:_unzipped",
        "topology/reference_list.py:with_reference_list",
        "topology/tensorflow.py:extract",
        "topology/tensorflow.py:_outlined",
        "topology/tensorflow.py:_or_model_error",
        "entropy/codeword.py:decode_codeword",
        "syntax/writer.py:Writer._utf8",
        "updates/applying.py:ModelBuilder._sum",
        "updates/finishing.py:_converted",
    ),
    "Refuses a damaged or hostile file of a kind that the measured tests lack; the fuzzer makes such files.": (
        "topology/keras_safety.py:checked_configuration",
        "topology/keras_safety.py:_check_object",
        "topology/keras_weights.py:checked_weights",
        "topology/keras_weights.py:_walked",
        "topology/onnx.py:_equal",
        "topology/program_safety.py:_rows",
        "topology/program_safety.py:_check_graph",
        "topology/program_safety.py:_is_small",
        "topology/program_safety.py:_is_small_exponent",
        "topology/pytorch.py:load_state_dict",
        "topology/pytorch.py:_check_pickles",
        "topology/tensorflow.py:_bytes_of",
    ),
    "Depends on the user's environment: variables, folders, CPUs, an interrupt; it is tried in processes that are not measured.": (
        "entropy/compiled.py:_cache_root",
        "entropy/compiled.py:_cache_folder",
        "entropy/compiled.py:Kernel.compiled",
        "threads.py:usable_cpus",
        "threads.py:thread_pool",
    ),
    "Takes a turn of damaged codewords, or of layouts and values that the measured tensors lack.": (
        "entropy/fast_decoder.py:decode_zeros_by_place",
        "entropy/fast_decoder.py:decode_run_by_place",
        "entropy/fast_tools.py:add_context_rows",
        "entropy/parallel.py:_decode",
        "quantization/fast_trellis.py:cheapest_path",
        "quantization/finer_steps.py:smallest",
        "quantization/trellis.py:extend",
    ),
    "Meets an update of several tensors without its base model, or with an inferred dimension mapping; no measured stream is one.": (
        "entropy/codeword.py:_with_tool_flags",
        "entropy/codeword.py:read_qp_deltas",
        "updates/applying.py:check_parent",
    ),
    "Passes on an error of a rule that a lenient decoder would forgive; no rule of updates is one.": ("driver.py:Driver._histories",),
    "Leaves out a unit that says nothing only after its tools are chosen; no measured tensor does that.": ("encoder.py:quantized_unit",),
    "Describes what the measured streams lack: dimension shifts, empty tensors, elements between units.": (
        "inspection.py:_data_unit_words",
        "inspection.py:summary",
        "inspection.py:_summary_words",
        "tracer.py:_Lines.element",
        "tracer.py:_bin_lines",
    ),
    "Makes a row of a search over ratios that trains; no measured test trains with it.": (
        "reduction/micro_structured.py:prune_blocks.row",
    ),
    "Reports a label in the source that cannot be read; all can.": ("syntax/branches.py:LabelledSource.take",),
    "Leaves alone what no graph in the tests has.": (
        "reduction/channels.py:_convolution",
        "reduction/channels.py:_keeps_channels",
        "reduction/encoder_input.py:_biases",
        "reduction/graph.py:Graph.over",
        "reduction/graph.py:Graph.set_dimensions",
        "reduction/network.py:unused_name",
        "topology/carriage.py:split_stream",
        "topology/carriage.py:_behind_parameter_set",
        "topology/graphs.py:_constant",
        "topology/pruned.py:with_new_dimensions",
        "topology/onnx.py:attribute_values",
        "topology/pytorch.py:_state_dict",
        "topology/special_inputs.py:_Finder._quantized",
        "topology/special_inputs.py:_Finder._before",
        "topology/special_inputs.py:_iterated",
    ),
    "Takes a turn that only tensors reach which are too long for a kernel without the compiler; with it they are coded in other tests.": (
        "entropy/fast_encoder.py:add_costs",
        "entropy/fast_encoder.py:pair_lanes",
    ),
    "Its loop always ends within: by the prefix's last bin, by a match of all kinds of rows.": (
        "entropy/fast_encoder.py:list_large",
        "reduction/maps.py:_entry",
    ),
    "Ends early where the fit is exact, which rounding prevents.": ("reduction/displacement.py:_least_squares",),
    "Asked for by the protocol of mappings alone.": (
        "syntax/context.py:ChangedShapes.__iter__",
        "syntax/context.py:ChangedShapes.__len__",
        "topology/shapes.py:TopologyShapes.__iter__",
        "topology/shapes.py:TopologyShapes.__len__",
    ),
    "Every walker has its own; this one says what it means.": ("syntax/walker.py:Walker.stream_bit",),
    "Protobuf refuses to write a model above 2 GiB.": ("topology/onnx.py:serialise",),
}
REASONS: Final = {f"reference/{name}": reason for reason, names in BECAUSE.items() for name in names}
"""Why a function is not reached whole, by file and name."""


def functions(path: Path) -> list[tuple[str, int, int]]:
    """Qualified name, first and last line of each function of a file, inner ones after outer ones."""
    found: list[tuple[str, int, int]] = []

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}."
                if isinstance(child, ast.FunctionDef):
                    found.append((name[:-1], child.lineno, child.end_lineno or child.lineno))
            visit(child, name)

    visit(ast.parse(path.read_text(encoding="utf-8")), "")
    return found


def unreached(file: str, measured: dict[str, Any]) -> dict[str, list[str]]:
    """By function, the lines and branches that no test reaches."""
    places = [(line, str(line)) for line in measured["missing_lines"]]
    missing = set(measured["missing_lines"])
    for start, end in measured["missing_branches"]:
        if abs(start) not in missing:
            places.append((abs(start), f"{start}->{end if end > 0 else 'exit'}"))
    found: dict[str, list[str]] = {}
    for line, text in sorted(places):
        inside = [name for name, first, last in functions(ROOT / file) if first <= line <= last]
        found.setdefault(f"{file}:{inside[-1] if inside else 'module'}", []).append(text)
    return found


def page(totals: dict[str, Any], left: dict[str, list[str]]) -> str:
    """The page in Markdown."""
    lines = [
        "# Coverage of the reference",
        "",
        "Written by `nox -s coverage`: the tests' line and branch coverage of `reference/`, its kernels uncompiled.",
        "",
        f"**{totals['percent_covered']:.2f} %** of {totals['num_statements']} lines and {totals['num_branches']} branches;"
        f" {totals['missing_lines']} lines and {totals['missing_branches']} branches are not reached, each for a reason:",
        "",
        "| function | lines and branches | reason |",
        "|---|---|---|",
        *(f"| `{name}` | {', '.join(places)} | {REASONS.get(name, '')} |" for name, places in left.items()),
        "",
    ]
    return "\n".join(lines)


def main(report: str) -> int:
    """Write the page.

    Return 1 if too little is reached, or a reason is missing or superfluous.
    """
    document = json.loads(Path(report).read_text(encoding="utf-8"))
    left: dict[str, list[str]] = {}
    for file, measured in sorted(document["files"].items()):
        left |= unreached(file, measured)
    PAGE.write_text(page(document["totals"], left), encoding="utf-8")
    faults = [f"{name} is not reached whole ({', '.join(left[name])}), and no reason is given" for name in left if name not in REASONS]
    faults += [f"{name} is reached whole, but a reason is given why not" for name in REASONS if name not in left]
    if document["totals"]["percent_covered"] < LEAST:
        faults.append(f"{document['totals']['percent_covered']:.2f} % is less than {LEAST} %")
    for fault in faults:
        print(fault)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
