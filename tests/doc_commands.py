"""Command lines of the documentation, read by the tools' own parsers; nothing is run."""

import argparse
import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import NamedTuple
from unittest import mock

from doc_pages import ROOT, blocks

INLINE = re.compile(
    r"(?<![`\w])`((?:python|make|pip|tools/\S+\.(?:py|sh)|\.ci/run)(?: [^`]*)?)`(?!`)"
)
SCRIPT = re.compile(r"^(?:tools|demo|benchmarks)/[\w/]+\.(?:py|sh)$")
FILE = re.compile(r"^(?:configs|tools|demo|benchmarks|tests|requirements|web)/.*\.\w+$")
ASSIGNMENT = re.compile(r"^\w+=")
NUMBERS = dict.fromkeys(("fx", "fy", "cx", "cy", "DEGREES", "PITCH", "ROLL", "ROW", "S", "N"), "9")
OTHERS = (".ci/run", "cd", "git", "ln", "mkdir", "npm", "pre-commit", "ruff")  # not ours to check
LAUNCHERS = {  # script: what reads its other words, and how many it takes itself after CONFIG
    "tools/dist_train.sh": ("tools/train.py", slice(1, 2)),
    "tools/dist_test.sh": ("tools/test.py", slice(2, 3)),
}


class Command(NamedTuple):
    """One command of a page.

    Attributes:
        place: page, and line of its block; the page alone for commands in sentences.
        words: as the shell splits it, without comment and leading assignments.
        assignments: ``NAME=value`` in front of it.
    """

    place: str
    words: list[str]
    assignments: list[str]


class Stopped(BaseException):
    """Raised in place of the program behind a parser, and with what a parser has to say."""


def split(place: str, line: str) -> Iterator[Command]:
    """Commands of a line of shell."""
    for part in re.split(r" && | \| | ; ", line):
        words = shlex.split(part, comments=True)
        ahead = 0
        while ahead < len(words) and ASSIGNMENT.match(words[ahead]):
            ahead += 1
        if words[ahead:]:
            yield Command(place, words[ahead:], words[:ahead])


def excusable(command: Command, wrong: str | None) -> bool:
    """Whether it is a part of a command, named in a sentence."""
    in_block = ":" in command.place
    return not in_block and (wrong or "").startswith("the following arguments are required")


def commands(page: str) -> list[Command]:
    """All commands of a page: of its shell blocks, and those in the text."""
    found = []
    for block in blocks(page, "shell", "bash", "sh", "console"):
        text = block.text.replace("\\\n", " ")
        for line in text.splitlines():
            found += split(f"{page}:{block.line}", line)
    text = re.sub(r"^ *```.*?^ *```", "", (ROOT / page).read_text(), flags=re.M | re.S)
    for match in INLINE.finditer(text):
        line = match.group(1).replace("\n", " ").replace("[", "").replace("]", "")
        found += split(page, line)
    return [command for command in found if "..." not in " ".join(command.words)]


def make_targets() -> tuple[set[str], set[str]]:
    """Targets and variables of the Makefile."""
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", text, re.MULTILINE))
    return targets, set(re.findall(r"\b([A-Z_]{4,})\b", text)) | {"TORCH", "TORCH_INDEX"}


def problem(command: Command) -> str | None:
    """What is wrong with a command; None if nothing is."""
    if missing := [word for word in command.words[1:] if FILE.match(word) and not exists(word)]:
        return f"no such file: {missing}"
    program, *rest = command.words
    program = program.removeprefix(".venv/bin/")
    if program in OTHERS or command.words == ["python"]:
        return None
    if program == "make":
        return make_problem([*rest, *command.assignments])
    if program == "pip":
        return pip_problem(rest)
    if program != "python" and not rest:
        return None if exists(program) else f"no such program: {program}"  # a name in a sentence
    return program_problem([program, *rest])


def program_problem(words: list[str]) -> str | None:
    """What is wrong with a call of one of our scripts."""
    program, *rest = words[1:] if words[0] == "python" else words
    if not SCRIPT.match(program) or not exists(program):
        return f"no such program: {program}"
    if program in LAUNCHERS:
        program, taken = LAUNCHERS[program]
        del rest[taken]
    return script_problem(program, rest) if program.endswith(".py") else None


def exists(word: str) -> bool:
    """Whether a file of the repository is there, as a path or a pattern."""
    return any(ROOT.glob(word))


def make_problem(words: list[str]) -> str | None:
    """Targets and variables that the Makefile does not know."""
    targets, variables = make_targets()
    for word in words:
        name, equals, _ = word.partition("=")
        if name not in (variables if equals else targets):
            return f"the Makefile has no {name}"
    return None


def pip_problem(words: list[str]) -> str | None:
    """Extras that setup.py does not have."""
    extras = set(re.findall(r'^        "(\w+)": \[?\*?\w+', (ROOT / "setup.py").read_text(), re.M))
    for word in words:
        for name in re.findall(r"^\.\[([\w,]+)\]", word):
            if unknown := set(name.split(",")) - extras:
                return f"no extra {unknown}"
    return None


@cache
def parser_of(script: str) -> argparse.ArgumentParser | None:
    """Parser that a script makes; it is stopped before it does anything else. None without one."""
    if "parser" not in (ROOT / script).read_text():
        return None  # it would run
    made = []

    def stop(parser: argparse.ArgumentParser, *args: object, **options: object) -> None:
        made.append(parser)
        raise Stopped

    top = str((ROOT / script).parent)
    with (
        mock.patch.object(argparse.ArgumentParser, "parse_known_args", stop),
        mock.patch.object(sys, "path", [top, *sys.path]),
        suppress(Stopped),
    ):
        runpy.run_path(str(ROOT / script), run_name="__main__")
    return made[0]


def script_problem(script: str, words: list[str]) -> str | None:
    """What the parser of a script says about its words."""
    parser = parser_of(script)
    if parser is None:
        return f"{script} reads no arguments" if words else None

    def stop(parser: argparse.ArgumentParser, message: str) -> None:
        raise Stopped(message)

    with mock.patch.object(argparse.ArgumentParser, "error", stop):
        try:
            _, left = parser.parse_known_args([NUMBERS.get(word, word) for word in words])
        except Stopped as error:
            message = str(error)
            return None if re.search("invalid choice: '[A-Z_]+'", message) else message
    return f"unknown: {' '.join(left)}" if left else None


def flags(script: str) -> set[str]:
    """All flags that a script knows."""
    parser = parser_of(script)
    actions = [] if parser is None else parser._actions
    return {flag for action in actions for flag in action.option_strings}
