"""Networks that packages on PyPI ship, with data that nobody trained them on.

The original's answers are the truth.

magika tells the content type of files: here all files of this repository and of the standard
library. silero-vad tells whether somebody speaks: here sentences spoken by espeak-ng with pauses
and noise, at both of its sampling rates.
"""

import io
import json
import shutil
import subprocess
import sysconfig
import wave
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

ROOT = Path(__file__).parents[2]
Array = npt.NDArray[Any]
Answers = Callable[[bytes], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class WildNetwork:
    """A network: its name, the model, how many samples its held data has, and what a model of its
    interface answers, an int64 each.
    """

    name: str
    model: bytes
    samples: int
    answers: Answers


def shipped(package: str, *parts: str) -> bytes:
    """A file of an installed package, which is not imported (silero-vad would import PyTorch)."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed: pip install 'nnc-conformance[models]'")
    return Path(spec.submodule_search_locations[0]).joinpath(*parts).read_bytes()


def session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


# magika

FROM_EACH_SIDE, BLOCK, PADDING = 1024, 4096, 256
"""The model's input, by its config.min.json: bytes taken from each end of a file, bytes read there
before white space is stripped, and the number that stands for a missing byte.
"""
BATCH = 32
SOURCES = (ROOT, Path(sysconfig.get_path("stdlib")))
"""The repository, and the standard library with its tests."""
PASSED_OVER = ("site-packages", "__pycache__", "build", "vectors", "data")
"""Folders of others' files, of what was built, and of what this project's generator wrote."""
LEAST_BYTES = 64
EACH_SUFFIX = 8
"""How many files of one suffix the even set has at most."""


def held_files() -> list[Path]:
    """All files of `SOURCES`, sorted."""
    return [path for source in SOURCES for path in sorted(_walk(source))]


def even_files() -> list[Path]:
    """Up to `EACH_SUFFIX` of each suffix, evenly out of `held_files`."""
    by_suffix = defaultdict[str, list[Path]](list)
    for path in held_files():
        by_suffix[path.suffix].append(path)
    return [path for found in by_suffix.values() for path in found[:: -(-len(found) // EACH_SUFFIX)]]


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink() or path.name.startswith(".") or path.name.endswith(".egg-info"):
            continue
        if path.is_dir() and path.name not in PASSED_OVER:
            yield from _walk(path)
        elif path.is_file() and path.stat().st_size >= LEAST_BYTES:
            yield path


def features(content: bytes) -> list[int]:
    """Return 2048 bytes as numbers, filled up with `PADDING`."""
    begin, end = content[:BLOCK].lstrip()[:FROM_EACH_SIDE], content[-BLOCK:].rstrip()[-FROM_EACH_SIDE:]
    return [*begin, *[PADDING] * (FROM_EACH_SIDE - len(begin)), *[PADDING] * (FROM_EACH_SIDE - len(end)), *end]


class Labels:
    """From the model's probabilities to what magika says of a file, as it does by default: a
    doubtful type becomes text or unknown.
    """

    def __init__(self) -> None:
        model = json.loads(shipped("magika", "models", "standard_v3_3", "config.min.json"))
        known = json.loads(shipped("magika", "config", "content_types_kb.min.json"))
        self.names = sorted({*model["target_labels_space"], *model["overwrite_map"].values(), "txt", "unknown"})
        own, other = model["target_labels_space"], model["overwrite_map"]
        self.least = np.array([model["thresholds"].get(name, model["medium_confidence_threshold"]) for name in own])
        renamed = [other.get(name, name) for name in own]
        self.sure = np.array([self.names.index(name) for name in renamed])
        self.doubtful = np.array([self.names.index("txt" if known[name]["is_text"] else "unknown") for name in renamed])

    def of(self, likely: Array) -> npt.NDArray[np.int64]:
        """[N] places in ``names`` of [N, types] probabilities."""
        best = likely.argmax(axis=1)
        sure = likely.max(axis=1) >= self.least[best]
        return np.where(sure, self.sure[best], self.doubtful[best]).astype(np.int64)


def outputs(model: bytes, inputs: Array, name: str) -> Array:
    """Return an output of a form of magika's model for each row of inputs."""
    running = session(model)
    return np.concatenate([running.run([name], {"bytes": inputs[at : at + BATCH]})[0] for at in range(0, len(inputs), BATCH)])


def magika(files: Callable[[], list[Path]] = held_files) -> WildNetwork:
    """The classifier on some files; its answer is the content type that the package tells."""
    inputs, labels = np.array([features(path.read_bytes()) for path in files()], np.int32), Labels()

    def answers(model: bytes) -> npt.NDArray[np.int64]:
        return labels.of(outputs(model, inputs, "target_label"))

    return WildNetwork("magika", shipped("magika", "models", "standard_v3_3", "model.onnx"), len(inputs), answers)


# silero-vad

SENTENCES = (
    "The decoder reads one bit after another and never looks back.",
    "Seven small tensors travelled through a narrow channel.",
    "Is the model still right after this decoder?",
    "Please hold the line while we compare the weights.",
    "Rain fell on the quiet harbour, and nobody spoke for a while.",
    "Numbers below the threshold become zero; the others stay.",
)
VOICES = ("en", "en-us+f3", "de", "es+m3", "ru", "fr+f2")
NOISES = (30.0, 12.0, 3.0)
"""Decibels of speech over noise."""
RATES = {16000: (512, 64), 8000: (256, 32)}
"""By sampling rate: samples of a chunk, and how many of those before it the model sees."""
SPOKEN = 0.5


@cache
def spoken(text: str, voice: str) -> tuple[int, Array]:
    """A sentence by espeak-ng: its sampling rate, and samples from -1 to 1."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise SystemExit("espeak-ng is not installed: apt-get install espeak-ng")
    sound = subprocess.run([program, "-v", voice, "--stdout", text], capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(sound)) as file:
        rate = file.getframerate()
    # espeak-ng writes to a pipe before it knows the length, so the header's is not to be trusted
    samples = np.frombuffer(sound[44 : len(sound) - len(sound) % 2], "<i2")
    return rate, samples.astype(np.float64) / 32768


def resampled(samples: Array, rate: int, wanted: int) -> Array:
    """At another rate, by linear interpolation behind a moving average over the samples that would
    fall together.
    """
    width = max(round(rate / wanted), 1)
    smooth = np.convolve(samples, np.ones(width) / width, mode="same")
    return np.interp(np.arange(0, len(samples), rate / wanted), np.arange(len(samples)), smooth)


def recordings(rate: int, *, voices: int = len(VOICES), sentences: int = len(SENTENCES)) -> npt.NDArray[np.float32]:
    """[recordings, samples]: sentences with pauses between, each voice at each level of noise.

    Whole chunks, the same every time.
    """
    generator = np.random.default_rng(15938)
    lines = []
    for voice in VOICES[:voices]:
        parts = []
        for text in SENTENCES[:sentences]:
            own, samples = spoken(text, voice)
            parts += [resampled(samples, own, rate), np.zeros(int(rate * generator.uniform(0.3, 1.2)))]
        line = np.concatenate(parts)
        for level in NOISES:
            strength = np.sqrt(np.mean(line**2)) * 10 ** (-level / 20)
            lines.append(line + generator.normal(0, strength, len(line)))
    chunk = RATES[rate][0]
    length = min(map(len, lines)) // chunk * chunk
    return np.stack([line[:length] for line in lines]).astype(np.float32)


def silero_vad(**size: int) -> WildNetwork:
    """The detector on `recordings` of both rates.

    Its answer says of each chunk whether somebody speaks, its memory carried along.
    """
    held = {rate: recordings(rate, **size) for rate in RATES}

    def answers(model: bytes) -> npt.NDArray[np.int64]:
        running = session(model)
        found = []
        for rate, lines in held.items():
            chunk, context = RATES[rate]
            padded = np.pad(lines, ((0, 0), (context, 0)))
            state = np.zeros((2, len(lines), 128), np.float32)
            for at in range(0, lines.shape[1], chunk):
                feeds = {"input": padded[:, at : at + chunk + context], "state": state, "sr": np.array(rate, np.int64)}
                likely, state = running.run(None, feeds)
                found.append(likely[:, 0] > SPOKEN)
        return np.concatenate(found).astype(np.int64)

    samples = sum(lines.shape[0] * lines.shape[1] // RATES[rate][0] for rate, lines in held.items())
    return WildNetwork("silero-vad", shipped("silero_vad", "data", "silero_vad.onnx"), samples, answers)


NETWORKS: dict[str, Callable[[], WildNetwork]] = {
    "magika": magika,
    "magika, all suffixes alike": partial(magika, even_files),
    "silero-vad": silero_vad,
}
