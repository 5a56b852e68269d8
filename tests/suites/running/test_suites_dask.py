"""Runs on a Dask cluster give the same results.json, even if workers die (nox -s dask)."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from distributed import LocalCluster
from hostile import support

from nnc_conformance.encoders.load import load_encoder
from nnc_conformance.encoders.results import RESULTS_FILE, RUN_FILE
from nnc_conformance.encoders.running import run_encoders
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result_files import load_run
from nnc_conformance.suites.running import dask_pool
from nnc_conformance.suites.running.dask_pool import SchedulerError
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.runner import Progress, RunOptions
from nnc_conformance.suites.running.selection import select

LEVELS = [Level.CORE, Level.NEGATIVE]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as running:
        yield running


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("suite")
    support.write_suite(root, support.good_vectors(8) + support.bad_vectors())
    return root


def worker_pids(cluster: LocalCluster) -> list[int]:
    return [worker.process.process.pid for worker in cluster.workers.values()]


def pool_processes() -> list[psutil.Process]:
    """Return the pool processes below this process, including those of Dask workers."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE and "nnc_conformance.suites.running.pool_process_main" in process.cmdline()
    ]


def judged(root: Path, output: Path, *arguments: str, scheduler: str = "", jobs: int = 1, **more: object) -> bytes:
    options = RunOptions(jobs=jobs, scheduler=scheduler)
    run(select(root, LEVELS), support.decoders(*arguments), output, levels=LEVELS, options=options, **more)
    return (output / "results.json").read_bytes()


def test_one_worker_two_workers_and_a_cluster_find_the_same(cluster: LocalCluster, root: Path, tmp_path: Path) -> None:
    arguments = (
        support.command("toy.py"),
        support.worker(tmp_path, "toy_worker.py"),
        support.command("wrong_value.py"),
        support.command("kill_parent.py"),
        support.decoder_toml(tmp_path, "hostile", "worker", f'{support.sys.executable} -S {support.HERE / "worker_faults.py"} "dies"'),
        "in-tree",
    )
    one = judged(root, tmp_path / "one", *arguments)
    assert judged(root, tmp_path / "two", *arguments, jobs=2) == one
    assert judged(root, tmp_path / "dask", *arguments, scheduler=cluster.scheduler_address) == one
    document = load_run(tmp_path / "dask")
    assert (document.scheduler, document.jobs) == (cluster.scheduler_address, 2)
    assert document.network == load_run(tmp_path / "one").network
    assert set(document.logs) == set(load_run(tmp_path / "one").logs)


def test_encoders_are_judged_alike_on_a_cluster(cluster: LocalCluster, tmp_path: Path) -> None:
    found = []
    for folder, scheduler in (("here", ""), ("there", cluster.scheduler_address)):
        options = RunOptions(scheduler=scheduler)
        results = run_encoders([load_encoder("in-tree")], tmp_path / folder, filters=("value-int-*",), options=options)
        assert {case.outcome for case in results.cases} == {Outcome.PASS}
        found.append((tmp_path / folder / RESULTS_FILE).read_bytes())
    assert found[0] == found[1]
    assert json.loads((tmp_path / "there" / RUN_FILE).read_text())["scheduler"] == cluster.scheduler_address


def test_a_dask_worker_that_is_killed_in_mid_run_changes_nothing(cluster: LocalCluster, root: Path, tmp_path: Path) -> None:
    argument = support.command("slow.py")
    whole = judged(root, tmp_path / "whole", argument)
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.done == 3 and not killed:
            killed.append(worker_pids(cluster)[0])
            os.kill(killed[0], signal.SIGKILL)

    assert judged(root, tmp_path / "killed", argument, scheduler=cluster.scheduler_address, progress=kill) == whole
    assert killed
    assert not psutil.pid_exists(killed[0]) or psutil.Process(killed[0]).status() == psutil.STATUS_ZOMBIE
    deadline = time.monotonic() + 20
    while pool_processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert pool_processes() == []


def test_nothing_is_left_on_the_workers(cluster: LocalCluster, root: Path, tmp_path: Path) -> None:
    judged(root, tmp_path, support.worker(tmp_path, "toy_worker.py"), scheduler=cluster.scheduler_address)
    assert pool_processes() == []


def test_the_first_failure_stops_the_cluster_too(cluster: LocalCluster, root: Path, tmp_path: Path) -> None:
    options = RunOptions(scheduler=cluster.scheduler_address, fail_fast=True)
    results = run(select(root, LEVELS), support.decoders(support.command("wrong_value.py")), tmp_path, levels=LEVELS, options=options)
    assert results.counts[Outcome.FAIL] == 1
    assert results.counts[Outcome.NOT_RUN] >= 1


def test_a_run_that_was_killed_goes_on_elsewhere(cluster: LocalCluster, root: Path, tmp_path: Path) -> None:
    argument = support.command("slow.py")
    whole = judged(root, tmp_path / "whole", argument)
    output = tmp_path / "resumed"

    def stop(progress: Progress) -> None:
        if progress.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judged(root, output, argument, scheduler=cluster.scheduler_address, progress=stop)
    options = RunOptions(jobs=2, resume=True)
    steps: list[Progress] = []
    run(select(root, LEVELS), support.decoders(argument), output, levels=LEVELS, options=options, progress=steps.append)
    assert steps[0].resumed == 4
    assert (output / "results.json").read_bytes() == whole


def test_a_cluster_that_cannot_be_used_is_an_error(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_pool, "CONNECT_SECONDS", 1.0)
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        with pytest.raises(SchedulerError):
            judged(root, tmp_path, support.command("toy.py"), scheduler=address)
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty, pytest.raises(SchedulerError, match="no workers"):
        judged(root, tmp_path, support.command("toy.py"), scheduler=empty.scheduler_address)


def test_another_version_is_refused(cluster: LocalCluster, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_pool, "version", lambda name: "0.0.0")
    with pytest.raises(SchedulerError, match=r"the run has 0\.0\.0"):
        judged(root, tmp_path, support.command("toy.py"), scheduler=cluster.scheduler_address)
