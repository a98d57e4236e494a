"""The pages of the documentation: their blocks of code, and how to run them."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
OTHERS = ("README.md", "CONTRIBUTING.md", "projects/EProPnPDet/README.md")
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        page: path of its page, from the top.
        line: number of its first line.
        language: as the fence says; empty without.
        text: the lines.
    """

    page: str
    line: int
    language: str
    text: str


def pages() -> list[str]:
    """Paths of all pages, from the top of the repository."""
    found = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")]
    return [*OTHERS, *sorted(found)]


def blocks(page: str, *languages: str) -> list[Block]:
    """Blocks of a page in these languages."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, match.start()) + 2, match.group(1), match.group(2))
        for match in FENCE.finditer(text)
        if match.group(1) in languages
    ]


def run(page: str, namespace: dict) -> dict:
    """Run the Python blocks of a page one after the other, as a reader who types them would."""
    for block in blocks(page, "python"):
        source = "\n" * (block.line - 1) + block.text
        exec(compile(source, str(ROOT / page), "exec"), namespace)
    return namespace
