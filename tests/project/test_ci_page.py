"""docs/ci.md: its recipes are YAML of the right shape, and every command in them is one."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

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
    said = {word for word in re.findall(r"`(--[a-z-]+)", PAGE) if not word.startswith("--nnc-") and word != "--junitxml"}
    assert said
    assert said <= options["run"]


def test_every_pytest_option_on_the_page_exists() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "nnc_conformance.cli.pytest_plugin", "--help"], capture_output=True, text=True, check=True
    )
    assert set(re.findall(r"--nnc-[a-z-]+", PAGE)) == set(re.findall(r"--nnc-[a-z-]+", done.stdout))
