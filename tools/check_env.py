#!/usr/bin/env python3
"""Say in plain words what is missing or incompatible, and how to fix it.

Run it with the interpreter that is to run the project: ``python tools/check_env.py``.
Standard library only; each package is imported in a process of its own, so one that crashes does
not hide the others. Ends with 0 when the detector can be used.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BUILD_MMCV = (
    "pip install 'setuptools<82' wheel ninja psutil && "
    "pip install --no-build-isolation --no-cache-dir mmcv==2.1.0   # about ten minutes"
)
PROBE = """
import importlib, importlib.metadata, json
module = importlib.import_module({module!r})
name = {distribution!r}
version = importlib.metadata.version(name) if name else module.__version__
answer = dict(version=version, note="")
{extra}
print("@@" + json.dumps(answer))
"""


@dataclass(frozen=True)
class Package:
    """One package the project uses.

    Attributes:
        module: import name.
        wanted: the versions that work, in words.
        fits: whether a version is one of them.
        fix: what to run.
        distribution: name on the package index, when the module has no version of its own.
        extra: further lines of the probe; they may set ``answer["note"]`` or raise.
    """

    module: str
    wanted: str
    fits: Callable[[tuple[int, ...]], bool]
    fix: str
    distribution: str = ""
    extra: str = ""


def between(low: str, high: str) -> Callable[[tuple[int, ...]], bool]:
    """Test for ``low <= version < high``."""
    return lambda version: parse(low) <= version < parse(high)


def parse(version: str) -> tuple[int, ...]:
    """Numbers of a version: ``2.13.0+cpu`` -> (2, 13, 0)."""
    return tuple(int(number) for number in re.findall(r"\d+", version.split("+")[0])[:3])


TORCH_NOTE = """
answer["note"] = f"CUDA {module.version.cuda}, " + (
    f"{module.cuda.device_count()} GPU(s)" if module.cuda.is_available() else "no GPU usable"
) if module.version.cuda else "CPU only"
"""
MMCV_NOTE = """
import torch
from mmcv.ops import nms_rotated
boxes = torch.tensor([[0.0, 0, 2, 1, 0]])
devices = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
for device in devices:
    nms_rotated(boxes.to(device), torch.ones(1, device=device), 0.5)
answer["note"] = "compiled ops work on " + " and ".join(devices)
"""

REQUIRED = [
    Package(
        "torch",
        "2.6 or newer",
        between("2.6", "3"),
        "pip install torch==2.13.0   # or the build for your CUDA, see pytorch.org",
        extra=TORCH_NOTE,
    ),
    Package("numpy", "1.22 up to 1.26", between("1.22", "2"), "pip install 'numpy<2'"),
    Package(
        "cv2",
        "4.x",
        between("4", "5"),
        "pip install --force-reinstall --no-deps 'opencv-python-headless<4.12'",
    ),
    Package("mmengine", "0.10.7", between("0.10", "1"), "pip install mmengine==0.10.7"),
    Package("mmcv", "2.1.0", between("2.0.0", "2.2.0"), BUILD_MMCV, extra=MMCV_NOTE),
    Package("mmdet", "3.3.0", between("3.0", "3.4"), "pip install mmdet==3.3.0 'numpy<2'"),
    Package(
        "mmdet3d",
        "1.4.0",
        between("1.4", "1.5"),
        "pip install mmdet3d==1.4.0 'numpy<2'",
        extra="import mmdet3d.models, mmdet3d.datasets, mmdet3d.evaluation",
    ),
    Package(
        "nuscenes",
        "1.1.11 or 1.2.0",
        between("1.1.10", "1.3"),
        "pip install nuscenes-devkit==1.2.0 'numpy<2'",
        distribution="nuscenes-devkit",
        extra="from nuscenes.eval.detection.evaluate import DetectionEval",
    ),
    Package(
        "epropnp_det",
        "this checkout",
        lambda version: True,
        "pip install --no-build-isolation --no-deps -e .   # in the root of the checkout",
        distribution="epropnp",
    ),
]
OPTIONAL = [
    Package(
        "torchvision",
        "the release that belongs to your torch",
        between("0.21", "1"),
        "install it from the index that torch came from; without it configs that start from "
        "torchvision:// weights need a file: --cfg-options model.backbone.init_cfg.checkpoint=FILE",
    ),
    Package("trimesh", "4 or newer", between("4", "99"), "pip install -r requirements/synth.txt"),
    Package(
        "embreex",
        "2.17 or newer",
        between("2.17", "99"),
        "pip install -r requirements/synth.txt",
        distribution="embreex",
    ),
    Package("pytest", "8 or newer", between("8", "99"), "pip install -r requirements/tests.txt"),
]


def probe(package: Package) -> tuple[str, str, str]:
    """Version, note and error of a package, imported in a fresh interpreter."""
    code = PROBE.format(
        module=package.module, distribution=package.distribution, extra=package.extra
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    for line in run.stdout.splitlines():
        if line.startswith("@@"):
            answer = json.loads(line[2:])
            return answer["version"], answer["note"], ""
    lines = run.stderr.strip().splitlines()
    return "", "", lines[-1] if lines else f"ended with code {run.returncode}"


def report(package: Package) -> bool:
    """Print one line for a package, and the remedy if it needs one."""
    version, note, error = probe(package)
    missing = f"No module named '{package.module.split('.')[0]}'" in error
    if not error and package.fits(parse(version)):
        print(f"  ok       {package.module} {version}" + (f" ({note})" if note else ""))
        return True
    if missing:
        print(f"  MISSING  {package.module}: wanted {package.wanted}")
    elif error:
        print(f"  BROKEN   {package.module}: {error}")
    else:
        print(f"  WRONG    {package.module} {version}: wanted {package.wanted}")
    print(f"           fix: {package.fix}")
    return False


def report_interpreter() -> bool:
    """Print and judge the Python version."""
    fits = (3, 10) <= sys.version_info[:2] <= (3, 12)
    print(f"  {'ok      ' if fits else 'WRONG   '} Python {platform.python_version()}")
    if not fits:
        print("           wanted 3.10, 3.11 or 3.12 (numpy<2 has no build for others)")
    return fits


def report_compiler() -> None:
    """Print which compilers there are; needed only to compile mmcv."""
    for name, purpose in (("c++", "compiling mmcv"), ("nvcc", "compiling mmcv with CUDA ops")):
        found = shutil.which(name)
        print(f"  {name:8} {found or 'not found'} (only for {purpose})")


def main() -> int:
    """Check everything."""
    print("Needed by the detector:")
    fine = all([report_interpreter(), *map(report, REQUIRED)])
    print("Only for the synthetic data set and the tests:")
    for package in OPTIONAL:
        report(package)
    print("Compilers:")
    report_compiler()
    print("\nThe detector can be used." if fine else "\nNot ready: apply the fixes from the top.")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
