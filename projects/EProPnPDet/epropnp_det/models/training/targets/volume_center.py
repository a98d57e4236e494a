"""Annotation centre of a 3D box: the centroid of the volume behind its pixels (paper, appendix).

The published system rasterises box faces into thickness images of the original resolution. A ray
meets a convex box in one interval, so its thickness has a closed form (slab test), and only the
few rays that are really averaged need to be cast: those of the cells that a box covers.
"""

from typing import NamedTuple

import torch
from mmdet3d.registry import TASK_UTILS
from torch import Tensor

from ...geometry.boxes import project_boxes
from ...geometry.pixels import to_original_pixels
from ...structures import BatchGeometry


class Cells(NamedTuple):
    """Grid over the padded images that thickness is averaged on; n cells, row by row.

    Attributes:
        points_ori: (B, n, 2) middle of the pixels of each cell, in ori pixels.
        shares: (B, n) part of each cell that is not padding.
        positions: (n, 2) cell centres in aug pixels.
    """

    points_ori: Tensor
    shares: Tensor
    positions: Tensor


def make_cells(geometry: BatchGeometry, output_stride: int) -> Cells:
    """Cells of ``output_stride`` aug pixels; the padded size must be a multiple of it."""
    height, width = geometry.pad_shape
    img_heights, img_widths = geometry.img_shapes.unbind(1)
    ys, shares_y = cell_coverage(height, img_heights, output_stride)
    xs, shares_x = cell_coverage(width, img_widths, output_stride)
    rows, columns = ys.shape[1], xs.shape[1]
    points_aug = torch.stack(
        [xs[:, None].expand(-1, rows, -1), ys[:, :, None].expand(-1, -1, columns)], -1
    )
    steps = torch.arange(max(rows, columns), device=xs.device) + 0.5
    positions = torch.meshgrid(
        steps[:columns] * output_stride, steps[:rows] * output_stride, indexing="xy"
    )
    return Cells(
        to_original_pixels(points_aug.flatten(1, 2), geometry.img_transforms),
        (shares_y[:, :, None] * shares_x[:, None]).flatten(1),
        torch.stack(positions, -1).view(-1, 2).to(xs),
    )


def cell_coverage(num_pixels: int, num_valid: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Average-pool the pixel centres of one axis and their validity into cells.

    Args:
        num_pixels: padded pixels of the axis, a multiple of ``stride``.
        num_valid: (B,) pixels before padding; the last one is repeated into the padding.
        stride: pixels per cell.

    Returns:
        Mean coordinate and valid fraction of each cell, (B, num_pixels / stride) each.
    """
    pixels = torch.arange(num_pixels, dtype=num_valid.dtype, device=num_valid.device)
    last = num_valid[:, None] - 1
    coordinates = torch.minimum(pixels, last) + 0.5
    valid = (pixels <= last).to(coordinates)
    cells = (len(num_valid), -1, stride)
    return coordinates.view(cells).mean(-1), valid.view(cells).mean(-1)


def covered_cells(points_ori: Tensor, bounds: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs of a box and a cell within ``reach`` (G,) ori pixels of its rectangle.

    Args:
        points_ori: (G, n, 2) cells of the image of each box.
        bounds: (G, 4) x1, y1, x2, y2 of the boxes in ori pixels.
        reach: how far the rays of a cell lie from its middle.

    Returns:
        Indices (P,) of the box and (P,) of the cell.
    """
    reach = reach[:, None]
    low, high = bounds[:, :2] - reach, bounds[:, 2:] + reach
    covered = (points_ori > low[:, None]) & (points_ori < high[:, None])
    return covered.all(-1).nonzero(as_tuple=True)


def cell_rays(
    points_ori: Tensor, stride: Tensor, ori_shapes: Tensor, from_pixels: Tensor
) -> tuple[Tensor, Tensor]:
    """The four rays whose bilinear mixture gives a cell its thickness.

    They start at the pixel centres of a coarse rendering of the original image.

    Args:
        points_ori: (P, 2) middle of each cell, ori pixels.
        stride: (P,) ori pixels between rays.
        ori_shapes: (P, 2) height and width of the image.
        from_pixels: (P, 3, 3) inverse camera matrices.

    Returns:
        Directions (P, 4, 3) in the camera frame with z = 1, and the share (P, 4) of each ray in
        the cell, 0 outside the image.
    """
    stride = stride[:, None]
    rendered = points_ori / stride - 0.5
    corner = rendered.floor()
    steps = rendered.new_tensor([[0, 0], [1, 0], [0, 1], [1, 1]])
    pixels = corner[:, None] + steps  # (P, 4, 2)
    fraction = (rendered - corner)[:, None]
    shares = torch.where(steps == 1, fraction, 1 - fraction).prod(-1)
    size = (ori_shapes.flip(-1) / (2 * stride)).ceil() * 2
    inside = ((pixels >= 0) & (pixels < size[:, None])).all(-1)

    origins = torch.cat([(pixels + 0.5) * stride[:, None], torch.ones_like(pixels[..., :1])], -1)
    directions = origins @ from_pixels.mT
    return directions / directions[..., 2:], shares * inside


def box_thickness(dims: Tensor, poses: Tensor, directions: Tensor, z_near: float) -> Tensor:
    """Depth interval that each ray through the camera centre spends inside its box.

    Rays that enter nearer than ``z_near``, and with them boxes around the camera, count as misses.

    Args:
        dims: (P, 3) length, height, width in metres.
        poses: (P, 4) (x, y, z, yaw) of the box centre, camera frame.
        directions: (P, K, 3) rays to each box, camera frame, z = 1.
        z_near: metres.

    Returns:
        (P, K) metres of depth, 0 where the ray misses.
    """
    x, y, z, yaw = poses[:, :, None].unbind(1)
    half_length, half_height, half_width = (dims[:, :, None] / 2).unbind(1)
    cos, sin = yaw.cos(), yaw.sin()
    ray_x, ray_y, ray_z = directions.unbind(-1)
    slabs = (
        (cos * ray_x - sin * ray_z, cos * x - sin * z, half_length),
        (ray_y, y, half_height),
        (sin * ray_x + cos * ray_z, sin * x + cos * z, half_width),
    )
    near, far = None, None
    for direction, center, half in slabs:
        slope = 1 / torch.where(direction.abs() < 1e-9, 1e-9, direction)
        middle, reach = center * slope, half * slope.abs()
        near = middle - reach if near is None else torch.maximum(near, middle - reach)
        far = middle + reach if far is None else torch.minimum(far, middle + reach)
    hit = (near < far) & (near >= z_near)
    return torch.where(hit, far - near, 0)


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
        cells = make_cells(geometry, self.output_stride)
        # an image resized to half its size is rendered half as finely
        scales = geometry.img_transforms[:, :2, :2].det().abs().sqrt()
        strides = (self.render_stride / scales)[img_inds]
        bounds, _ = project_boxes(
            torch.cat([poses[:, :3], dims, poses[:, 3:]], 1),
            geometry.cam_intrinsics[img_inds],
            geometry.ori_shapes[img_inds],
            z_near=self.z_near,
        )
        boxes, places = covered_cells(cells.points_ori[img_inds], bounds, strides)

        of_img = img_inds[boxes]
        directions, shares = cell_rays(
            cells.points_ori[of_img, places],
            strides[boxes],
            geometry.ori_shapes[of_img],
            torch.linalg.inv(geometry.cam_intrinsics)[of_img],
        )
        thickness = box_thickness(dims[boxes], poses[boxes], directions, self.z_near)
        thickness = (thickness * shares).sum(-1) * cells.shares[of_img, places]

        volumes = poses.new_zeros(len(poses)).index_add(0, boxes, thickness)
        moments = thickness[:, None] * cells.positions[places]
        centers = poses.new_zeros(len(poses), 2).index_add(0, boxes, moments)
        sides = (bboxes[:, 2:] - bboxes[:, :2]).amin(-1)
        visible = volumes >= 1e-6
        centers = centers / torch.where(visible, volumes, 1)[:, None]
        return centers, visible & (sides >= self.min_box_size)
