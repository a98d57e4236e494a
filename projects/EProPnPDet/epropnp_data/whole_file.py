"""Text files that appear complete or not at all."""

import os
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write beside the file, then rename; the folder is made where it is missing.

    Args:
        path: file to write; an older one stays until the new one is complete.
        text: its content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text)
    part.replace(path)
