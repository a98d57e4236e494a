"""Replays the recorded numbers of the published PnP layer and measures how far ours are.

`measure` returns, for one recorded case, the largest difference of every quantity, relative to the
largest entry of the recorded tensor of the object concerned. The gradient of the AMIS loss is a
difference of two terms that may be 1e4 times larger; there "relative" is to the larger of the
recorded gradient and its first term.
"""

import copy
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from epropnp import (
    AMIS,
    AdaptiveHuberPnPCost,
    EagerBackend,
    HuberPnPCost,
    LMSolver,
    PerspectiveCamera,
    RSLMSolver,
    monte_carlo_pose_loss,
)
from epropnp.amis import PoseSamples
from epropnp.distributions import AngularCentralGaussian, MultivariateT, VonMisesUniformMix
from epropnp.fitting import PublishedFit
from epropnp.gauss_newton import gauss_newton_step
from epropnp.mixture import Mixture
from epropnp.problem import build_problem
from epropnp.proposals import (
    QuaternionPoseProposal,
    QuaternionProposals,
    YawPoseProposal,
    YawProposals,
)
from epropnp.record import Record
from epropnp.solvers import pose_manifold

CASES = (0, 2, 4, 6)
INPUTS = ("x3d", "x2d", "w2d")
# what the threshold's gradient reaches -> suffix of the recorded gradient of each input
RECORDED_GRADIENTS = {
    "all": ("", "", ""),
    "all but x2d": ("", "_deltadet", ""),
    "none": ("_deltadet", "_deltadet", "_deltadet"),
}
SMALL_CHUNK = EagerBackend(chunk=300)  # several chunks even for the smallest case


class Case:
    """One recorded case: its inputs as tensors, and its outputs by name."""

    def __init__(self, path: Path, number: int):
        with np.load(path) as archive:
            prefix = f"case{number}_"
            self.data = {k[len(prefix) :]: archive[k] for k in archive if k.startswith(prefix)}
        self.dof = int(self.data["dof"])

    def tensor(self, name: str) -> torch.Tensor:
        return torch.from_numpy(self.data[name])

    def out(self, name: str) -> torch.Tensor:
        return self.tensor(f"out_{name}")

    def float32(self) -> "Case":
        """The same case in single precision."""
        case = copy.copy(self)
        case.data = {
            k: v.astype(np.float32) if v.dtype == np.float64 and v.ndim else v
            for k, v in self.data.items()
        }
        return case

    def inputs(self, requires_grad: bool = False) -> list[torch.Tensor]:
        return [self.tensor(name).clone().requires_grad_(requires_grad) for name in INPUTS]

    def camera(self) -> PerspectiveCamera:
        bounds = {}
        if "lb" in self.data:
            bounds = {"lb": self.tensor("lb"), "ub": self.tensor("ub")}
        settings = PerspectiveCamera(z_min=float(self.data["z_min"]))
        return settings.bind(self.tensor("cam_mats"), **bounds)

    def setting(self, delta_gradient: str = "all"):
        if self.data["cost_kind"] == "adaptive":
            return AdaptiveHuberPnPCost(float(self.data["relative_delta"]), delta_gradient)
        return HuberPnPCost(self.out("delta"))

    def problem(self, inputs, delta_gradient: str = "all", normalize: bool = False):
        camera = self.camera()
        manifold = pose_manifold(self.dof, camera)
        return build_problem(*inputs, camera, self.setting(delta_gradient), manifold, normalize)

    def cost(self, inputs=None, delta_gradient: str = "all"):
        return self.problem(inputs or self.inputs(), delta_gradient).cost


@dataclass
class Report:
    """Largest relative difference of each quantity."""

    case: Case
    worst: dict[str, float] = field(default_factory=dict)

    def add(self, quantity: str, ours: torch.Tensor, recorded: str) -> None:
        self.compare(quantity, ours, self.case.out(recorded))

    def compare(self, quantity, ours, theirs, axis: int = 0, scale=None):
        """Tensors with objects along ``axis``; ``scale`` (B,) is a lower bound of their size."""
        assert ours.shape == theirs.shape, (quantity, ours.shape, theirs.shape)
        gap, size = (_largest(t.detach().movedim(axis, 0)) for t in (ours - theirs, theirs))
        size = size if scale is None else torch.maximum(size, scale)
        relative = torch.where(gap == 0, gap, gap / size).max().item()
        relative = math.inf if math.isnan(relative) else relative
        self.worst[quantity] = max(relative, self.worst.get(quantity, 0.0))


def _largest(tensor: torch.Tensor) -> torch.Tensor:
    """Largest magnitude of each object of (B, ...)."""
    return tensor.abs().flatten(1).amax(1) if tensor.dim() > 1 else tensor.abs()


def _interleave(rows: torch.Tensor, num_points: int) -> torch.Tensor:
    """Residual axis from all x then all y to x, y of each point, as recorded."""
    return rows.unflatten(1, (2, num_points)).transpose(1, 2).flatten(1, 2)


def measure_projection(case: Case, report: Report) -> None:
    cost, num_points = case.cost(), case.inputs()[0].shape[1]
    report.add("delta", cost.kernel.delta, "delta")
    for name in ("init", "gt"):
        pose = case.tensor(f"pose_{name}")
        rotated = cost.manifold.rotation_matrix(pose) @ cost.points_obj
        points_cam = rotated + pose[:, :3, None]
        report.add("projection", cost.camera.project(points_cam.mT), f"{name}_x2d_proj")
        pixels = cost.camera.dehomogenize(cost.camera.cam_mats @ points_cam)
        for kind, camera in (("clip", cost.camera), ("noclip", cost.unclipped().camera)):
            by_camera = camera.jacobian(pixels)
            by_turn = cost.manifold.turn_gradient(rotated, by_camera)
            jacobian = torch.cat((by_camera.transpose(1, 2), by_turn), dim=1)  # (B, D, 2, n)
            report.add("jacobian", jacobian.permute(0, 3, 2, 1), f"{name}_jac_{kind}")
        lin = cost.linearize(pose)
        report.add("residual", _interleave(lin.residual, num_points), f"{name}_residual")
        report.add("weighted jacobian", _interleave(lin.jacobian, num_points), f"{name}_wjac")
        report.add("cost", lin.value, f"{name}_cost")
        report.add("cost", cost.value(pose), f"{name}_cost")


def measure_solvers(case: Case, report: Report) -> None:
    cost, start = case.cost(), case.tensor("pose_init")
    for num_iter in (1, 2, 3, 5, 10):
        solution = LMSolver(case.dof, num_iter).solve(cost, start)
        report.add("LM pose", solution.pose_opt, f"lm{num_iter}_pose")
        report.add("LM cost", solution.cost, f"lm{num_iter}_cost")
        report.add("LM covariance", solution.covariance()[0], f"lm{num_iter}_cov")
    layer_args = (*case.inputs(), case.camera(), case.setting())
    options = {"pose_init": start, "with_pose_opt_plus": True}
    for suffix, normalize in (("", False), ("norm", True)):
        result = LMSolver(case.dof, 10, normalize)(*layer_args, **options)
        report.add("LM pose", result.pose_opt, f"lm10{suffix}_pose")
        report.add("LM cost", result.cost, f"lm10{suffix}_cost")
        report.add("LM pose plus", result.pose_opt_plus, f"lm10{suffix}_pose_plus")
    for num_iter in (1, 3, 10):
        solver = LMSolver(case.dof, num_iter, published_fast_mode=True)
        solution = solver.solve(cost, start, fast_mode=True)
        report.add("GN pose", solution.pose_opt, f"gn{num_iter}_pose")
        report.add("GN covariance", solution.covariance()[0], f"gn{num_iter}_cov")


def measure_random_start(case: Case, report: Report) -> None:
    cost = case.cost()
    report.add("RSLM start", cost.rough_translation(), "rslm_t_init")
    if case.dof == 4:
        rotation = case.out("rslm_unit_rand").unsqueeze(-1) * 2 * torch.pi
    else:
        rotation = torch.nn.functional.normalize(case.out("rslm_randn"), dim=-1)
    starts = RSLMSolver(case.dof).from_subsets(cost, case.out("rslm_inds"), rotation)
    pose, value = starts.best()
    report.add("RSLM pose", pose, "rslm_pose")
    report.add("RSLM cost", value, "rslm_min_cost")


def measure_step(case: Case, report: Report) -> None:
    pose = case.out("lm10_pose")
    for delta_gradient, suffixes in RECORDED_GRADIENTS.items():
        for output in ("gnstep", "plus"):
            inputs = case.inputs(requires_grad=True)
            cost = case.cost(inputs, delta_gradient)
            step = gauss_newton_step(cost, pose)
            if output == "gnstep":
                target = (step * case.out("gn_cotangent")).sum()
            else:
                moved = cost.manifold.retract(pose, step)
                report.add("GN step pose", moved, "gnstep_plus")
                target = (moved * case.out("plus_cotangent")).sum()
            gradients = torch.autograd.grad(target, inputs)
            for name, grad, suffix in zip(INPUTS, gradients, suffixes, strict=True):
                report.add(f"GN step gradient {name}", grad, f"{output}_grad_{name}{suffix}")


def measure_loss(case: Case, report: Report) -> None:
    poses, log_mixture = case.out("mc_pose_samples"), case.out("mc_mix_logprobs")
    for delta_gradient, suffixes in RECORDED_GRADIENTS.items():
        inputs = case.inputs(requires_grad=True)
        cost = case.cost(inputs, delta_gradient)
        values = SMALL_CHUNK.attach(cost, poses, SMALL_CHUNK.values(cost, poses))
        report.compare("MC sample cost", values, case.out("mc_sample_cost"), axis=1)
        report.compare("MC log weights", -values - log_mixture, case.out("mc_logweights"), axis=1)
        target = cost.value(case.tensor("pose_gt"))
        report.add("MC target cost", target, "mc_cost_target")
        loss = monte_carlo_pose_loss(-values - log_mixture, target)
        report.add("MC loss", loss, "mc_loss_per_obj")
        total = (loss * case.out("mc_obj_weight")).sum()
        gradients = torch.autograd.grad(total, inputs)
        for name, grad, suffix in zip(INPUTS, gradients, suffixes, strict=True):
            report.add(f"MC gradient {name}", grad, f"mc_grad_{name}{suffix}")


def _unit_trace(covariance: torch.Tensor) -> torch.Tensor:
    """Covariances of angular Gaussians, whose scale has no meaning, in one scale."""
    return covariance / covariance.diagonal(dim1=-2, dim2=-1).sum(-1)[:, None, None]


@dataclass(frozen=True, eq=False)
class RecordedProposal(Record):
    """A recorded proposal with the samples that were drawn from it."""

    proposal: Record
    poses: torch.Tensor

    def sample(self, num, generator=None):
        assert num == self.poses.shape[-3]
        return self.poses.movedim(-3, 0)

    def log_prob(self, poses):
        return self.proposal.log_prob(poses)


class PolynomialYaw(VonMisesUniformMix):
    """Yaw mixture with torch's polynomial for the Bessel function, as the recording used it."""

    def log_prob(self, value):
        peaked = torch.distributions.VonMises(self.loc, self.concentration, validate_args=False)
        share = math.log(1 - self.uniform_weight)
        flat = math.log(self.uniform_weight / (2 * math.pi))
        return torch.logaddexp(peaked.log_prob(value) + share, value.new_tensor(flat))


class RecordedFamily:
    """Recorded proposals in their order; measures what our published rules would have fitted."""

    def __init__(self, case: Case, report: Report, yaw=VonMisesUniformMix):
        self.case, self.report, self.round = case, report, 0
        family = YawProposals if case.dof == 4 else QuaternionProposals
        self.rules = family(rule=PublishedFit())
        self.yaw = yaw

    def around(self, pose, covariance):
        self._compare(self.rules.around(pose.squeeze(0), covariance.squeeze(0)))
        return Mixture.single(self._next()).proposals

    def fit(self, poses, log_weights):
        self._compare(self.rules.fit(poses, log_weights))
        return self._next()

    def _compare(self, ours):
        case, index = self.case, self.round
        loc, factor = case.out("amis_trans_mode")[index], case.out("amis_trans_cov_tril")[index]
        self.report.compare("AMIS fitted translation", ours.translation.loc, loc)
        self.report.compare("AMIS fitted translation", ours.translation.scale_tril, factor)
        if case.dof == 4:
            mode, kappa = (case.out(f"amis_rot_{k}")[index].squeeze(-1) for k in ("mode", "kappa"))
            turn = (ours.yaw.loc - mode + math.pi) % (2 * math.pi) - math.pi
            self.report.compare("AMIS fitted yaw", mode + turn, mode)
            self.report.compare("AMIS fitted yaw", ours.yaw.concentration, kappa)
        else:
            factor = case.out("amis_rot_cov_tril")[index]
            acg = ours.quaternion
            full = acg.scale_tril if acg.frame is None else acg.frame @ acg.scale_tril
            ours, theirs = (_unit_trace(f @ f.mT) for f in (full, factor))
            self.report.compare("AMIS fitted quaternion", ours, theirs)

    def _next(self):
        case, index = self.case, self.round
        self.round += 1
        translation = MultivariateT(
            case.out("amis_trans_mode")[index], case.out("amis_trans_cov_tril")[index]
        )
        if case.dof == 4:
            mode, kappa = (case.out(f"amis_rot_{k}")[index].squeeze(-1) for k in ("mode", "kappa"))
            proposal = YawPoseProposal(translation, self.yaw(mode, kappa))
        else:
            rotation = AngularCentralGaussian(case.out("amis_rot_cov_tril")[index])
            proposal = QuaternionPoseProposal(translation, rotation)
        return RecordedProposal(proposal, case.out("amis_pose_samples").chunk(4)[index])


def replay_amis(case: Case, report: Report, yaw) -> tuple[PoseSamples, list, torch.Tensor]:
    inputs = case.inputs(requires_grad=True)
    cost = case.cost(inputs)
    family = RecordedFamily(case, report, yaw)
    sampler = AMIS(len(case.out("amis_pose_samples")), 4, family)
    samples = sampler(
        cost, case.out("amis_pose_opt"), case.out("amis_init_cov"), backend=SMALL_CHUNK
    )
    target = cost.value(case.tensor("pose_gt"))
    return samples, inputs, target


def measure_amis(case: Case, report: Report) -> None:
    if case.dof == 4:
        exact, _, target = replay_amis(case, Report(case), VonMisesUniformMix)
        exact_loss = monte_carlo_pose_loss(exact.pose_sample_logweights, target)
        report.add("AMIS loss, exact Bessel function", exact_loss, "amis_loss_per_obj")
    samples, inputs, target = replay_amis(case, report, PolynomialYaw)
    assert torch.equal(samples.pose_samples, case.out("amis_pose_samples"))
    report.compare(
        "AMIS log weights", samples.pose_sample_logweights, case.out("amis_logweights"), axis=1
    )
    report.add("AMIS target cost", target, "amis_cost_target")
    loss = monte_carlo_pose_loss(samples.pose_sample_logweights, target)
    report.add("AMIS loss", loss, "amis_loss_per_obj")
    first_terms = torch.autograd.grad(target.sum(), inputs, retain_graph=True)
    grads = torch.autograd.grad(loss.sum(), inputs)
    for name, grad, first in zip(INPUTS, grads, first_terms, strict=True):
        recorded = case.out(f"amis_grad_{name}")
        report.compare(f"AMIS gradient {name}", grad, recorded, scale=_largest(first))


def fast_mode_costs(path: Path, number: int) -> dict[str, torch.Tensor]:
    """Costs (B,) at the start, after the recorded solver, and after ten steps of fast mode."""
    case = Case(path, number)
    cost, start = case.cost(), case.tensor("pose_init")
    ends = {"start": cost.value(start), "recorded": case.out("lm10_cost")}
    for name, published in (("safe", False), ("published", True)):
        solver = LMSolver(case.dof, 10, published_fast_mode=published)
        ends[name] = solver.solve(cost, start, fast_mode=True).cost
    return ends


TOLERANCE = 1e-8
LOOSER = {  # stated with their reason in the recording: conditioning, or a better formula of ours
    "LM covariance": 1e-7,
    "GN covariance": 1e-7,
    "GN step gradient x3d": 1e-6,
    "GN step gradient x2d": 1e-6,
    "GN step gradient w2d": 1e-6,
    "AMIS loss, exact Bessel function": 1e-6,
}

MEASUREMENTS = (
    measure_projection,
    measure_solvers,
    measure_random_start,
    measure_step,
    measure_loss,
    measure_amis,
)


def measure(path: Path, number: int) -> dict[str, float]:
    """Largest relative difference of every quantity of a recorded case."""
    case = Case(path, number)
    report = Report(case)
    for part in MEASUREMENTS:
        part(case, report)
    return report.worst


def excess(worst: dict[str, float]) -> dict[str, float]:
    """Quantities beyond their tolerance."""
    return {k: v for k, v in worst.items() if not v <= LOOSER.get(k, TOLERANCE)}


def table(title: str, reports: dict[int, dict[str, float]]) -> str:
    """Differences of all cases side by side."""
    numbers = sorted(reports)
    lines = [f"{title:34s}" + "".join(f"case {n:<6d}" for n in numbers)]
    for quantity in reports[numbers[0]]:
        cells = (f"{reports[n].get(quantity, math.nan):<11.1e}" for n in numbers)
        lines.append(f"{quantity:34s}" + "".join(cells))
    return "\n".join(lines)
