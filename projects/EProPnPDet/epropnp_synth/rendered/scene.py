"""One image: place things, cast rays, shade, expose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from epropnp_data.bop.object_view import ObjectView, pixel_rays
from epropnp_data.bop.visibility import compose, instance_info, whole_mask

from ..bop.render import RenderedView
from .backgrounds import Backgrounds
from .light import Light, Material, random_light, random_material, shade
from .placement import Placement, Thing, place
from .sensor import expose
from .settings import RenderSettings
from .surfaces import Paint, Surface, random_paint

SHADOW_OFFSET = 1e-3  # metres off the surface, against shadows of its own triangles
TABLE_SHADOW_STEP = 3  # pixels between rays to the lamps from the table: soft outlines, less work
TABLE_COVER = 512  # pixels of the picture on it
TABLE_HALF_SIZE = (0.35, 1.5)  # metres
CLUTTER_RADIUS = (0.25, 1.3)  # relative to the mean radius of the models
CANVAS = 1  # silhouettes count up to this many image sizes beyond the image, as in BOP


@dataclass(frozen=True)
class Stage:
    """Everything that images are made of.

    Attributes:
        surfaces: models by object id.
        clutter: other things, of radius 1.
        backgrounds: pictures behind them and on the table.
    """

    surfaces: dict[int, Surface]
    clutter: list[Surface]
    backgrounds: Backgrounds


class Scene(NamedTuple):
    """One rendered image with object ids and object-to-camera poses (4, 4), metres."""

    view: RenderedView
    obj_ids: list[int]
    poses: list[NDArray]


class _Actor(NamedTuple):
    surface: Surface
    pose: NDArray  # (4, 4), scale included
    paint: Paint | None  # None takes the colours of the mesh


def render_scene(stage: Stage, settings: RenderSettings, rng: np.random.Generator) -> Scene:
    """Render one random image."""
    obj_ids, actors, table = _cast(stage, settings, rng)
    camera = settings.camera
    shape = camera.height, camera.width
    limits = (
        -CANVAS * camera.width,
        -CANVAS * camera.height,
        (CANVAS + 1) * camera.width,
        (CANVAS + 1) * camera.height,
    )
    views = [actor.surface.caster.view(actor.pose, camera.cam_mat, limits) for actor in actors]
    composition = compose(views, shape)
    up_cam = table[:3, 2] if table is not None else np.array([0, -0.8, -0.6])
    light = random_light(rng, up_cam)
    picture = stage.backgrounds(rng, shape)
    if table is not None:
        _draw_table(picture, table, light, actors, stage, camera.cam_mat, rng)
    for index, (actor, view) in enumerate(zip(actors, views, strict=True)):
        seen = composition.nearest == index
        _draw(picture, seen, view, actor, light, actors, camera.cam_mat, random_material(rng))
    count = len(obj_ids)
    masks_visib = np.stack([composition.nearest == index for index in range(count)])
    depth = np.where(np.isfinite(composition.depth), composition.depth, 0)
    rendered = RenderedView(
        expose(picture, rng),
        depth,
        np.stack([whole_mask(view, shape) for view in views[:count]]),
        masks_visib,
        [instance_info(v, m) for v, m in zip(views[:count], masks_visib, strict=True)],
    )
    return Scene(rendered, obj_ids, [actor.pose for actor in actors[:count]])


def _cast(
    stage: Stage, settings: RenderSettings, rng: np.random.Generator
) -> tuple[list[int], list[_Actor], NDArray | None]:
    """Who takes part, and where: the objects first, then clutter."""
    ids = list(stage.surfaces)
    low, high = (min(n, len(ids)) for n in settings.objects_per_image)
    obj_ids = sorted(rng.permutation(ids)[: rng.integers(low, high + 1)].tolist())
    radius = float(np.mean([s.mesh.radius for s in stage.surfaces.values()]))
    clutter = []
    for _ in range(rng.integers(settings.clutter_per_image[0], settings.clutter_per_image[1] + 1)):
        surface = stage.clutter[rng.integers(len(stage.clutter))]
        clutter.append((surface, radius * rng.uniform(*CLUTTER_RADIUS)))
    cast = [(stage.surfaces[obj_id], 1.0) for obj_id in obj_ids] + clutter
    things = [
        Thing(
            scale * surface.mesh.vertices[:, 2].min(),
            scale * surface.mesh.radius,
            scale * surface.mesh.center,
        )
        for surface, scale in cast
    ]
    placement: Placement = place(rng, things, settings.view, settings.camera)
    actors = []
    for (surface, scale), pose in zip(cast, placement.poses, strict=True):
        paint = None if surface.mesh.colors is not None else random_paint(rng, surface.mesh.radius)
        actors.append(_Actor(surface, pose @ np.diag([scale, scale, scale, 1]), paint))
    return obj_ids, actors, placement.table


def _draw(
    picture: NDArray,
    seen: NDArray,
    view: ObjectView,
    actor: _Actor,
    light: Light,
    actors: list[_Actor],
    cam_mat: NDArray,
    material: Material,
) -> None:
    """Shade the visible pixels of one thing into the picture."""
    rows, columns = np.nonzero(seen)
    if not len(rows):
        return
    inside = rows - view.top, columns - view.left
    points_cam = pixel_rays(columns, rows, cam_mat) * view.depth[inside][:, None]
    inverse = np.linalg.inv(actor.pose)
    points_obj = points_cam @ inverse[:3, :3].T + inverse[:3, 3]
    mesh, triangles = actor.surface.mesh, view.triangle[inside]
    normals = actor.surface.interpolate(mesh.normals, points_obj, triangles)
    normals = normals @ inverse[:3, :3]  # covectors; a rotation and one scale
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    if actor.paint is None:
        colors = actor.surface.interpolate(mesh.colors, points_obj, triangles)
    else:
        colors = actor.paint(points_obj)
    lit = _arriving(light, points_cam, normals, actors)
    picture[rows, columns] = shade(light, material, colors, normals, points_cam, lit)


def _arriving(light: Light, points_cam: NDArray, normals: NDArray, actors: list[_Actor]) -> NDArray:
    """(L, N): 1 where a lamp arrives, 0 in a shadow."""
    toward_eye = (normals * points_cam).sum(axis=1, keepdims=True) < 0
    start = points_cam + SHADOW_OFFSET * np.where(toward_eye, normals, -normals)
    lit = np.ones((len(light.lamps), len(points_cam)))
    for index, lamp in enumerate(light.lamps):
        if lamp.shadows:
            for actor in actors:
                lit[index][actor.surface.caster.blocks(actor.pose, start, lamp.toward)] = 0
    return lit


def _draw_table(
    picture: NDArray,
    table: NDArray,
    light: Light,
    actors: list[_Actor],
    stage: Stage,
    cam_mat: NDArray,
    rng: np.random.Generator,
) -> None:
    """Draw a rectangular table with a picture on it and the shadows of everything else."""
    height, width = picture.shape[:2]
    half = rng.uniform(*TABLE_HALF_SIZE, size=2)
    cover = stage.backgrounds(rng, (TABLE_COVER, TABLE_COVER))
    v, u = np.mgrid[:height, :width].reshape(2, -1)
    rays = pixel_rays(u, v, cam_mat)
    normal = table[:3, 2]
    with np.errstate(divide="ignore"):
        depth = (normal @ table[:3, 3]) / (rays @ normal)
    points_cam = rays * np.where(np.isfinite(depth), depth, 0)[:, None]
    plane = (points_cam - table[:3, 3]) @ table[:3, :2]
    seen = (depth > 0) & (np.abs(plane) < half).all(axis=1)
    if not seen.any():
        return
    uv = ((plane / half + 1) / 2 * (TABLE_COVER - 1)).astype(np.float32).reshape(height, width, 2)
    colors = cv2.remap(
        cover, uv[..., 0], uv[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    lit = _table_shadows(light, points_cam.reshape(height, width, 3), normal, seen, actors)
    normals = np.broadcast_to(normal, (int(seen.sum()), 3))
    shaded = shade(
        light, random_material(rng), colors.reshape(-1, 3)[seen], normals, points_cam[seen], lit
    )
    picture.reshape(-1, 3)[seen] = shaded


def _table_shadows(
    light: Light, points_cam: NDArray, normal: NDArray, seen: NDArray, actors: list[_Actor]
) -> NDArray:
    """(L, N) light at the seen pixels, from every few pixels, interpolated."""
    height, width = points_cam.shape[:2]
    coarse = np.ascontiguousarray(points_cam[::TABLE_SHADOW_STEP, ::TABLE_SHADOW_STEP])
    shape = coarse.shape[:2]
    normals = np.broadcast_to(normal, (shape[0] * shape[1], 3))
    lit = _arriving(light, coarse.reshape(-1, 3), normals, actors).reshape(-1, *shape)
    sizes = (shape[1] * TABLE_SHADOW_STEP, shape[0] * TABLE_SHADOW_STEP)
    fine = [cv2.resize(each, sizes, interpolation=cv2.INTER_LINEAR) for each in lit]
    return np.stack([each[:height, :width].reshape(-1)[seen] for each in fine])
