"""Run the recipes of docs/ci.md for decoders in containers, with Docker (nox -s containers)."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.example_runs import EXAMPLES, others_than_right

from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.runner import RunOptions
from nnc_conformance.suites.running.selection import parse_filter, select
from nnc_conformance.suites.sandbox.limits import Limits

PAGE = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
(COMMAND_TOML,) = re.findall(r"```toml\n(name = \"my-decoder\"\nkind.*?)```", PAGE, re.S)
(WORKER_TOML,) = re.findall(r"```toml\n(name = \"my-worker\"\nkind.*?)```", PAGE, re.S)
COMMAND_SCRIPT, WORKER_SCRIPT = re.findall(r"```bash\n(#!/bin/sh.*?)```", PAGE, re.S)
CAPABILITIES = re.findall("^capabilities.*", (EXAMPLES / "cpp" / "decoder.toml").read_text(encoding="utf-8"), re.M)[0]


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_for(condition: str, *words: str) -> None:
    """Wait for what a docker command prints; fail after a minute."""
    for _ in range(240):
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
        if done.returncode == 0 and re.fullmatch(condition, done.stdout.strip()):
            return
        time.sleep(0.25)
    pytest.fail(f"docker {' '.join(words)} does not print {condition}: {done.stdout}{done.stderr}")


@pytest.fixture(scope="module", autouse=True)
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start the daemon if none answers, and stop it at the end."""
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        yield
        return
    folder = tmp_path_factory.mktemp("docker")
    words = [os.environ["NNC_DOCKERD"], "--iptables=false", "--bridge=none", "--storage-driver=vfs", f"--data-root={folder / 'data'}"]
    with (folder / "log").open("w") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
        wait_for(".+", "version", "--format", "{{.Server.Version}}")
        yield
        process.terminate()


@pytest.fixture(scope="module", autouse=True)
def image(daemon: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import an image without a distribution: the C++ example, linked statically, and busybox."""
    root = tmp_path_factory.mktemp("image")
    binaries = root / "bin"
    binaries.mkdir()
    sources = sorted(map(str, (EXAMPLES / "cpp").glob("*.cpp")))
    compiler = [os.environ.get("CXX", "g++"), "-std=c++17", "-O2", "-static"]
    subprocess.run([*compiler, "-o", str(binaries / "nnc_subset"), *sources], check=True)
    shutil.copy(os.environ["NNC_BUSYBOX"], binaries / "busybox")
    for name in ("sh", "timeout", "tail", "dd", "sleep", "wget"):
        (binaries / name).symlink_to("busybox")
    (binaries / "my-worker").symlink_to("nnc_subset")
    shutil.copy(Path(__file__).parent / "my-decoder", binaries / "my-decoder")
    subprocess.run(["tar", "-C", str(root), "-cf", str(root.with_suffix(".tar")), "bin"], check=True)
    docker("import", str(root.with_suffix(".tar")), "my-image")


def write_decoder(folder: Path, toml: str, script: str, *edits: tuple[str, str]) -> str:
    """Write decoder.toml and the script that it names, with edits of the script."""
    (name,) = re.findall(r"\{here\}/([a-z-]+\.sh)", toml)
    for old, new in edits:
        assert old in script
        script = script.replace(old, new)
    (folder / "decoder.toml").write_text(toml)
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)
    return str(folder / "decoder.toml")


def judge(decoder: str, folder: Path, ids: str, limits: Limits | None = None) -> list[CaseResult]:
    chosen = select(None, (Level.CORE, Level.NEGATIVE), filters=[parse_filter(f"id={ids}")])
    return list(
        run(
            chosen,
            [load_decoder(decoder)],
            folder / "out",
            levels=(Level.CORE, Level.NEGATIVE),
            options=RunOptions(jobs=2, limits=limits or Limits()),
        ).cases
    )


def test_a_worker_in_a_container_passes_what_it_must(tmp_path: Path) -> None:
    decoder = write_decoder(tmp_path, WORKER_TOML + CAPABILITIES, WORKER_SCRIPT)
    cases = judge(decoder, tmp_path, "*")
    assert others_than_right(cases) == []
    assert [case.outcome for case in cases].count(Outcome.PASS) > 200


def test_a_command_in_a_container_passes_what_it_must(tmp_path: Path) -> None:
    decoder = write_decoder(tmp_path, COMMAND_TOML + 'capabilities = ["int", "float", "raw-float"]\n', COMMAND_SCRIPT)
    cases = judge(decoder, tmp_path, "*-dimension*")
    assert others_than_right(cases) == []
    assert {Outcome.PASS, Outcome.UNSUPPORTED} >= {case.outcome for case in cases}
    assert [case.outcome for case in cases].count(Outcome.PASS) >= 10


@pytest.mark.parametrize(
    ("program", "message"),
    [
        pytest.param("sh -c 'wget -q -T 5 http://192.0.2.1'", "exit code 1", id="network"),
        pytest.param("sh -c 'dd if=/dev/zero of=/dev/null bs=256M count=1'", "exit code 137", id="memory"),
        pytest.param("sh -c 'sleep 600'", "exit code 137", id="endless"),
        pytest.param("no-such-program", "exit code 127", id="missing"),
    ],
)
def test_the_container_ends_what_it_must(program: str, message: str, tmp_path: Path) -> None:
    edits = (("my-decoder", program), ("--memory 4g", "--memory 64m"), ("KILL 50", "KILL 3"))
    (case,) = judge(write_decoder(tmp_path, COMMAND_TOML, COMMAND_SCRIPT, *edits), tmp_path, "ndu-int-dimensions")
    assert case.outcome is Outcome.CRASH
    assert message in case.message
    wait_for("", "ps", "--quiet")


def test_a_container_outlives_its_client_until_timeout_ends_it(tmp_path: Path) -> None:
    edits = (("my-decoder", "sh -c 'sleep 600'"), ("KILL 50", "KILL 15"))
    limits = Limits(wall_seconds=3)
    (case,) = judge(write_decoder(tmp_path, COMMAND_TOML, COMMAND_SCRIPT, *edits), tmp_path, "ndu-int-dimensions", limits)
    assert case.outcome is Outcome.TIMEOUT
    assert docker("ps", "--quiet").strip() != ""
    wait_for("", "ps", "--quiet")
