"""Without Embree there is one message, where a ray caster is made; importing works."""

import subprocess
import sys

import numpy as np
import pytest

import epropnp_data.raycast
from epropnp_6dof.datasets.raycast import MeshRaycaster
from epropnp_data.raycast import RayCaster


def test_ray_casters_name_the_package(monkeypatch):
    monkeypatch.setattr(epropnp_data.raycast, "EmbreeScene", None)
    vertices, faces = np.eye(3), np.array([[0, 1, 2]])
    for make in (lambda: MeshRaycaster(vertices, faces), lambda: RayCaster([vertices[faces]])):
        with pytest.raises(ImportError, match="rays are cast by Embree: pip install 'embreex"):
            make()


def test_a_machine_without_the_package_can_import_the_rest(repo_dir):
    code = (
        "import sys; sys.modules['embreex'] = None; sys.path.insert(0, 'projects/EProPnPDet')\n"
        "import epropnp_data.raycast as r; print(r.EmbreeScene)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repo_dir, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "None"
