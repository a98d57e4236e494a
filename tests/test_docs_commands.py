"""Every command on every page: its script, files, targets and flags exist and fit together."""

import re

import pytest

from doc_commands import SCRIPT, Command, commands, excusable, flags, problem, split
from doc_pages import ROOT, pages

OTHER_FLAGS = {  # of pip, pytest, pre-commit
    "--force-reinstall",
    "--no-build-isolation",
    "--no-cache-dir",
    "--no-deps",
    "--tighten",
}


@pytest.mark.parametrize("page", [page for page in pages() if commands(page)])
def test_commands(page):
    found = [(command, problem(command)) for command in commands(page)]
    assert not [pair for pair in found if pair[1] and not excusable(*pair)]


def test_flags_in_the_text():
    """Those that tables and sentences name exist in some tool."""
    tools = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("[bdt]*/**/*.py")]
    known = {flag for tool in tools if SCRIPT.match(tool) for flag in flags_of(tool)} | OTHER_FLAGS
    for page in pages():
        code = " ".join(re.findall(r"(?<!`)`([^`\n]+)`(?!`)", (ROOT / page).read_text()))
        named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", code))
        assert named <= known, (page, named - known)


def flags_of(tool):
    """None of modules that are no programs."""
    return flags(tool) if "__main__" in (ROOT / tool).read_text() else set()


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("make no-such-target", "no no-such-target"),
        ("make test NO_SUCH=1", "no NO_SUCH"),
        ("pip install '.[nothing]'", "no extra"),
        ("python tools/nothing.py", "no such file"),
        ("python tools/explore.py", "required: results_dir"),
        ("python tools/explore.py DIR --no-such-flag", "unknown: --no-such-flag"),
        ("python tools/explore.py DIR --max-samples few", "invalid int"),
        ("python tools/check_env.py --fast", "reads no arguments"),
        ("tools/dist_train.sh configs/nothing.py 2", "no such file"),
        ("tools/dist_train.sh CONFIG 2 --tta", "unknown: --tta"),
    ],
)
def test_what_is_wrong_is_found(line, wrong):
    (command,) = split("page", line)
    assert wrong in problem(command)


def test_parts_of_commands_are_named_in_sentences_only():
    (command,) = split("page", "tools/explore.py --serve")
    assert excusable(command, problem(command))
    assert not excusable(command._replace(place="page:3"), problem(command))
    assert not excusable(command, "unknown: --serf")


def test_lines_are_split_as_a_shell_would():
    first, second = split("page", "A=1 make test && python tools/explore.py DIR  # says why")
    assert first == Command("page", ["make", "test"], ["A=1"])
    assert second.words == ["python", "tools/explore.py", "DIR"]


def test_commands_in_the_text_are_found():
    words = [command.words for command in commands("docs/data.md")]
    assert ["python", "tools/browse_dataset.py", "CONFIG"] in words
