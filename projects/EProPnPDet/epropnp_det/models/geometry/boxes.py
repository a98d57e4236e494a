"""3D boxes in camera frames: corners, and the 2D boxes they fill in the image.

A box is (x, y, z, l, h, w, yaw): geometric centre and dimensions in metres, length along the box's
own x, height along y (down), width along z; yaw about the camera's y axis.
"""

import torch
from torch import Tensor

from epropnp_data.geometry.boxes import CORNER_SIGNS, EDGES

from .pixels import full_precision

# Edges in the order in which the published code moves hidden corners along them.
_PUBLISHED_EDGES = (
    (7, 6), (6, 2), (2, 3), (3, 7), (5, 4), (4, 0), (0, 1), (1, 5), (7, 5), (6, 4), (2, 0), (3, 1),
)  # fmt: skip


def box_corners(boxes: Tensor) -> Tensor:
    """Corners (M, 8, 3) of boxes (M, 7) in the order of ``CORNER_SIGNS``, camera frame."""
    unit = boxes.new_tensor(CORNER_SIGNS) / 2
    x, y, z = (unit * boxes[:, None, 3:6]).unbind(-1)
    cos, sin = boxes[:, 6:].cos(), boxes[:, 6:].sin()
    rotated = torch.stack((cos * x + sin * z, y, cos * z - sin * x), dim=-1)
    return rotated + boxes[:, None, :3]


def project_boxes(
    boxes: Tensor,
    cam_intrinsics: Tensor,
    img_shapes: Tensor,
    near_plane: str = "clip",
    z_near: float = 0.1,
    min_size: float = 4.0,
    ground_to_camera: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """2D boxes that enclose the visible parts of 3D boxes.

    Args:
        boxes: (M, 7).
        cam_intrinsics: (M, 3, 3).
        img_shapes: (M, 2) (height, width).
        near_plane: "clip" cuts every edge that crosses the near plane; "published" moves a hidden
            corner to only one of its cuts, as the published code does.
        z_near: depth of the near plane, metres.
        min_size: smallest width and height of a valid 2D box, pixels.
        ground_to_camera: (M, 3, 3) rotations into the camera frame of boxes whose place and yaw
            are those in a ground frame.

    Returns:
        (M, 4) boxes x1, y1, x2, y2 limited to the image, and a mask (M,) of valid ones. A box that
        cannot be seen has a negative size and is not valid.
    """
    corners = box_corners(boxes)
    if ground_to_camera is not None:
        corners = corners @ ground_to_camera.mT
    points, visible = _CUTS[near_plane](corners, z_near)
    with full_precision(points):
        projected = points @ cam_intrinsics.mT
    depth = projected[..., 2:].clamp(min=z_near)
    pixels = projected[..., :2] / depth
    infinity = torch.full_like(pixels, torch.inf)
    lowest = torch.where(visible[..., None], pixels, infinity).amin(dim=1)
    highest = torch.where(visible[..., None], pixels, -infinity).amax(dim=1)
    size = img_shapes.flip(-1)
    lowest = torch.where(lowest.isinf(), size, lowest.clamp(min=0))
    highest = torch.where(highest.isinf(), torch.zeros_like(size), torch.minimum(highest, size))
    return torch.cat((lowest, highest), dim=-1), (highest - lowest >= min_size).all(dim=-1)


def _cut_edges(corners: Tensor, z_near: float) -> tuple[Tensor, Tensor]:
    """Corners in front of the plane and every cut of an edge: (M, 20, 3) points and which exist."""
    front = corners[..., 2] > z_near
    starts, ends = torch.tensor(EDGES, device=corners.device).T
    crossing = front[:, starts] != front[:, ends]
    cuts = _cut(corners[:, starts], corners[:, ends], z_near)
    return torch.cat((corners, cuts), dim=1), torch.cat((front, crossing), dim=1)


def _move_corners(corners: Tensor, z_near: float) -> tuple[Tensor, Tensor]:
    """Move each hidden corner to the cut of its last crossing edge: (M, 8, 3) and which exist."""
    front = corners[..., 2] > z_near
    moved, exists = corners.clone(), front.clone()
    for start, end in _PUBLISHED_EDGES:
        cut = _cut(corners[:, start], corners[:, end], z_near)
        for hidden, seen in ((start, end), (end, start)):
            crossing = ~front[:, hidden] & front[:, seen]
            moved[:, hidden] = torch.where(crossing[:, None], cut, moved[:, hidden])
            exists[:, hidden] |= crossing
    return moved, exists


def _cut(start: Tensor, end: Tensor, z_near: float) -> Tensor:
    """Points (..., 3) where lines meet the plane z = z_near."""
    rise = end[..., 2:] - start[..., 2:]
    share = (z_near - start[..., 2:]) / torch.where(rise == 0, torch.ones_like(rise), rise)
    return start + share * (end - start)


_CUTS = {"clip": _cut_edges, "published": _move_corners}
