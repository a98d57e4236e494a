"""The solve as a program without Python: `torch.export`, and from it AOTInductor.

The loops of solver and starts have fixed numbers of steps, and no number that is computed decides
what is computed next, so their operations can be written down once for any number of objects. They
are those of the eager backend.
"""

import torch
from torch import Tensor, nn

from epropnp.camera import PerspectiveCamera
from epropnp.problem import CostSetting
from epropnp.solution import PnPSolver


class PoseProgram(nn.Module):
    """Correspondences and cameras in, poses out; tensors only.

    Args:
        solver: an `LMSolver` or a layer. Its start should draw no random numbers, as `LinearStart`
            does not: a compiled program draws others than torch.
        cost_fun: choice of the robust kernel.
        camera: its settings; intrinsics and image sizes come as tensors.
    """

    def __init__(
        self, solver: PnPSolver, cost_fun: CostSetting, camera: PerspectiveCamera | None = None
    ) -> None:
        super().__init__()
        self.solver = solver
        self.cost_fun = cost_fun
        self.camera = camera or PerspectiveCamera()

    def forward(
        self, x3d: Tensor, x2d: Tensor, w2d: Tensor, cam_mats: Tensor, img_shape: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Solve.

        Args:
            x3d: (B, n, 3) object frame, metres.
            x2d: (B, n, 2) pixels.
            w2d: (B, n, 2) weights, not negative, per pixel.
            cam_mats: (B, 3, 3) intrinsics, pixels.
            img_shape: (B, 2) image height and width, pixels.

        Returns:
            Poses (B, P), their covariances (B, D, D), costs (B,) and whether they are valid (B,).
        """
        camera = self.camera.bind(cam_mats, img_shape)
        solution = self.solver(x3d, x2d, w2d, camera, self.cost_fun, with_pose_cov=True)
        return solution.pose_opt, solution.pose_cov, solution.cost, solution.valid


def export_poses(
    program: PoseProgram,
    num_points: int,
    max_objects: int = 4096,
    device: torch.device | str = "cpu",
) -> torch.export.ExportedProgram:
    """Export a solve of any number of objects from one to ``max_objects``, in float32.

    Args:
        program: what to export.
        num_points: n, fixed.
        max_objects: largest B.
        device: of the program; it runs on this kind of device only.
    """
    num = 3  # any number but 0 and 1, which torch takes for special
    shapes = ((num_points, 3), (num_points, 2), (num_points, 2), (3, 3), (2,))
    examples = tuple(torch.ones(num, *shape, device=device) for shape in shapes)
    objects = torch.export.Dim("objects", min=1, max=max_objects)
    with torch.no_grad():
        return torch.export.export(
            program.eval(), examples, dynamic_shapes=({0: objects},) * len(examples), strict=False
        )
