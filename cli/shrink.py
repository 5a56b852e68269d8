"""``shrink``: reduce a stream as far as the decoder still fails in the same way."""

from pathlib import Path
from typing import Annotated

import typer

from nnc_conformance.cli.options import input_file, output_folder
from nnc_conformance.suites.results.outcomes import ExitCode


def command(
    stream: Annotated[
        Path,
        typer.Argument(
            metavar="STREAM", parser=input_file, help="A stream that the decoder fails, or the folder of a vector; - for standard input."
        ),
    ],
    decoder: Annotated[str, typer.Option("--decoder", metavar="D", help="The decoder, as for run.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", parser=output_folder, help="Suite folder for the new vector.")] = Path(
        "nnc-shrunk"
    ),
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

    Units, tensors, dimensions, tools and values are removed one at a time, of a session steps and
    units, as long as the decoder fails in the same way: wrong output of the same kind, a valid stream refused, an invalid one
    accepted, or a crash. DIR is a suite: nnc-conformance run DIR --level full.

    Exit code: 0 done, 2 usage, bad input, or the decoder does not fail.

    Example: nnc-conformance shrink vectors/full/scan-1-block-rows --decoder decoder.toml
    """
    from nnc_conformance.faults.diagnosis.filed_vectors import file_vector, session_vector_of, vector_id, vector_of
    from nnc_conformance.faults.diagnosis.shrink import (
        Shrunk,
        ShrunkSession,
        judge_of,
        opened_decoder,
        opened_sessions,
        session_judge_of,
        shrink,
        shrink_session,
    )
    from nnc_conformance.storage.documents import canonical_json
    from nnc_conformance.storage.inputs import read_bytes
    from nnc_conformance.storage.outputs import check_outputs, refuse_inputs
    from nnc_conformance.storage.vector import MANIFEST_FILE, STREAM_FILE, Level
    from nnc_conformance.suites.decoders.load import load_decoder
    from nnc_conformance.suites.running.invocation import limits_of

    check_outputs([], folder=output, names=[MANIFEST_FILE])
    files = _files(stream)
    streams = [read_bytes(file) for file in files]
    own = vector_id(name or f"shrunk-{stream.stem}")
    for level in Level:
        refuse_inputs(output / level / own / files[0].name, files)
    spec = load_decoder(decoder)
    limits = limits_of(time_limit, None)
    found: Shrunk | ShrunkSession
    if files[0].name == STREAM_FILE or not stream.is_dir():
        with opened_decoder(spec, limits) as decode_stream:
            found = shrink(streams[0], judge_of(decode_stream), seconds=budget, tries=tries)
        left, made = [found.stream], vector_of(found.stream, own, found.failure, spec.name)
    else:
        with opened_sessions(spec, limits) as decode_session:
            found = shrink_session(streams, session_judge_of(decode_session), seconds=budget, tries=tries)
        left, made = list(found.streams), session_vector_of(found.streams, own, found.failure, spec.name)
    vector = file_vector(output, made)
    before, after = (sum(map(len, some)) for some in (streams, left))
    folder = output / vector.level / vector.id
    if as_json:
        document = {
            "format": "nnc-shrunk/1",
            "failure": str(found.failure),
            "bytes": {"before": before, "after": after},
            "tries": found.tries,
            "vector": str(folder),
        }
        typer.echo(canonical_json(document), nl=False)
    else:
        typer.echo(f"{found.failure}: {before} bytes became {after}, {found.tries} streams tried")
        typer.echo(str(folder))
    return ExitCode.AS_EXPECTED


def _files(stream: Path) -> list[Path]:
    """Return the stream files that an argument means.

    They are the file itself, or those of all steps in a vector's folder.
    """
    from nnc_conformance.storage.vector import STREAM_FILE, step_files

    if not stream.is_dir():
        return [stream]
    return [*step_files(stream)] or [stream / STREAM_FILE]
