#!/usr/bin/env python3
"""Set up everything in a local virtual environment: ``python3 tools/setup_env.py``.

Needs Python 3.10 to 3.12, a C++ compiler and a package index. The first run takes minutes, most
of them for compiling mmcv, whose wheel is then kept in ``~/.cache/epropnp`` for other clones.
Later runs see that nothing changed and end at once. A run that was stopped goes on.

Variables: ``VENV`` (folder, default ``.venv``), ``TORCH`` (requirement, default that of
requirements/build.txt), ``TORCH_INDEX`` (extra index for torch, default PyTorch's CPU wheels;
empty for none), ``EPROPNP_CACHE`` (wheel cache).

The tests of the result page want Chromium. It is installed where that takes no question: as root on
a Debian machine. Elsewhere those tests are skipped and say how to get it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from epropnp_tools.console import CommandFailed, clock, locked, run_logged, say
from epropnp_tools.mmcv_wheel import ensure_wheel

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"
SUPPORTED = [(3, 11), (3, 12), (3, 10)]  # in order of preference; the first is the tested one
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
STAMP = "epropnp-ready"
BROWSER = ("chromium", "chromedriver")


def read_requirements(name: str) -> list[str]:
    """Requirement lines of ``requirements/<name>.txt`` without comments."""
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def pick_python() -> str:
    """Interpreter of a supported version: this one, or another one on the PATH.

    Raises:
        CommandFailed: without one.
    """
    if sys.version_info[:2] in SUPPORTED:
        return sys.executable
    for major, minor in SUPPORTED:
        name = shutil.which(f"python{major}.{minor}")
        if name and works(Path(name), "import venv"):
            return name
    raise CommandFailed(
        f"Python {sys.version.split()[0]} will not do and no python3.10, 3.11 or 3.12 is on the "
        "PATH: numpy<2, which nuscenes-devkit wants, has no build for other versions"
    )


def fingerprint(torch_requirement: str, python: str) -> str:
    """Hash of all that decides what is installed."""
    digest = hashlib.sha256(f"{ROOT} {torch_requirement} {python}".encode())
    for path in [*sorted(REQUIREMENTS.glob("*.txt")), ROOT / "setup.py"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def create_venv(folder: Path, python: str, log: Path) -> None:
    """Make the virtual environment, also where Debian left out ensurepip."""
    if (folder / "bin" / "pip").exists() and works(folder / "bin" / "python", "import pip"):
        return
    command = [python, "-m", "venv", "--clear"]
    if works(Path(python), "import ensurepip"):
        return run_logged("virtual environment", [*command, str(folder)], log)
    if not works(Path(python), "import pip"):
        raise CommandFailed(f"{python} has neither ensurepip nor pip: `apt install python3-venv`")
    run_logged("virtual environment", [*command, "--without-pip", str(folder)], log)
    pip = [python, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "pip"]
    run_logged("pip of the virtual environment", pip, log)


def works(python: Path, code: str) -> bool:
    """Whether an interpreter runs a line of code without error."""
    try:
        return subprocess.run([str(python), "-c", code], capture_output=True).returncode == 0
    except OSError:
        return False


def torch_index() -> str | None:
    """Extra package index for torch: CPU wheels, where that server can be reached."""
    index = os.environ.get("TORCH_INDEX", CPU_INDEX)
    try:
        if index:
            urllib.request.urlopen(f"{index}/torch/", timeout=10).close()
            return index
    except (urllib.error.URLError, OSError):
        say(f"  {index} cannot be reached: torch comes from your own package index")
    return None


def install(python: Path, title: str, requirements: list[str], log: Path) -> None:
    """``pip install`` with numpy held below 2."""
    base = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    run_logged(title, [*base, *requirements, "numpy<2"], log)


def install_torch(python: Path, requirement: str, log: Path) -> None:
    """Torch and what compiling against it needs."""
    others = [line for line in read_requirements("build") if not line.startswith("torch")]
    satisfied = requirement.startswith("torch==") and works(
        python, f"import torch; assert torch.__version__.split('+')[0] == '{requirement[7:]}'"
    )
    index = None if satisfied else torch_index()
    extra = ["--extra-index-url", index] if index else []
    install(python, f"{requirement} and build tools", [requirement, *others, *extra], log)


def install_mmcv(python: Path, log: Path) -> None:
    """The compiled mmcv, unless it is there and works with this torch."""
    version = read_requirements("mminstall")[0].split("==")[1]
    check = f"import mmcv, mmcv._ext; assert mmcv.__version__ == '{version}'"
    if works(python, check):
        return say(f"  mmcv {version}: installed")
    wheel = ensure_wheel(python, version, log)
    install(python, "installing mmcv", ["--force-reinstall", "--no-deps", str(wheel)], log)


def install_rest(python: Path, log: Path) -> None:
    """mm* packages, tools of the synthetic set, of tests and docs, and this project."""
    names = ["mminstall", "synth", "tests", "docs"]
    if "TORCH" not in os.environ:  # another torch may bring a triton of its own
        names.append("gpu")
    requirements = [line for name in names for line in read_requirements(name)]
    install(python, "mmdet3d, nuscenes-devkit and others", requirements, log)
    command = ["--no-build-isolation", "--no-deps", "--editable", str(ROOT)]
    install(python, "this project", command, log)
    if not works(python, "import cv2"):  # opencv-python wants libGL, the headless build does not
        command = ["--force-reinstall", "--no-deps", "opencv-python-headless<4.12"]
        install(python, "headless OpenCV", command, log)


def install_browser(log: Path) -> None:
    """Chromium and its driver from Debian, for tests of pages; without them these are skipped."""
    if all(shutil.which(name) for name in BROWSER):
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return say("  no Chromium: tests of the result page will be skipped")
    packages = ["chromium", "chromium-driver"]
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    try:
        run_logged("list of Debian packages", ["apt-get", "update"], log, env)
        run_logged("Chromium for tests of the result page", command, log, env)
    except CommandFailed:
        say("  Chromium could not be installed: tests of the result page will be skipped")


def set_up(folder: Path, log: Path, torch_requirement: str) -> None:
    """All steps; each is a no-op where it was done before."""
    start = time.monotonic()
    interpreter = pick_python()
    say(f"Setting up {folder} with {interpreter} (details in {log})")
    create_venv(folder, interpreter, log)
    python = folder / "bin" / "python"
    install_torch(python, torch_requirement, log)
    install_mmcv(python, log)
    install_rest(python, log)
    install_browser(log)
    say(f"The environment is ready after {clock(time.monotonic() - start)}.")


def main() -> int:
    """Set up, or see that nothing is to be done."""
    folder = Path(os.environ.get("VENV") or ROOT / ".venv").resolve()
    log = folder.parent / f"{folder.name}-setup.log"
    torch_requirement = os.environ.get("TORCH") or read_requirements("build")[0]
    stamp = folder / STAMP
    try:
        with locked(log.with_suffix(".lock")):
            want = fingerprint(torch_requirement, f"{sys.version_info[:2]}")
            if stamp.is_file() and stamp.read_text() == want and (folder / "bin/python").exists():
                return 0
            set_up(folder, log, torch_requirement)
            stamp.write_text(want)
    except CommandFailed as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped; the next run goes on from here.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
