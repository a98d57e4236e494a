"""Package layout: unique import names under projects/EProPnPDet; mm* packages are extras."""

import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SOURCE = "projects/EProPnPDet"
URL = "https://github.com/tjiiv-cprg/EPro-PnP"  # of the published system
SHIPPED = ("configs", "tools", "model-index.yml")  # where OpenMMLab's mim looks: <package>/.mim


def read_requirements(name: str) -> list[str]:
    """Requirement lines of ``requirements/<name>.txt`` without comments."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def mm_requirements() -> list[str]:
    """What the detector needs, without mmcv.

    pip would build mmcv in isolation, without torch, and that build has no operators: it is
    installed beforehand, see docs/install.md.
    """
    return [line for line in read_requirements("mminstall") if not line.startswith("mmcv")]


class BuildWithConfigs(build_py):
    """Also ships configs and tools; an editable install links to them."""

    def run(self) -> None:
        """Build the packages, then ``epropnp/.mim``."""
        super().run()
        top = ROOT / SOURCE if self.editable_mode else Path(self.build_lib)
        target = top / "epropnp" / ".mim"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in SHIPPED:
            if self.editable_mode:
                (target / name).symlink_to(os.path.relpath(ROOT / name, target))
            elif (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
                shutil.copytree(ROOT / name, target / name, ignore=ignored)
            else:
                shutil.copy(ROOT / name, target / name)


setup(
    name="epropnp",
    version="0.1.0",
    description="Probabilistic Perspective-n-Point for PyTorch and MMDetection3D",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    project_urls={"Paper": "https://arxiv.org/abs/2203.13254", "Published system": URL},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
    python_requires=">=3.10",
    package_dir={"": SOURCE},
    packages=find_packages(SOURCE),
    package_data={"epropnp_results.explore": ["template.html"]},
    cmdclass={"build_py": BuildWithConfigs},
    install_requires=read_requirements("runtime"),
    extras_require={
        "det": mm_requirements(),
        "sixdof": [*mm_requirements(), *read_requirements("synth")],
        "synth": read_requirements("synth"),
        "viz": read_requirements("viz"),
        "fast": read_requirements("fast"),
        "gpu": read_requirements("gpu"),
        "docs": read_requirements("docs"),
        "test": read_requirements("tests"),
        "bench": read_requirements("bench"),
    },
)
