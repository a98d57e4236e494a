// The ground plane from above: forward is up, right is right; world units are metres, y = -forward.
import { CHOSEN, RING, TEXT, TRUTH } from "./colors.js";
import { fresh } from "./dom.js";
import { footprint, groundToPlane, inside } from "./geometry.js";
import { boxColor } from "./images.js";
import { groundCloud, roundStep } from "./plots.js";

const RINGS = 40; // pixels between rings at least
const PICK = 8; // pixels beside a centre that still hit the object
const FAR = 120; // metres; what is farther does not decide what is shown at first

export const toWorld = ([right, forward]) => [right, -forward];

/** World rectangle around all boxes and the origin. */
export function planeExtent(sample) {
  const places = [[0, 0]];
  for (const object of sample.objects) places.push(...footprint(sample.views[object.view], object).outline.map(toWorld));
  for (const view of sample.views) {
    for (const box of view.truth ?? []) places.push(...footprint(view, box).outline.map(toWorld));
  }
  const near = places.filter(([x, y]) => Math.hypot(x, y) < FAR);
  const reach = Math.max(...near.map(([x, y]) => Math.hypot(x, y)), 0.1);
  const [xs, ys] = [near.map((p) => p[0]), near.map((p) => p[1])];
  const [side, margin] = [reach / 4, reach / 12];
  const [left, top] = [Math.min(...xs, -side) - margin, Math.min(...ys, -side) - margin];
  return [left, top, Math.max(...xs, side) + margin - left, Math.max(...ys, 0) + margin - top];
}

export function objectFromAbove(scene, point, scale) {
  let best = null;
  for (const object of scene.shown) {
    const shape = footprint(scene.sample.views[object.view], object);
    const [x, y] = toWorld(shape.center);
    const apart = Math.hypot(point[0] - x, point[1] - y);
    const hit = inside(shape.outline.map(toWorld), point) || apart * scale < PICK;
    if (hit && (!best || apart < best.apart)) best = { id: object.id, apart };
  }
  return best && best.id;
}

export function drawPlane(canvas, zoom, scene) {
  const context = fresh(canvas);
  rings(context, zoom);
  const { sample, state, shown } = scene;
  if (state.clouds) {
    for (const object of shown) if (object.ground) cloud(context, zoom, sample.views[object.view], object);
  }
  if (state.truth) {
    for (const view of sample.views) {
      for (const box of view.truth ?? []) drawShape(context, zoom, footprint(view, box), TRUTH, 1.5, [5, 4]);
    }
  }
  for (const object of shown) {
    const chosen = object.id === state.object;
    drawShape(context, zoom, footprint(sample.views[object.view], object),
      chosen ? CHOSEN : boxColor(object, state.boxes), chosen ? 2.5 : 1.5);
  }
}

function rings(context, zoom) {
  const [x, y] = zoom.toScreen([0, 0]);
  const step = roundStep(RINGS / zoom.scale);
  context.strokeStyle = RING;
  context.fillStyle = RING;
  context.font = "10px system-ui, sans-serif";
  for (let ring = 1; ring <= 40; ring++) {
    const radius = ring * step;
    context.beginPath();
    context.arc(x, y, radius * zoom.scale, 0, 2 * Math.PI);
    context.stroke();
    context.fillText(`${Number(radius.toPrecision(6))} m`, x + 3, y - radius * zoom.scale - 3);
  }
  context.fillStyle = TEXT;
  context.beginPath();
  context.moveTo(x, y - 8);
  context.lineTo(x + 5, y + 5);
  context.lineTo(x - 5, y + 5);
  context.fill();
}

/** A density as a cloud: its grid is turned and shifted with its camera. */
function cloud(context, zoom, view, object) {
  const { picture, extent: [left, right, near, far] } = groundCloud(object);
  const corner = zoom.toScreen(toWorld(groundToPlane(view, left, far)));
  const across = zoom.toScreen(toWorld(groundToPlane(view, right, far)));
  const down = zoom.toScreen(toWorld(groundToPlane(view, left, near)));
  const [w, h] = [picture.width, picture.height];
  context.save();
  context.transform((across[0] - corner[0]) / w, (across[1] - corner[1]) / w,
    (down[0] - corner[0]) / h, (down[1] - corner[1]) / h, corner[0], corner[1]);
  context.drawImage(picture, 0, 0);
  context.restore();
}

function drawShape(context, zoom, shape, color, width, dash = []) {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.beginPath();
  shape.outline.forEach((point) => context.lineTo(...zoom.toScreen(toWorld(point))));
  context.closePath();
  context.moveTo(...zoom.toScreen(toWorld(shape.center)));
  context.lineTo(...zoom.toScreen(toWorld(shape.front)));
  context.stroke();
  context.setLineDash([]);
}
