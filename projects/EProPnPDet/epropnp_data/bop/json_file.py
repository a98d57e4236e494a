"""Annotation files."""

import json
from pathlib import Path


def write_json(path: Path, content: object) -> None:
    """Write a JSON file, complete or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content))
    partial.replace(path)
