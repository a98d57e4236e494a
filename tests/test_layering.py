"""Dependencies point one way: epropnp <- epropnp_det, epropnp_6dof; epropnp_synth stands alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = Path(__file__).resolve().parents[1] / "projects" / "EProPnPDet"
MM = {"mmengine", "mmcv", "mmdet", "mmdet3d"}
OURS = {"epropnp", "epropnp_det", "epropnp_6dof", "epropnp_synth"}
FORBIDDEN = {
    "epropnp": MM | OURS - {"epropnp"} | {"scipy", "cv2", "nuscenes", "trimesh", "torchvision"},
    "epropnp_synth": MM | OURS - {"epropnp_synth"} | {"torch", "torchvision"},
    "epropnp_det": {"epropnp_6dof", "epropnp_synth"},
    "epropnp_6dof": {"epropnp_det", "epropnp_synth"},
}


def imported_roots(path: Path) -> set[str]:
    """Top-level packages that a file imports anywhere, inside functions too."""
    roots = set()
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            roots.add(node.module.split(".")[0])
    return roots


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_package_imports_only_what_it_may(package):
    files = sorted((PACKAGES / package).rglob("*.py"))
    assert files
    wrong = {
        str(path.relative_to(PACKAGES)): sorted(imported_roots(path) & FORBIDDEN[package])
        for path in files
        if imported_roots(path) & FORBIDDEN[package]
    }
    assert not wrong


def import_without(package: str, blocked: set[str]) -> subprocess.CompletedProcess:
    """Import a package and all its modules in an interpreter that lacks other packages."""
    code = f"""
import importlib, pkgutil, sys
for name in {sorted(blocked)!r}:
    sys.modules[name] = None
package = importlib.import_module({package!r})
for module in pkgutil.walk_packages(package.__path__, {package + "."!r}):
    importlib.import_module(module.name)
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("package", "blocked"),
    [
        ("epropnp", MM | {"scipy", "cv2", "PIL", "nuscenes", "trimesh"}),
        ("epropnp_synth", MM | {"torch", "nuscenes"}),
    ],
)
def test_package_imports_where_others_are_absent(package, blocked):
    result = import_without(package, blocked)
    assert result.returncode == 0, result.stderr


def test_blocking_a_package_is_noticed():
    """The oracle of the test above: a package that needs mmengine fails under it."""
    result = import_without("epropnp_det", {"mmengine"})
    assert result.returncode != 0
    assert "mmengine" in result.stderr
