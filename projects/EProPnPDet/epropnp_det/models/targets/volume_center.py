"""Annotation centre of a 3D box: the centroid of the volume behind its pixels (paper, appendix).

The published system rasterises box faces into thickness images of the original resolution. A ray
meets a convex box in one interval, so its thickness has a closed form (slab test) and only the
few rays that are really averaged need to be cast.
"""

from typing import NamedTuple

import torch
from mmdet3d.registry import TASK_UTILS
from torch import Tensor

from ..geometry import to_original_pixels
from ..structures import BatchGeometry


class ImageRays(NamedTuple):
    """Rays of one image, K per cell of the output grid.

    Attributes:
        directions: (h, w, K, 3) in the camera frame, z = 1.
        weights: (h, w, K) share of each ray in the thickness of its cell; 0 outside the image.
        positions: (h, w, 2) cell centres in aug pixels.
    """

    directions: Tensor
    weights: Tensor
    positions: Tensor


def box_thickness(dims: Tensor, poses: Tensor, directions: Tensor, z_near: float) -> Tensor:
    """Depth interval that each ray through the camera centre spends inside each box.

    Rays that enter nearer than ``z_near``, and with them boxes around the camera, count as misses.

    Args:
        dims: (G, 3) length, height, width in metres.
        poses: (G, 4) (x, y, z, yaw) of the box centre, camera frame.
        directions: (..., 3) camera frame, z = 1.
        z_near: metres.

    Returns:
        (G, ...) metres of depth, 0 where the ray misses.
    """
    shape = (-1,) + (1,) * (directions.dim() - 1)
    x, y, z, yaw = (column.view(shape) for column in poses.unbind(-1))
    half_length, half_height, half_width = (column.view(shape) / 2 for column in dims.unbind(-1))
    cos, sin = yaw.cos(), yaw.sin()
    ray_x, ray_y, ray_z = directions.unbind(-1)
    slabs = (
        (cos * ray_x - sin * ray_z, cos * x - sin * z, half_length),
        (ray_y[None], y, half_height),
        (sin * ray_x + cos * ray_z, sin * x + cos * z, half_width),
    )
    near, far = None, None
    for direction, center, half in slabs:
        slope = 1 / torch.where(direction.abs() < 1e-9, direction.new_tensor(1e-9), direction)
        middle, reach = center * slope, half * slope.abs()
        near = middle - reach if near is None else torch.maximum(near, middle - reach)
        far = middle + reach if far is None else torch.minimum(far, middle + reach)
    hit = (near < far) & (near >= z_near)
    return torch.where(hit, far - near, 0)


def cell_coverage(num_pixels: int, num_valid: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Average-pool the pixel centres of one axis and their validity into cells.

    Args:
        num_pixels: padded pixels of the axis, a multiple of ``stride``.
        num_valid: () pixels before padding; the last one is repeated into the padding.
        stride: pixels per cell.

    Returns:
        Mean coordinate and valid fraction of each cell, (num_pixels / stride,) each.
    """
    pixels = torch.arange(num_pixels, dtype=num_valid.dtype, device=num_valid.device)
    coordinates = torch.minimum(pixels, num_valid - 1) + 0.5
    valid = (pixels < num_valid).to(coordinates)
    return coordinates.view(-1, stride).mean(1), valid.view(-1, stride).mean(1)


def image_rays(
    geometry: BatchGeometry, img_ind: int, output_stride: int, render_stride: int
) -> ImageRays:
    """Rays whose bilinear mixture gives the thickness of each cell of the padded image.

    The rays start at the pixel centres of a coarse rendering of the original image. Its stride is
    ``render_stride`` aug pixels, so a resized image is rendered as finely as the network sees it.

    Args:
        geometry: of the batch.
        img_ind: image of the batch.
        output_stride: aug pixels per cell; the padded size must be a multiple of it.
        render_stride: aug pixels between rays.
    """
    transform = geometry.img_transforms[img_ind]
    height, width = geometry.pad_shape
    img_height, img_width = geometry.img_shapes[img_ind].unbind()
    xs, valid_x = cell_coverage(width, img_width, output_stride)
    ys, valid_y = cell_coverage(height, img_height, output_stride)
    cells = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1)
    points = to_original_pixels(cells.view(1, -1, 2), transform[None]).view_as(cells)

    stride = render_stride / transform[:2, :2].det().abs().sqrt()  # ori pixels between rays
    rendered = points / stride - 0.5
    corner = rendered.floor()
    steps = rendered.new_tensor([[0, 0], [1, 0], [0, 1], [1, 1]])
    pixels = corner[:, :, None] + steps  # (h, w, 4, 2)
    fraction = (rendered - corner)[:, :, None]
    weights = torch.where(steps == 1, fraction, 1 - fraction).prod(-1)
    size = (geometry.ori_shapes[img_ind].flip(0) / (2 * stride)).ceil() * 2
    inside = ((pixels >= 0) & (pixels < size)).all(-1)
    valid = valid_y[:, None] * valid_x

    origins = torch.cat([(pixels + 0.5) * stride, torch.ones_like(pixels[..., :1])], -1)
    directions = origins @ torch.linalg.inv(geometry.cam_intrinsics[img_ind]).T
    centers = torch.meshgrid(
        (torch.arange(len(xs), device=xs.device) + 0.5) * output_stride,
        (torch.arange(len(ys), device=xs.device) + 0.5) * output_stride,
        indexing="xy",
    )
    return ImageRays(
        directions / directions[..., 2:],
        weights * inside * valid[..., None],
        torch.stack(centers, -1),
    )


@TASK_UTILS.register_module()
class VolumeCenter:
    """Mean position of the pixels of a 3D box, each weighted by the box's thickness behind it.

    A box is not hidden by others. (The published rasteriser keeps the sixteen nearest faces of a
    pixel, so a box behind eight others has no centre there and drops out of training.)

    Args:
        output_stride: aug pixels per cell of the grid that is averaged.
        render_stride: aug pixels between the rays that give a cell its thickness. A cell is never
            larger than two of them, or thin boxes could pass between its rays; small images want
            a small value.
        min_box_size: boxes with a 2D side shorter than this, in aug pixels, are not trained on.
        z_near: nearer surfaces are not seen, metres.
    """

    def __init__(
        self,
        output_stride: int = 8,
        render_stride: int = 4,
        min_box_size: float = 4.0,
        z_near: float = 0.01,
    ) -> None:
        self.output_stride = min(output_stride, 2 * render_stride)
        self.render_stride = render_stride
        self.min_box_size = min_box_size
        self.z_near = z_near

    @torch.no_grad()
    def __call__(
        self,
        dims: Tensor,
        poses: Tensor,
        bboxes: Tensor,
        img_inds: Tensor,
        geometry: BatchGeometry,
    ) -> tuple[Tensor, Tensor]:
        """Centres of the ground truths of a batch.

        Args:
            dims: (G, 3) length, height, width in metres.
            poses: (G, 4) (x, y, z, yaw) of the box centres, camera frame.
            bboxes: (G, 4) x1, y1, x2, y2 of the 2D boxes, aug pixels.
            img_inds: (G,) image of each ground truth.
            geometry: of the batch.

        Returns:
            Centres (G, 2) in aug pixels, and a mask (G,) of the ground truths that are large
            enough and visible in the padded image.
        """
        centers = poses.new_zeros(len(poses), 2)
        volumes = poses.new_zeros(len(poses))
        for img_ind in img_inds.unique().tolist():
            mine = img_inds == img_ind
            rays = image_rays(geometry, img_ind, self.output_stride, self.render_stride)
            thickness = box_thickness(dims[mine], poses[mine], rays.directions, self.z_near)
            thickness = (thickness * rays.weights).sum(-1).flatten(1)
            volumes[mine] = thickness.sum(-1)
            centers[mine] = thickness @ rays.positions.flatten(0, 1)
        sides = (bboxes[:, 2:] - bboxes[:, :2]).amin(-1)
        visible = volumes >= 1e-6
        centers = centers / torch.where(visible, volumes, 1)[:, None]
        return centers, visible & (sides >= self.min_box_size)
