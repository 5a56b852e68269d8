"""docs/ci.md: its recipes are YAML of the right shape, and every command in them is one."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hostile import support

PAGE = (Path(__file__).parents[2] / "docs" / "ci.md").read_text()
GITHUB, GITLAB = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S))
START = "from nnc_conformance.cli.main import main; main()"


def commands(recipe: Any) -> list[str]:
    if isinstance(recipe, dict):
        return [line for value in recipe.values() for line in commands(value)]
    if isinstance(recipe, list):
        return [line for value in recipe for line in commands(value)]
    return [recipe] if isinstance(recipe, str) and recipe.startswith("nnc-conformance ") else []


def options_of(command: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", START, command, "--help"], capture_output=True, text=True, check=True, env={"COLUMNS": "200"}
    )
    return set(re.findall(r"--[a-z-]+", done.stdout))


def test_the_recipes_run_the_same_commands() -> None:
    assert commands(GITHUB) == commands(GITLAB)
    assert len(commands(GITHUB)) == 2
    assert GITHUB["jobs"]["nnc"]["steps"][0] == {"uses": "actions/checkout@v4"}
    assert GITLAB["conformance"]["artifacts"]["reports"]["junit"] == "nnc-results/junit.xml"


def test_every_option_on_the_page_exists() -> None:
    options = {name: options_of(name) for name in ("run", "check-decoder")}
    for line in commands(GITHUB):
        words = shlex.split(line)
        assert {word for word in words[2:] if word.startswith("--")} <= options[words[1]]
    own, _, _ = PAGE.partition("## A decoder in a container")
    said = {word for word in re.findall(r"`(--[a-z-]+)", own) if not word.startswith("--nnc-") and word != "--junitxml"}
    assert said
    assert said <= options["run"]


DOCKER = """#!/bin/sh
while [ "$1" != my-image ]; do shift; done
shift
exec "$@"
"""
"""A docker whose containers are the machine itself."""


@pytest.mark.slow
def test_the_recipe_for_a_container_gives_the_decoder_its_paths(tmp_path: Path) -> None:
    (toml,) = re.findall(r"```toml\n(name = \"my-decoder\"\nkind.*?)```", PAGE, re.S)
    script, _ = re.findall(r"```bash\n(#!/bin/sh.*?)```", PAGE, re.S)
    (tmp_path / "decoder.toml").write_text(toml)
    decoder = f'#!/bin/sh\nexec {sys.executable} -S {support.HERE / "toy.py"} "$1" "$2"\n'
    for name, text in {"in-container.sh": script, "docker": DOCKER, "my-decoder": decoder}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    support.write_suite(tmp_path / "suite", support.good_vectors(1) + support.bad_vectors())
    words = ["run", tmp_path / "suite", "--decoder", tmp_path / "decoder.toml", "--output", tmp_path / "out"]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, "-c", START, *map(str, words)], capture_output=True, text=True, check=False, env=environment)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_every_pytest_option_on_the_page_exists() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "nnc_conformance.cli.pytest_plugin", "--help"], capture_output=True, text=True, check=True
    )
    assert set(re.findall(r"--nnc-[a-z-]+", PAGE)) == set(re.findall(r"--nnc-[a-z-]+", done.stdout))
