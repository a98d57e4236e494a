"""Data that travels between the stages of the detector.

Every stage of :class:`~epropnp_det.models.head.DeformPnPHead` takes and returns one of these
tuples, so a stage can be read, tested or replaced by itself::

    FPN maps --FCOSEmbHead---> ProposalMaps --select (test), assign (training)--> Proposals
       |                                                                              |
       '------DenseFeatures--> FeatureMaps --------- predict_objects -----------------'
                                                           |
                                                           v
                                              ObjectPredictions --PoseSolver--> poses

Letters: B images, M objects of the whole batch, n points per object, K classes, C channels,
H attention heads, D = C / H channels per head, L levels, P points of all levels of one image.

Frames: "aug" is the network input (flipped, resized, cropped), "ori" the original image; both
count pixels continuously, the centre of the top-left pixel is (0.5, 0.5). Object frame: x length,
y down (height), z width; camera frame: x right, y down, z forward. Metres and radians.
Sizes are (height, width), points are (x, y).
"""

from typing import NamedTuple

from torch import Tensor


class BatchGeometry(NamedTuple):
    """How the pixels of a batch relate to the original images and their cameras.

    Attributes:
        cam_intrinsics: (B, 3, 3) pinhole matrices of the original, unmirrored images.
        img_transforms: (B, 3, 3) homogeneous transforms of points, ori -> aug pixels; contains
            the mirror of flipped images.
        img_shapes: (B, 2) float (height, width) of the network input before padding.
        ori_shapes: (B, 2) float (height, width) of the original images.
        flips: (B,) bool, the network sees the mirrored image.
        pad_shape: (height, width) of the padded batch.
        camera_to_ground: (B, 3, 3) rotations into a frame whose y axis is gravity, for cameras with
            pitch or roll; None if all are level.
    """

    cam_intrinsics: Tensor
    img_transforms: Tensor
    img_shapes: Tensor
    ori_shapes: Tensor
    flips: Tensor
    pad_shape: tuple[int, int]
    camera_to_ground: Tensor | None = None


class ProposalMaps(NamedTuple):
    """Dense output of the proposal head, one map per level.

    Attributes:
        cls_logits: L x (B, K, h, w).
        centerness_logits: L x (B, 1, h, w).
        embeddings: L x (B, C, h, w), non-negative.
        centers: L x (B, 2K, h, w) object centres in aug pixels, channels ``2 * label + axis``;
            (B, 2, h, w) when the head is class agnostic.
        bboxes: L x (B, 4, h, w) distances left, top, right, bottom from the point to the sides of
            the 2D box in aug pixels, >= 0; None without that branch.
        points: L x (h * w, 2) points of the maps in aug pixels, row major.
        strides: L strides of the maps in aug pixels.
    """

    cls_logits: list[Tensor]
    centerness_logits: list[Tensor]
    embeddings: list[Tensor]
    centers: list[Tensor]
    bboxes: list[Tensor] | None
    points: list[Tensor]
    strides: tuple[int, ...]


class FeatureMaps(NamedTuple):
    """Key and value maps that the objects attend to.

    Attributes:
        key: (B, C, h, w).
        value: (B, C, h, w).
        stride: aug pixels per cell.
    """

    key: Tensor
    value: Tensor
    stride: int


class DenseOutputs(NamedTuple):
    """Everything computed once per image.

    Attributes:
        proposals: maps of the proposal head.
        features: key and value maps.
    """

    proposals: ProposalMaps
    features: FeatureMaps


class Proposals(NamedTuple):
    """Objects picked from the maps: all candidates of a test batch, or the training samples.

    Attributes:
        img_inds: (M,) long, image of the batch.
        point_inds: (M,) long in [0, P), point of that image (levels concatenated, row major).
        labels: (M,) long in [0, K).
        embeddings: (M, C).
        centers: (M, 2) centre predicted for the object's label, aug pixels.
        strides: (M,) float stride of the level the point belongs to.
        cls_probs: (M,) classification probability of the label (without centerness).
        max_per_img: no image has more objects. The host waits for it once, so that the stages of
            the objects need not.
    """

    img_inds: Tensor
    point_inds: Tensor
    labels: Tensor
    embeddings: Tensor
    centers: Tensor
    strides: Tensor
    cls_probs: Tensor
    max_per_img: int


class SampledPoints(NamedTuple):
    """What an object saw: result of the deformable attention sampler.

    Attributes:
        embeddings: (M, C) object embeddings after attention.
        values: (M, H, D, n / H) value features at the points.
        mask: (M, H, n / H) in [0, 1], 1 inside the image.
        x2d: (M, H, 2, n / H) points in ori pixels.
        attention: (M, H, n / H) each head's attention, its sum at most 1; None if not kept.
    """

    embeddings: Tensor
    values: Tensor
    mask: Tensor
    x2d: Tensor
    attention: Tensor | None = None


class ObjectPredictions(NamedTuple):
    """Everything predicted per object before the pose is solved, in the unmirrored frames.

    Attributes:
        query: (M, H, D) attention query.
        x2d: (M, n, 2) points in ori pixels, head-major order.
        noc: (M, n, 3) normalised object coordinates (x, y, z) in units of ``dims``.
        w2d: (M, n, 2) weights relative to each other, times the border mask; sum <= 1 per axis.
        scale: (M, 2) global weight scale per axis, in 1 / pixel.
        dims_code: (M, 3) encoded (length, height, width) of the object's label.
        dims: (M, 3) decoded (length, height, width) in metres.
        score_logits: (M,) localisation score.
        velocities: (M, 2) (vx, vz) in the camera frame, m/s; None without that branch.
        attr_logits: (M, A); None without that branch.
        attention: (M, n) attention to the points, for pictures; None if not kept.
    """

    query: Tensor
    x2d: Tensor
    noc: Tensor
    w2d: Tensor
    scale: Tensor
    dims_code: Tensor
    dims: Tensor
    score_logits: Tensor
    velocities: Tensor | None
    attr_logits: Tensor | None
    attention: Tensor | None = None

    @property
    def x3d(self) -> Tensor:
        """(M, n, 3) points in the object frame, metres."""
        return self.noc * self.dims[:, None]

    @property
    def w2d_scaled(self) -> Tensor:
        """(M, n, 2) weights of the pose cost, in 1 / pixel."""
        return self.w2d * self.scale[:, None]


class ObjectSamples(NamedTuple):
    """Objects drawn for training, M per batch; zero is a normal number.

    Attributes:
        img_inds: (M,) long, image of the batch.
        point_inds: (M,) long in [0, P), see :class:`Proposals`.
        labels: (M,) long, label of the ground truth.
        gt_inds: (M,) long, index into the ground truths of the whole batch.
        weights: (M,) importance weights, mean 1.
        uniform_weights: (M,) weights that count every ground truth equally, mean 1.
    """

    img_inds: Tensor
    point_inds: Tensor
    labels: Tensor
    gt_inds: Tensor
    weights: Tensor
    uniform_weights: Tensor


class TrainingPoses(NamedTuple):
    """What the pose losses of M objects need from the pose stage.

    Attributes:
        log_weights: (S, M) log importance weights of samples of the pose density, with gradient.
        cost_target: (M,) cost of the true pose, with gradient.
        pose_opt: (M, 4) estimate as at test time, without the true pose; detached.
        pose_opt_plus: (M, 4) the same moved by one differentiable Gauss-Newton step.
        valid: (M,) bool, the estimate is usable.
    """

    log_weights: Tensor
    cost_target: Tensor
    pose_opt: Tensor
    pose_opt_plus: Tensor
    valid: Tensor


class PoseEstimates(NamedTuple):
    """Solved poses of a test batch.

    Attributes:
        poses: (M, 4) (x, y, z, yaw), camera frame.
        scores: (M,) localisation score in [0, 1].
        covariances: (M, 4, 4) of the poses; None when not asked for.
        valid: (M,) bool, the solver had enough information.
    """

    poses: Tensor
    scores: Tensor
    covariances: Tensor | None
    valid: Tensor
