"""Make suites/checking/samples.zip, probes of the second edition, from samples that two codecs
agree on.

    python benchmarks/sample_probes.py SAMPLES.zip

Expected tensors and models are those of the samples; the reference says only which capabilities a
session needs, which topology it carries, and which rule it breaks when it is cut short.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from nnc_conformance.generator.facts import met_in_session
from nnc_conformance.reference import BaseModel, decode
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.syntax.rules import RULES, Provenance
from nnc_conformance.storage.suite_folder import stored_file, write_manifest, write_vector
from nnc_conformance.storage.vector import Level, NegativeSpec, SessionVector, Step
from nnc_conformance.suites.checking.sample_probes import SAMPLES

CHOSEN: Final = {
    "by-the-peer/e-shape-1-dq0": 1,
    "by-the-peer/b-cb-two-skip": 1,
    "by-the-peer/g-noopt-dq0-skip1": 1,
    "by-the-peer/h-shift2": 1,
    "by-the-peer/l-none": 3,
    "by-the-peer/l-rp": 3,
    "by-the-peer/m-cb-five-r": 2,
    "by-the-peer/r-first-t-dq0": 2,
    "by-the-peer/r-first-th-dq1": 2,
    "by-the-peer/x-change-th": 4,
    "by-the-peer/y-hist-h-dq0-scan0": 3,
    "by-the-peer/y-hist-th-dq1-scan0": 3,
    "by-the-peer/x-noopt-hp": 2,
    "from-the-sheet/w-162": 3,
}
"""Samples that become probes, each with the number of streams that are taken of it."""
_INFERRED: Final = {"pre", "dimension-shift"}
"""Capabilities whose meaning is inferred, though both codecs agree on it."""

Made = tuple[SessionVector, dict[str, bytes]]


def good(name: str, samples: ZipFile, count: int) -> Made:
    """Return the probe of a sample's first ``count`` streams."""
    folder = name.partition("/")[0]
    base, steps, streams = BaseModel(), [], []
    files: dict[str, bytes] = {}
    for number, row in enumerate(json.loads(samples.read(f"{name}.json"))["streams"][:count]):
        stream = samples.read(f"{folder}/{row['stream']}")
        expected = samples.read(f"{folder}/{row['stream'].removesuffix('.nnr')}.safetensors")
        decoded = decode(stream, base=base)
        base = decoded.model or base
        made = {"stream": (f"step-{number}.nnr", stream), "expected": (f"step-{number}-expected.safetensors", expected)}
        if decoded.topology is not None:
            made["topology"] = (f"step-{number}-topology.bin", decoded.topology.data)
        if "model" in row:
            made["model"] = (f"step-{number}-model.safetensors", samples.read(f"{folder}/{row['model']}"))
        steps.append(Step(**{key: stored_file(*file) for key, file in made.items()}))
        files |= dict(made.values())
        streams.append(stream)
    flags = met_in_session(streams, base=BaseModel()).flags
    vector_id = f"probe-{Path(name).name}"
    return vector(vector_id, Level.INFERRED if _INFERRED & set(flags) else Level.CORE, flags, steps), files


def cut(whole: SessionVector, files: dict[str, bytes]) -> Made:
    """Return the probe whose last stream lacks its last byte."""
    *earlier, last = whole.steps
    stream = files[last.stream.name][:-1]
    base = BaseModel()
    for step in earlier:
        base = decode(files[step.stream.name], base=base).model or base
    try:
        decode(stream, base=base)
    except StreamError as error:
        negative = NegativeSpec(rule=error.rule, policy=RULES[error.rule].policy, category=error.category)
    else:
        raise AssertionError(f"{whole.id}: the reference decodes it without its last byte")
    steps = [*earlier, Step(stream=stored_file(last.stream.name, stream), expected=None)]
    kept = {file.name: files[file.name] for step in earlier for file in (step.stream, step.expected, step.topology, step.model) if file}
    return vector(f"{whole.id}-cut", Level.NEGATIVE, whole.flags, steps, negative), {**kept, last.stream.name: stream}


def vector(vector_id: str, level: Level, flags: tuple[str, ...], steps: list[Step], negative: NegativeSpec | None = None) -> SessionVector:
    """Return the description of a probe."""
    return SessionVector(
        id=vector_id,
        revision=1,
        level=level,
        title=f"Streams with {', '.join(flags)}" + (", the last cut short" if negative else ""),
        tests="Whether declared capabilities exist.",
        catches="A decoder that declares what it cannot do.",
        clauses=("6",),
        flags=flags,
        elements=(),
        provenance=Provenance.INFERRED if level is Level.INFERRED else Provenance.VERIFIED,
        edition=2024,
        steps=tuple(steps),
        negative=negative,
    )


def main(path: str) -> None:
    """Write the probes as a suite folder into a zip, the same bytes each time."""
    with ZipFile(path) as samples:
        whole = [good(name, samples, count) for name, count in CHOSEN.items()]
    made = [*whole, *(cut(*one) for one in whole)]
    with TemporaryDirectory() as folder, ZipFile(SAMPLES, "w") as archive:
        for one, files in made:
            write_vector(Path(folder), one, files)
        write_manifest(Path(folder), [one for one, _ in made])
        for file in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            archive.writestr(ZipInfo(file.relative_to(folder).as_posix()), file.read_bytes(), ZIP_DEFLATED, 9)


if __name__ == "__main__":
    main(*sys.argv[1:])
