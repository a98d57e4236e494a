"""Annotation files."""

import json
from pathlib import Path

from ..whole_file import write_text


def write_json(path: Path, content: object) -> None:
    """Write a JSON file, complete or not at all."""
    write_text(path, json.dumps(content))
