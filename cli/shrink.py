"""``shrink``: reduce a stream as far as the decoder still fails in the same way."""

from pathlib import Path
from typing import Annotated

import typer

from nnc_conformance.cli.options import input_file
from nnc_conformance.suites.results.outcomes import ExitCode


def command(
    stream: Annotated[
        Path,
        typer.Argument(
            metavar="STREAM", parser=input_file, help="A stream that the decoder fails, or the folder of a vector; - for standard input."
        ),
    ],
    decoder: Annotated[str, typer.Option("--decoder", metavar="D", help="The decoder, as for run.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Suite folder for the new vector.")] = Path("nnc-shrunk"),
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="ID", help="Id of the new vector.", show_default="shrunk- and the name of STREAM"),
    ] = None,
    budget: Annotated[float, typer.Option("--budget", metavar="S", min=0, help="Seconds to spend.")] = 60.0,
    tries: Annotated[int, typer.Option("--tries", metavar="N", min=1, help="Streams to try at most.")] = 5000,
    time_limit: Annotated[float, typer.Option("--time-limit", metavar="S", min=0.001, help="Seconds per stream.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> int:
    """Shrink a failing stream by its structure, and store the result as a vector.

    Units, tensors, dimensions, tools and values are removed one at a time, as long as the decoder
    fails in the same way: wrong output of the same kind, a valid stream refused, an invalid one
    accepted, or a crash. DIR is a suite: nnc-conformance run DIR --level full.

    Exit code: 0 done, 2 usage, bad input, or the decoder does not fail.

    Example: nnc-conformance shrink vectors/full/scan-1-block-rows --decoder decoder.toml
    """
    from nnc_conformance.faults.diagnosis.filed_vectors import file_vector, vector_id, vector_of
    from nnc_conformance.faults.diagnosis.shrink import judge_of, opened_decoder, shrink
    from nnc_conformance.storage.documents import canonical_json
    from nnc_conformance.storage.inputs import read_bytes
    from nnc_conformance.storage.outputs import refuse_inputs
    from nnc_conformance.storage.vector import STREAM_FILE, Level
    from nnc_conformance.suites.decoders.load import load_decoder
    from nnc_conformance.suites.running.invocation import limits_of

    file = stream / STREAM_FILE if stream.is_dir() else stream
    data = read_bytes(file)
    own = vector_id(name or f"shrunk-{stream.stem}")
    for level in Level:
        refuse_inputs(output / level / own / STREAM_FILE, [file])
    spec = load_decoder(decoder)
    with opened_decoder(spec, limits_of(time_limit, None)) as decode_stream:
        found = shrink(data, judge_of(decode_stream), seconds=budget, tries=tries)
    vector = file_vector(output, vector_of(found.stream, own, found.failure, spec.name))
    folder = output / vector.level / vector.id
    if as_json:
        document = {
            "format": "nnc-shrunk/1",
            "failure": str(found.failure),
            "bytes": {"before": len(data), "after": len(found.stream)},
            "tries": found.tries,
            "vector": str(folder),
        }
        typer.echo(canonical_json(document), nl=False)
    else:
        typer.echo(f"{found.failure}: {len(data)} bytes became {len(found.stream)}, {found.tries} streams tried")
        typer.echo(str(folder))
    return ExitCode.AS_EXPECTED
