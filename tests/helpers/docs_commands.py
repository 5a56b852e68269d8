"""The commands of the documentation: fenced blocks of sh in README, CONTRIBUTING and docs/, and
where each page's are run.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from helpers.checkout import ROOT, copy_to
from onnx import numpy_helper

from nnc_conformance.storage.suite_folder import built_in_root, files_of, load_suite, write_manifest, write_vector
from nnc_conformance.storage.vector import Level

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
START = "from nnc_conformance.cli.main import main; main()"


def blocks(page: str, language: str = "sh") -> list[str]:
    """The fenced blocks of a page in a language, in order."""
    return [text for name, text in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")) if name == language]


def pages() -> set[str]:
    """Every page that has commands."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    return {name for path in found if blocks(name := str(path.relative_to(ROOT)))}


def _examples(folder: Path) -> None:
    (folder / "examples").symlink_to(ROOT / "examples")


def _stream(folder: Path) -> None:
    shutil.copy(built_in_root() / "full" / "cabac-random-sparse" / "stream.nnr", folder / "stream.nnr")


def _streams(folder: Path) -> None:
    """A stream under the name that the page uses."""
    shutil.copy(built_in_root() / "full" / "cabac-random-sparse" / "stream.nnr", folder / "model.nnr")


def _stream_and_session(folder: Path) -> None:
    """Put a stream, and a base model with its update, under the names that the page uses."""
    _stream(folder)
    session = built_in_root() / "core" / "update-base-all"
    for step, name in enumerate(("base.nnr", "update.nnr")):
        shutil.copy(session / f"step-{step}.nnr", folder / name)


def _encoder(folder: Path) -> None:
    shutil.copytree(ROOT / "examples" / "encoder", folder / "my-encoder")


def _suite(folder: Path) -> None:
    """Some vectors of core as a suite of their own."""
    chosen = [stored for stored in load_suite(built_in_root(), levels={Level.CORE}).vectors if stored.vector.id.startswith("unit-")]
    for stored in chosen:
        write_vector(folder / "suite", stored.vector, {file.name: stored.read(file) for file in files_of(stored.vector)})
    write_manifest(folder / "suite", [stored.vector for stored in chosen])


def _model(folder: Path) -> None:
    shutil.copy(ROOT / "generator" / "networks" / "digits-mlp.onnx", folder / "model.onnx")
    (folder / "pipeline.yaml").write_text(blocks("docs/how-to/code-a-model.md", "yaml")[0])


def _decoder(folder: Path) -> None:
    """The worker in Python, under both names that pages use."""
    shutil.copytree(ROOT / "examples" / "python_worker", folder, dirs_exist_ok=True)
    shutil.copy(folder / "decoder.toml", folder / "my-decoder.toml")


def _releases(folder: Path) -> None:
    """The worker in Python as two releases."""
    for release in ("1.0", "1.1"):
        shutil.copytree(ROOT / "examples" / "python_worker", folder / release)
        description = folder / release / "decoder.toml"
        description.write_text(re.sub(r'^name = "(.*)"', rf'name = "\1-{release}"', description.read_text(), flags=re.M))


def _checkout(folder: Path) -> None:
    """The tracked files of this checkout, which the commands then import."""
    copy_to(folder)
    namespace = folder / "namespace" / "nnc_conformance"
    namespace.mkdir(parents=True)
    for package in ("reference", "storage", "generator", "suites", "encoders", "faults", "reports", "cli", "vectors", "docs"):
        (namespace / package).symlink_to(folder / package)


def _session(folder: Path) -> None:
    """Put a network, and the same after more and more training, in a folder."""
    model = onnx.load(ROOT / "generator" / "networks" / "digits-mlp.onnx")
    for name in ("model", "trained", "later"):
        onnx.save(model, folder / f"{name}.onnx")
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            if values.dtype == np.float32:
                tensor.CopyFrom(numpy_helper.from_array(values * np.float32(1.01), tensor.name))


QUICK: dict[str, Callable[[Path], None]] = {
    "docs/how-to/look-into-a-stream.md": _stream,
    "docs/how-to/validate-streams.md": _streams,
    "docs/updates.md": _session,
}
"""Pages whose commands `nox -s slow` runs, each with what its folder holds before."""
LONG: dict[str, Callable[[Path], None]] = {
    "docs/tutorial.md": _examples,
    "docs/encoders.md": _encoder,
    "docs/how-to/code-a-model.md": _model,
    "docs/how-to/measure-a-suite.md": _stream_and_session,
    "docs/how-to/publish-vectors.md": _suite,
    "docs/how-to/find-a-fault.md": lambda folder: None,
    "docs/trust.md": _decoder,
    "docs/ci.md": _decoder,
    "docs/releases.md": _releases,
    "CONTRIBUTING.md": _checkout,
}
"""Pages with long or many commands: `nox -s docs`."""
BY_CI = ("README.md",)
"""Pages whose commands .ci/run runs, each in a fresh clone."""


def run(page: str, folder: Path) -> None:
    """Runs a page's blocks in their order in a folder, each of which must succeed to its last
    command.
    """
    {**QUICK, **LONG}[page](folder)
    commands = folder / "bin"
    commands.mkdir()
    for name, words in (("nnc-conformance", f"-c '{START}'"), ("python", ""), ("python3", ""), ("pytest", "-m pytest"), ("pip", "-m pip")):
        file = commands / name
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        file.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{commands}:{os.environ['PATH']}",
        "DECODER": str(ROOT / "tests" / "one_wrong_entry" / "decoder.toml"),
        "PYTHONPATH": str(folder / "namespace"),
    }
    for block in blocks(page):
        words = ["bash", "-euo", "pipefail", "-c", block]
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert "Traceback" not in done.stderr
