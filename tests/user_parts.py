"""Parts of the layer and of the detector as a user would register them, one class of each kind."""

from dataclasses import dataclass

from mmdet3d.registry import MODELS, TASK_UTILS
from torch import nn

import epropnp
from epropnp.amis import AMIS, PoseSamples
from epropnp.initializers import Starts
from epropnp.proposals import QuaternionProposals, YawProposals
from epropnp_det.models.objects import (
    AnalyticImagePoints,
    CorrespondenceHead,
    DeformableAttentionSampler,
    DenseFeatures,
    MultiClassLogDimCoder,
    ObjectBranches,
    ObjectQuery,
)
from epropnp_det.models.pose import PoseSolver
from epropnp_det.models.proposals import FCOSEmbHead
from epropnp_det.models.training import (
    AuxiliaryLosses,
    DetectionCriterion,
    ObjectLoss,
    ProposalLoss,
)
from epropnp_det.models.training.targets import CenterAssigner, CenternessSampler, VolumeCenter

USED: set[str] = set()  # names of the parts that have worked


def counted(base: type, method: str = "forward") -> type:
    """Subclass of a part that notes when it works."""

    def work(self, *args, **kwargs):
        USED.add(type(self).__name__)
        return getattr(base, method)(self, *args, **kwargs)

    return type(f"My{base.__name__}", (base,), {method: work})


for _stage in (
    AnalyticImagePoints,
    AuxiliaryLosses,
    CorrespondenceHead,
    DeformableAttentionSampler,
    DenseFeatures,
    DetectionCriterion,
    FCOSEmbHead,
    ObjectBranches,
    ObjectLoss,
    ObjectQuery,
    ProposalLoss,
):
    MODELS.register_module(module=counted(_stage), force=True)
MODELS.register_module(module=counted(PoseSolver, "training_poses"), force=True)
for _part in (CenterAssigner, CenternessSampler, VolumeCenter):
    TASK_UTILS.register_module(module=counted(_part, "__call__"), force=True)
TASK_UTILS.register_module(module=counted(MultiClassLogDimCoder, "decode"), force=True)


@MODELS.register_module(force=True)
class MySolver(nn.Module):
    """Gauss-Newton from its own start, not derived from any class of the layer."""

    def __init__(self, dof: int, init_solver, normalize: bool = False):
        super().__init__()
        self.dof, self.normalize = dof, normalize
        self.inner = epropnp.LMSolver(dof, num_iter=2, init_solver=init_solver)

    def solve_problem(self, problem, pose_init, options, generator, backend):
        """See ``PnPSolver``."""
        USED.add("MySolver")
        options = options._replace(fast_mode=True)
        return self.inner.solve_problem(problem, pose_init, options, generator, backend)


@MODELS.register_module(force=True)
@dataclass(frozen=True)
class MyStart:
    """One start some way in front of the camera."""

    distance: float

    def __call__(self, cost, generator, rule, backend):
        """See ``Start``."""
        USED.add("MyStart")
        pose = cost.manifold.identity(cost.points_obj).repeat(len(cost.points_obj), 1)
        pose[:, 2] = self.distance
        return Starts(pose[None], cost.value(pose)[None])


@MODELS.register_module(force=True)
@dataclass(frozen=True)
class MySampler:
    """Fewer samples than those of the layer."""

    proposals: object

    def sample(self, cost, peaks, backend, generator=None) -> PoseSamples:
        """See ``Sampler``."""
        USED.add("MySampler")
        return AMIS(8, 2, self.proposals).sample(cost, peaks, backend, generator)


for _family in (YawProposals, QuaternionProposals):
    MODELS.register_module(module=counted(_family, "around"), force=True)


@MODELS.register_module(force=True)
@dataclass(frozen=True)
class MyCost:
    """A kernel of its own width."""

    delta: float

    def kernel(self, x2d, w2d):
        """See ``CostSetting``."""
        USED.add("MyCost")
        return epropnp.HuberPnPCost(self.delta).kernel(x2d, w2d)


MODELS.register_module(module=counted(epropnp.PerspectiveCamera, "dehomogenize"), force=True)


@MODELS.register_module(force=True)
class MyPoseLoss(nn.Module):
    """A Monte Carlo loss without a running scale."""

    def forward(self, log_weights, cost_target, scale, weight=None, avg_factor=None):
        """As ``MonteCarloPoseLoss``."""
        USED.add("MyPoseLoss")
        loss = epropnp.monte_carlo_pose_loss(log_weights, cost_target)
        return (loss * weight).sum() / avg_factor
