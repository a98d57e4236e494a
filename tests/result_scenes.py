"""Results folders for tests: drawn images, boxes with known errors, densities in closed form."""

from pathlib import Path

import cv2
import numpy as np

from epropnp_results import ImageResult, ObjectResult, ResultsFolder, TruthBox

CLASSES = ["car", "pedestrian"]
SIZE_WH = (640, 360)
FOCAL = 500.0
YAW_STEPS, GROUND_STEPS, NUM_POINTS = 72, 24, 32
SIZES = {"car": [4.5, 1.6, 1.9], "pedestrian": [0.7, 1.75, 0.7]}
HEADER = dict(task="detection", classes=CLASSES, config="drawn by the tests")


def rotation(yaw: float) -> list[list[float]]:
    cos, sin = np.cos(yaw), np.sin(yaw)
    return [[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]]


def detection(label: str, place: tuple, yaw: float, score: float, trust: float) -> ObjectResult:
    apart = float(np.linalg.norm(place))
    near = {name: [at - 1.0, at + 1.0] for name, at in zip("xyz", place, strict=True)}
    near["distance"] = [apart - 1.0, apart + 1.0]
    return ObjectResult(
        label=label,
        score=score,
        translation=list(place),
        rotation=rotation(yaw),
        size=SIZES[label],
        bbox=[10.0, 20.0, 110.0, 90.0],
        yaw=yaw,
        velocity=[1.0, 2.0],
        attribute="vehicle.moving",
        covariance=np.diag([0.1, 0.05, 0.5, 0.02]).tolist(),
        intervals=[dict(level=0.9, **near, yaw=[[yaw - 0.3, yaw + 0.3]])],
        trust=dict(trust=trust, effective_samples=120.0),
    )


def truth_box(label: str, place: tuple, yaw: float) -> TruthBox:
    return TruthBox(label, list(place), rotation(yaw), SIZES[label])


def density_arrays(objects: list[ObjectResult]) -> dict[str, np.ndarray]:
    """Two-mode headings, positions stretched along the line of sight, points on a lattice."""
    yaws = -np.pi + 2 * np.pi * np.arange(YAW_STEPS) / YAW_STEPS
    centers = np.array([item.translation for item in objects]).reshape(-1, 3)
    own = np.array([item.yaw for item in objects]).reshape(-1, 1)
    unit = np.linspace(-1, 1, GROUND_STEPS)
    x, z = centers[:, :1] + 2 * unit, centers[:, 2:] + 4 * unit
    slope = (centers[:, 0] / centers[:, 2])[:, None, None]
    across = (x[:, None, :] - centers[:, :1, None]) - slope * (z - centers[:, 2:])[:, :, None]
    along = (z - centers[:, 2:])[:, :, None]
    rng = np.random.default_rng(0)
    shape = (len(objects), NUM_POINTS)
    return dict(
        yaw_density=np.exp(20 * np.cos(yaws - own)) + 0.4 * np.exp(20 * np.cos(yaws - own - np.pi)),
        ground_x=x,
        ground_z=z,
        ground_density=np.exp(-0.5 * ((across / 0.4) ** 2 + (along / 1.2) ** 2)),
        points_image=rng.uniform((0, 0), SIZE_WH, (*shape, 2)),
        points_object=rng.uniform(-0.5, 0.5, (*shape, 3))
        * np.array([item.size for item in objects]).reshape(-1, 1, 3),
        weights=rng.uniform(0, 1, (*shape, 2)),
        panel_weight_map=rng.integers(0, 255, (len(objects), 16, 16, 3), dtype=np.uint8),
    )


def draw_image(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 220, (9, 16, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(coarse, SIZE_WH, interpolation=cv2.INTER_CUBIC))


def make_image(number: int, num_objects: int = 3, **fields: object) -> ImageResult:
    """Image ``number``: a car 0.5 m off its truth, a pedestrian 0.1 m off, then false positives."""
    found = [
        detection("car", (-2.0, 1.0, 12.0 + number % 20), -1.2, 0.9, 0.8),
        detection("pedestrian", (3.0, 0.8, 9.0), 0.4, 0.6, 0.3),
    ]
    found += [
        detection("car", (8.0 + 3 * i, 1.0, 25.0 + i), 0.1 * i, 0.3, 0.1)
        for i in range(num_objects - 2)
    ]
    truth = [
        truth_box("car", (-2.0, 1.0, 12.5 + number % 20), -1.1),
        truth_box("pedestrian", (3.1, 0.8, 9.0), 0.4),
        truth_box("car", (-9.0, 1.0, 30.0), 0.0),
    ]
    width, height = SIZE_WH
    defaults = dict(
        name=f"frame {number:04d}",
        image=f"frame-{number:04d}.png",
        width=width,
        height=height,
        intrinsics=[[FOCAL, 0.0, width / 2], [0.0, FOCAL, height / 2], [0.0, 0.0, 1.0]],
        objects=found[:num_objects],
        truth=truth,
    )
    return ImageResult(**(defaults | fields))


def make_results(
    folder: Path, count: int = 4, num_objects: int = 3, with_arrays: bool = True
) -> ResultsFolder:
    results = ResultsFolder.create(folder, HEADER)
    for number in range(count):
        image = make_image(number, num_objects)
        draw_image(folder / image.image, number)
        results.write(image, density_arrays(image.objects) if with_arrays else None)
    return results
