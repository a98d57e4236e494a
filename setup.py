"""Package layout: unique import names under projects/EProPnPDet; mm* packages are an extra."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
SOURCE = "projects/EProPnPDet"


def read_requirements(name: str) -> list[str]:
    """Requirement lines of ``requirements/<name>.txt`` without comments."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


setup(
    name="epropnp-det",
    version="0.1.0",
    description="Probabilistic Perspective-n-Point for PyTorch and MMDetection3D",
    license="Apache-2.0",
    python_requires=">=3.10",
    package_dir={"": SOURCE},
    packages=find_packages(SOURCE),
    package_data={"epropnp_results.explore": ["template.html"]},
    install_requires=read_requirements("runtime"),
    extras_require={
        "fast": read_requirements("fast"),
        "mm": read_requirements("mminstall"),
        "synth": read_requirements("synth"),
        "tests": read_requirements("tests"),
    },
)
