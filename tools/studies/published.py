"""Published scores: what the configs say on top, so that each number stands in one place."""

import re
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from studies.study import ROOT

FAMILIES = ("epropnp_det", "epropnp_6dof")
SCORE = re.compile(r"NDS \d|ADD\(-S\) \d|ADD\(-S\) 0")


class Published(NamedTuple):
    """A config and the sentence on its published score."""

    config: str
    score: str


def published_scores(root: Path = ROOT) -> list[Published]:
    """Configs whose opening comment has a sentence "Published ..." with a score, by path."""
    found = []
    for family in FAMILIES:
        for path in sorted((root / "configs" / family).rglob("*.py")):
            sentence = _sentence(path.read_text())
            if sentence is not None:
                found.append(Published(path.relative_to(root).as_posix(), sentence))
    return found


def _sentence(text: str) -> str | None:
    lines = takewhile(lambda line: line.startswith("#"), text.splitlines())
    comment = " ".join(line.lstrip("# ").strip() for line in lines)
    sentences = re.split(r"(?<=[.%)])\s+(?=[A-Z]|python |tools/)", comment)
    for sentence in sentences:
        if sentence.startswith("Published") and SCORE.search(sentence):
            return sentence.rstrip(".")
    return None
