"""The commands that are killed: what each begins from, and what must be true of its output at
every moment.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from crash import moments
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from helpers.update_sessions import SEQUENCES
from hostile import support
from safetensors.numpy import save_file

from nnc_conformance.encoders.results import RESULTS_FILE as ENCODER_RESULTS_FILE
from nnc_conformance.encoders.results import EncoderResults
from nnc_conformance.encoders.running import JOURNAL_FILE as ENCODER_JOURNAL_FILE
from nnc_conformance.generator import generate as generating
from nnc_conformance.generator.sources import ids_of
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reports.encoders import ENCODER_PAGES
from nnc_conformance.reports.pages import RUN_PAGES
from nnc_conformance.reports.results import load
from nnc_conformance.storage.package import signature_path, verify
from nnc_conformance.storage.package_build import build
from nnc_conformance.storage.state_files import load_session
from nnc_conformance.storage.suite_folder import files_of, load_suite, write_manifest, write_vector
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.result_files import RESULTS_FILE
from nnc_conformance.suites.running.decoder_run import JOURNAL_FILE

SESSION = "by-the-peer/k-all-none-dq1-scan1"
"""The sequence whose first update is decoded."""
PACE = 24
"""Of level negative, the n-th part is generated."""
RUN_CASES = 12
"""Cases of the run that is killed."""


@dataclass(frozen=True)
class Command:
    """A command line with what `moments.try_out` asks of it."""

    words: list[str]
    folder: Path
    prepare: Callable[[], None]
    sound: Callable[[], bool]
    finished: Callable[[], object]
    again: list[str] | None = None
    once: bool = False
    goes_on: bool = False

    def try_out(self, seed: int, count: int) -> moments.Tally:
        return moments.try_out(
            self.words,
            self.folder,
            seed=seed,
            count=count,
            prepare=self.prepare,
            sound=self.sound,
            finished=self.finished,
            again=self.again,
            once=self.once,
            goes_on=self.goes_on,
        )


def copied(source: Path, folder: Path) -> None:
    """``folder`` made anew as ``source``."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)


def loads(folder: Path) -> bool:
    """Whether a suite passes for whole, every hash checked."""
    try:
        load_suite(folder)
    except NNCError:
        return False
    return True


@contextmanager
def generate(work: Path) -> Iterator[Command]:
    """``generate`` over an older suite: vectors are revised, made and retired."""
    ids = ids_of([Level.NEGATIVE])
    before, out = work / "before", work / "suite"
    with mock.patch.object(generating, "ids_of", lambda _: ids[::PACE] + ids[1 :: 2 * PACE]):
        generating.generate([Level.NEGATIVE], out=before)
    older = [(stored, stored.vector.model_copy(update={"title": "An older title"})) for stored in load_suite(before).vectors]
    for stored, vector in older:
        write_vector(before, vector, {file.name: stored.read(file) for file in files_of(vector)})
    write_manifest(before, [vector for _, vector in older])
    with mock.patch.object(generating, "ids_of", lambda _: ids[::PACE] + ids[2 :: 2 * PACE]):
        words = ["generate", "--level", "negative", "--jobs", "1", str(out)]
        yield Command(words, out, lambda: copied(before, out), lambda: loads(out), lambda: moments.tree(out))


@contextmanager
def run(work: Path) -> Iterator[Command]:
    """``run`` into the folder of an older run, completed by ``--resume``."""
    suite, before, out = work / "suite", work / "before", work / "results"
    support.write_suite(suite, support.good_vectors(RUN_CASES))
    words = ["run", str(suite), "--decoder", support.command("toy.py"), "--jobs", "2", "--output"]
    code, _ = moments.start([*words, str(before), "--filter", "id=*1"], before, moments.Moment())
    assert code == 0

    def sound() -> bool:
        if not (out / RESULTS_FILE).exists():
            assert not any((out / name).exists() for name in RUN_PAGES), "a page of an older run next to this one"
            return False
        loaded = load(out)
        assert not loaded.problems
        return loaded.results is not None and len(loaded.results.cases) == RUN_CASES

    def finished() -> object:
        names = sorted(path.name for path in out.iterdir())
        return names, (out / RESULTS_FILE).read_bytes()

    def prepare() -> None:
        copied(before, out)
        (out / JOURNAL_FILE).unlink()  # of another run, which --resume refuses

    yield Command([*words, str(out)], out, prepare, sound, finished, [*words, str(out), "--resume"])


@contextmanager
def run_encoder(work: Path) -> Iterator[Command]:
    """``run --encoder`` into the folder of an older run, completed by ``--resume``."""
    before, out = work / "before", work / "results"
    words = ["run", "--encoder", "in-tree", "--jobs", "1", "--filter", "id=shape-float-*7*"]
    assert moments.start([*words, "--output", str(before), "--filter", "!id=*x*"], before, moments.Moment())[0] == 0
    whole = work / "whole"
    assert moments.start([*words, "--output", str(whole)], whole, moments.Moment())[0] == 0
    expected = (whole / ENCODER_RESULTS_FILE).read_bytes()

    def sound() -> bool:
        if not (out / ENCODER_RESULTS_FILE).exists():
            assert not any((out / name).exists() for name in ENCODER_PAGES), "a page of an older run next to this one"
            return False
        results = EncoderResults.model_validate_json((out / ENCODER_RESULTS_FILE).read_bytes())
        return len(results.cases) == len(EncoderResults.model_validate_json(expected).cases)

    def finished() -> object:
        return (out / ENCODER_RESULTS_FILE).read_bytes() == expected, sorted(path.name for path in out.iterdir())

    def prepare() -> None:
        copied(before, out)
        (out / ENCODER_JOURNAL_FILE).unlink(missing_ok=True)

    again = [*words, "--output", str(out)]
    yield Command(again, out, prepare, sound, finished, [*again, "--resume"])


@contextmanager
def package(work: Path) -> Iterator[Command]:
    """``package build``, signed, over an older package."""
    suite, older, before, out = work / "suite", work / "older", work / "before", work / "out"
    support.write_suite(older, support.good_vectors(3))
    support.write_suite(suite, support.good_vectors(30))
    key = work / "key.pem"
    private = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    before.mkdir()
    file = out / "vectors.tar"
    build(older, before / file.name, key=private)
    yield Command(
        ["package", "build", str(suite), str(file), "--key", str(key)],
        out,
        lambda: copied(before, out),
        lambda: verify(file).vectors == 30 and signature_path(file).exists(),
        lambda: moments.tree(out),
    )


@contextmanager
def decode_state(work: Path) -> Iterator[Command]:
    """``decode --state`` of an update: the model of the step before, and the state that led to it,
    stand in the folder.
    """
    streams = SEQUENCES[SESSION].streams[:2]
    before, out = work / "before", work / "session"
    before.mkdir()
    for number, stream in enumerate(streams):
        (work / f"{number}.nnr").write_bytes(stream)
    model, state = out / "model.safetensors", out / "model.nncstate"
    words = ["decode", str(model), "--state", str(state)]
    copied(before, out)
    assert moments.start([words[0], str(work / "0.nnr"), *words[1:]], out, moments.Moment())[0] == 0
    copied(out, before)
    words.insert(1, str(work / "1.nnr"))
    old = moments.tree(out)
    assert moments.start(words, out, moments.Moment())[0] == 0
    new = moments.tree(out)

    def sound() -> bool:
        steps = len(load_session(state).streams)
        assert model.read_bytes() in (old[model.name], new[model.name])
        if steps == len(streams):
            assert model.read_bytes() == new[model.name], "a state without the model that belongs to it"
        return steps == len(streams)

    yield Command(words, out, lambda: copied(before, out), sound, lambda: moments.tree(out), once=True)


@contextmanager
def encode_state(work: Path) -> Iterator[Command]:
    """``encode --state`` of an update onto the state of the stream before, which stands in the
    folder.
    """
    rng = np.random.default_rng(9)
    weights = rng.standard_normal((60, 50)).astype(np.float32)
    for number, values in enumerate((weights, weights + np.float32(0.05) * rng.standard_normal((60, 50)).astype(np.float32))):
        save_file({"w": values}, work / f"{number}.safetensors")
    before, out = work / "before", work / "session"
    before.mkdir()
    copied(before, out)
    update, state = out / "update.nnr", out / "model.nncstate"
    first = ["encode", str(work / "0.safetensors"), str(work / "0.nnr"), "--state", str(state), "--edition", "2024"]
    assert moments.start(first, out, moments.Moment())[0] == 0
    copied(out, before)
    words = ["encode", "--base", str(state), str(work / "1.safetensors"), str(update), "--state", str(state)]
    assert moments.start(words, out, moments.Moment())[0] == 0
    new = update.read_bytes()

    def sound() -> bool:
        steps = len(load_session(state).streams)
        if update.exists():
            assert update.read_bytes() == new
        assert steps == 1 or update.exists(), "a state without the update that led to it"
        return steps > 1

    yield Command(words, out, lambda: copied(before, out), sound, lambda: moments.tree(out), goes_on=True)


COMMANDS = {
    "generate": generate,
    "run": run,
    "run --encoder": run_encoder,
    "package build": package,
    "decode --state": decode_state,
    "encode --state": encode_state,
}
