"""Finds the configs of this project, installed or in a checkout."""

from pathlib import Path

from mmengine.config import Config

import epropnp


def config_dir() -> Path:
    """Folder of the configs: in the installed package (``.mim``), else in the checkout.

    Raises:
        FileNotFoundError: there is neither.
    """
    package = Path(epropnp.__file__).resolve().parent
    candidates = (package / ".mim" / "configs", package.parents[2] / "configs")
    for folder in candidates:
        if (folder / "_base_").is_dir():
            return folder
    raise FileNotFoundError(f"no configs in {' nor in '.join(map(str, candidates))}; reinstall")


def get_config(name: str) -> Config:
    """Read a config by its path below ``configs``, e.g. ``epropnp_det/NAME.py``.

    mmengine's function of this name knows OpenMMLab's own packages only.

    Raises:
        FileNotFoundError: there is no such config; the message lists those of the same folder.
    """
    folder = config_dir()
    path = folder / name
    if not path.is_file():
        near = sorted(p.relative_to(folder).as_posix() for p in path.parent.glob("*.py"))
        raise FileNotFoundError(f"no config {name} in {folder}; there are {', '.join(near)}")
    return Config.fromfile(path)
