"""What a user would take instead of the layer's solver; each only where it is installed."""

import importlib
from collections.abc import Callable

import numpy as np
import torch

from layer.cases import translation_error
from layer.problems import INTRINSICS, Scene, rotation_matrix
from layer.timing import Metric, timed

PYPOSE_OBJECTS = 3  # it takes seconds for all
LEFT_OUT = {  # what cannot be had from a wheel
    "theseus": "its wheel needs scikit-sparse, which needs the headers of SuiteSparse",
}


def alternative_metrics(data: Scene, given: Scene) -> list[Metric]:
    """Loops over the objects of a 6DoF scene in one thread; ``given`` holds poses to start from."""
    found = []
    for module, reason in LEFT_OUT.items():
        print(f"{module}: left out, {reason}")
    for module, (requirement, solvers_of) in OPTIONAL.items():
        try:
            library = importlib.import_module(module)
        except ImportError:
            print(f"{module}: left out, not installed (pip install {requirement})")
            continue
        solvers = solvers_of(library, data, given)
        found += [_measured(name, call, data) for name, call in solvers.items()]
    return found


def _measured(name: str, call: Callable[[], np.ndarray], data: Scene) -> Metric:
    """Time of a call, for all objects where it solves the first ones only; and its error."""
    places = torch.from_numpy(call()).float()
    first = data._replace(pose=data.pose[: len(places)])
    metric = timed(f"solve | 6DoF {name}", call, translation_error(places, first))
    share = len(data.pose) / len(places)
    return metric._replace(value=share * metric.value, spread=share * metric.spread)


def _opencv(cv2, data: Scene, given: Scene) -> dict[str, Callable[[], np.ndarray]]:
    x3d, x2d = data.x3d.double().numpy(), data.x2d.double().numpy()
    camera = np.array(INTRINSICS)
    turns = [cv2.Rodrigues(r)[0] for r in rotation_matrix(given.pose).double().numpy()]
    places = given.pose[:, :3].double().numpy()

    def loop(method: int, guess: bool) -> Callable[[], np.ndarray]:
        def call() -> np.ndarray:
            cv2.setNumThreads(1)
            out = np.empty((len(x3d), 3))
            for obj in range(len(x3d)):
                start = (turns[obj].copy(), places[obj].copy(), True) if guess else ()
                out[obj] = cv2.solvePnP(x3d[obj], x2d[obj], camera, None, *start, flags=method)[
                    2
                ].ravel()
            return out

        return call

    return {
        "from nothing | OpenCV SQPNP": loop(cv2.SOLVEPNP_SQPNP, False),
        "from nothing | OpenCV EPNP": loop(cv2.SOLVEPNP_EPNP, False),
        "from nothing | OpenCV ITERATIVE": loop(cv2.SOLVEPNP_ITERATIVE, False),
        "from a given pose | OpenCV ITERATIVE": loop(cv2.SOLVEPNP_ITERATIVE, True),
    }


def _poselib(poselib, data: Scene, given: Scene) -> dict[str, Callable[[], np.ndarray]]:
    x3d, x2d = data.x3d.double().numpy(), data.x2d.double().numpy()
    (fx, _, cx), (_, fy, cy), _ = INTRINSICS
    camera = {"model": "PINHOLE", "width": 1600, "height": 900, "params": [fx, fy, cx, cy]}
    starts = given.pose.double().numpy()
    starts[:, 3:] /= np.linalg.norm(starts[:, 3:], axis=1, keepdims=True)  # not done there

    def call() -> np.ndarray:
        out = np.empty((len(x3d), 3))
        for obj in range(len(x3d)):
            pose = poselib.CameraPose()
            pose.t, pose.q = starts[obj, :3], starts[obj, 3:]
            options = {"max_iterations": 10, "loss_type": "HUBER", "loss_scale": 2.0}
            found, _ = poselib.refine_absolute_pose(x2d[obj], x3d[obj], pose, camera, options)
            out[obj] = found.t
        return out

    return {"from a given pose | PoseLib refine, 10 iterations": call}


def _pypose(pypose, data: Scene, given: Scene) -> dict[str, Callable[[], np.ndarray]]:
    """Its trust-region Levenberg-Marquardt; `x, y, z, w` is its order of a quaternion."""

    class Residual(torch.nn.Module):
        def __init__(self, pose: torch.Tensor):
            super().__init__()
            self.pose = pypose.Parameter(pypose.SE3(pose))

        def forward(self, x3d, x2d, w2d):
            pixels = self.pose.Act(x3d) @ torch.tensor(INTRINSICS).T
            return ((pixels[..., :2] / pixels[..., 2:] - x2d) * w2d).flatten()

    def call() -> np.ndarray:
        out = np.empty((PYPOSE_OBJECTS, 3))
        for obj in range(PYPOSE_OBJECTS):
            place, (w, *axis) = given.pose[obj, :3], given.pose[obj, 3:].tolist()
            quaternion = torch.nn.functional.normalize(torch.tensor([*axis, w]), dim=0)
            model = Residual(torch.cat((place, quaternion)))
            optimizer = pypose.optim.LM(
                model, strategy=pypose.optim.strategy.TrustRegion(radius=30.0)
            )
            for _ in range(10):
                optimizer.step((data.x3d[obj], data.x2d[obj], data.w2d[obj]))
            out[obj] = model.pose.detach().tensor()[:3].numpy()
        return out

    return {f"from a given pose | PyPose LM, 10 iterations, {PYPOSE_OBJECTS} objects": call}


OPTIONAL = {
    "cv2": ("opencv-python-headless", _opencv),
    "poselib": ("poselib", _poselib),
    "pypose": ("pypose", _pypose),
}
