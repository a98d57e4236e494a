// The images of a sample side by side, with boxes and correspondences.
import { BOXES } from "./state.js";
import { CHOSEN, FOUND, TRUTH, css, viridis } from "./colors.js";
import { restore } from "./data.js";
import { fresh } from "./dom.js";
import { bounds, inside, outline } from "./geometry.js";

const AROUND = ["CAM_FRONT_LEFT", "CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_LEFT", "CAM_BACK", "CAM_BACK_RIGHT"];
const COLUMNS = 3;
const WIDTH = 1600; // world units per image
const GAP = 16;

/** Where each view lies: world = place + scale * pixel. */
export function layout(views) {
  const known = views.every((view) => AROUND.includes(view.name));
  const order = views.map((_, i) => i);
  if (known) order.sort((a, b) => AROUND.indexOf(views[a].name) - AROUND.indexOf(views[b].name));
  const tiles = [];
  let [top, height] = [0, 0];
  order.forEach((i, place) => {
    const column = place % COLUMNS;
    if (column === 0 && place > 0) { top += height + GAP; height = 0; }
    const scale = WIDTH / views[i].width;
    tiles[i] = { x: column * (WIDTH + GAP), y: top, scale, width: WIDTH, height: views[i].height * scale };
    height = Math.max(height, tiles[i].height);
  });
  return tiles;
}

export function extent(tiles) {
  return [0, 0, Math.max(...tiles.map((t) => t.x + t.width)), Math.max(...tiles.map((t) => t.y + t.height))];
}

/** The object at a world point: of those whose outline bounds hold it, the smallest. */
export function objectAt(scene, [x, y]) {
  let best = null;
  for (const object of scene.shown) {
    const tile = scene.tiles[object.view];
    const pixel = [(x - tile.x) / tile.scale, (y - tile.y) / tile.scale];
    const view = scene.sample.views[object.view];
    if (pixel[0] < 0 || pixel[1] < 0 || pixel[0] > view.width || pixel[1] > view.height) continue;
    const box = bounds(outline(view, object));
    if (!box || !inside([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]], pixel)) continue;
    const area = (box[2] - box[0]) * (box[3] - box[1]);
    if (!best || area < best.area) best = { id: object.id, area };
  }
  return best && best.id;
}

export function drawImages(canvas, zoom, scene) {
  const context = fresh(canvas);
  scene.sample.views.forEach((view, i) => {
    const tile = scene.tiles[i];
    context.save();
    context.translate(zoom.x + tile.x * zoom.scale, zoom.y + tile.y * zoom.scale);
    const scale = tile.scale * zoom.scale;
    context.beginPath();
    context.rect(0, 0, view.width * scale, view.height * scale);
    context.clip();
    context.imageSmoothingEnabled = scale * view.width < 3 * view.picture.naturalWidth;
    context.drawImage(view.picture, 0, 0, view.width * scale, view.height * scale);
    drawView(context, scale, view, i, scene);
    context.restore();
  });
}

function drawView(context, scale, view, number, scene) {
  const own = scene.shown.filter((object) => object.view === number);
  const far = (a, b) => b.translation[2] - a.translation[2];
  if (scene.state.truth) {
    for (const box of view.truth ?? []) drawBox(context, scale, view, box, TRUTH, { dash: [5, 4] });
  }
  for (const object of own.sort(far)) {
    const chosen = object.id === scene.state.object;
    drawBox(context, scale, view, object, chosen ? CHOSEN : boxColor(object, scene.state.boxes),
      { fill: true, width: chosen ? 2.5 : 1.5 });
  }
  const object = own.find(({ id }) => id === scene.state.object);
  if (object?.pointsImage && scene.state.points !== "off") {
    drawPoints(context, scale, object, scene.state.points);
  }
  if (scene.sample.views.length > 1) write(context, view.name, [8, 16], "#fff");
}

/** Colour of a found box: one for all, or from dark (bad) to yellow (good). */
export function boxColor(object, mode) {
  if (mode === BOXES[0] || object[mode] === null) return FOUND;
  return css(viridis(mode === "error" ? 1 - object.error / 2 : object[mode]));
}

function drawBox(context, scale, view, box, color, { dash = [], fill = false, width = 1.5 }) {
  const shape = outline(view, box);
  if (!shape.lines.length) return;
  context.strokeStyle = color;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.beginPath();
  for (const [from, to] of shape.lines) {
    context.moveTo(from[0] * scale, from[1] * scale);
    context.lineTo(to[0] * scale, to[1] * scale);
  }
  context.stroke();
  context.setLineDash([]);
  if (fill && shape.front) {
    context.beginPath();
    shape.front.forEach(([u, v]) => context.lineTo(u * scale, v * scale));
    context.globalAlpha = 0.25;
    context.fillStyle = color;
    context.fill();
    context.globalAlpha = 1;
  }
  const area = bounds(shape);
  if (fill && (area[3] - area[1]) * scale > 18) {
    write(context, `${box.label} ${box.score.toFixed(2)}`, [area[0] * scale, Math.max(area[1] * scale - 4, 12)], color);
  }
}

/** Share in [0, 1] of each point's weight, or its colour by object coordinate. */
export function pointColors(object, mode) {
  const weights = restore(object.weights);
  const count = weights.length / 2;
  if (mode === "coordinate") {
    const points = restore(object.pointsObject);
    return Array.from({ length: count }, (_, i) => css([0, 1, 2].map((k) =>
      255 * Math.min(Math.max(points[3 * i + k] / object.size[k] + 0.5, 0), 1))));
  }
  const value = { weight: (i) => Math.hypot(weights[2 * i], weights[2 * i + 1]),
    "weight across": (i) => weights[2 * i], "weight down": (i) => weights[2 * i + 1] }[mode];
  const values = Array.from({ length: count }, (_, i) => value(i));
  const most = Math.max(...values, 1e-12);
  return values.map((each) => css(viridis(Math.sqrt(each / most)), 0.35 + 0.65 * Math.sqrt(each / most)));
}

function drawPoints(context, scale, object, mode) {
  const points = restore(object.pointsImage);
  const colors = pointColors(object, mode);
  const radius = Math.min(Math.max(2.2, scale * 2), 6);
  colors.forEach((color, i) => {
    context.beginPath();
    context.arc(points[2 * i] * scale, points[2 * i + 1] * scale, radius, 0, 2 * Math.PI);
    context.fillStyle = color;
    context.fill();
    context.lineWidth = 0.6;
    context.strokeStyle = "#000a";
    context.stroke();
  });
}

function write(context, text, [x, y], color) {
  context.font = "11px system-ui, sans-serif";
  context.lineWidth = 3;
  context.strokeStyle = "#000c";
  context.strokeText(text, x, y);
  context.fillStyle = color;
  context.fillText(text, x, y);
}
