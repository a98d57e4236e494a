// Densities of one object: heading as a polar plot, position from above, depth along the view.
import uPlot from "uplot";
import { CHOSEN, FOUND, RING, TRUTH, css, viridis } from "./colors.js";
import { restore } from "./data.js";
import { fresh } from "./dom.js";
import { corners, planeHeading, turn } from "./geometry.js";

export const LEVELS = [0.5, 0.9]; // of the credible regions shown

/** Density above which the smallest region with a share of the mass lies. */
export function threshold(values, level) {
  const sorted = Float64Array.from(values).sort().reverse();
  const total = sorted.reduce((sum, value) => sum + value, 0);
  let mass = 0;
  for (const value of sorted) if ((mass += value) >= level * total) return value;
  return 0;
}

const grids = new WeakMap();

function groundGrid(object) {
  if (!grids.has(object)) grids.set(object, restore(object.ground));
  return grids.get(object);
}

const clouds = new WeakMap();

/** Density of the position as a picture whose top is far, and its extent in the ground frame. */
export function groundCloud(object) {
  if (!clouds.has(object)) {
    const values = groundGrid(object);
    const [rows, columns] = object.ground.shape;
    const most = Math.max(...values, 1e-12);
    const picture = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
    const context = picture.getContext("2d");
    const pixels = context.createImageData(columns, rows);
    values.forEach((value, i) => {
      const [row, column] = [rows - 1 - Math.floor(i / columns), i % columns];
      const share = Math.sqrt(value / most);
      pixels.data.set([...viridis(0.15 + 0.85 * share), 255 * Math.min(1, 1.2 * share)], 4 * (row * columns + column));
    });
    context.putImageData(pixels, 0, 0);
    clouds.set(object, { picture, extent: object.ground.extent });
  }
  return clouds.get(object);
}

/** Position density with the outlines of its credible regions, the estimate and the truth. */
export function drawGround(canvas, object, view, truth, size) {
  const context = fresh(canvas, size, size);
  const { picture, extent: [left, right, near, far] } = groundCloud(object);
  const span = Math.max(right - left, far - near) || 1;
  const place = (x, z) => [size / 2 + (x - (left + right) / 2) * (size / span),
    size / 2 - (z - (near + far) / 2) * (size / span)];
  context.fillStyle = "#0c0e12";
  context.fillRect(0, 0, size, size);
  const [x0, y0] = place(left, far);
  const [x1, y1] = place(right, near);
  context.drawImage(picture, x0, y0, x1 - x0, y1 - y0);
  regionOutlines(context, object, (column, row) => [x0 + column * (x1 - x0) / object.ground.shape[1],
    y1 - row * (y1 - y0) / object.ground.shape[0]]);
  ray(context, place, (near + far) / 2, object, view);
  mark(context, place(...flat(view, object)), CHOSEN);
  if (truth) mark(context, place(...flat(view, truth)), TRUTH);
  scaleBar(context, size, span);
}

const flat = (view, box) => {
  const all = corners(box).map((corner) => turn(view.ground, corner));
  return [0, 2].map((axis) => all.reduce((sum, corner) => sum + corner[axis], 0) / all.length);
};

function regionOutlines(context, object, place) {
  const values = groundGrid(object);
  const [rows, columns] = object.ground.shape;
  LEVELS.forEach((level, i) => {
    const least = threshold(values, level);
    const member = (row, column) => row >= 0 && column >= 0 && row < rows && column < columns
      && values[row * columns + column] >= least;
    context.strokeStyle = i ? "#ffffff90" : "#ffffff";
    context.lineWidth = 1;
    context.beginPath();
    for (let row = 0; row <= rows; row++) {
      for (let column = 0; column <= columns; column++) {
        if (member(row, column) !== member(row, column - 1)) line(context, place(column, row), place(column, row + 1));
        if (member(row, column) !== member(row - 1, column)) line(context, place(column, row), place(column + 1, row));
      }
    }
    context.stroke();
  });
}

function line(context, from, to) {
  context.moveTo(...from);
  context.lineTo(...to);
}

/** The line of sight through the estimate, along which a single camera knows least. */
function ray(context, place, middle, object, view) {
  const [x, z] = flat(view, object);
  context.strokeStyle = RING;
  context.setLineDash([2, 4]);
  context.beginPath();
  line(context, place(0, 0), place(2 * x, 2 * z));
  context.stroke();
  context.setLineDash([]);
}

function mark(context, [x, y], color) {
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.beginPath();
  line(context, [x - 5, y - 5], [x + 5, y + 5]);
  line(context, [x - 5, y + 5], [x + 5, y - 5]);
  context.stroke();
}

/** The next 1, 2 or 5 times a power of ten that is not below a number. */
export function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= least * 0.999);
}

function scaleBar(context, size, span) {
  const metres = roundStep(span / 8);
  const width = (metres / span) * size;
  context.fillStyle = "#fff";
  context.fillRect(8, size - 10, width, 2);
  context.font = "10px system-ui, sans-serif";
  context.fillText(`${Number(metres.toPrecision(2))} m`, 8, size - 14);
}

/** Heading density around a circle that is turned as the bird's-eye view is: forward is up. */
export function drawPolar(canvas, object, view, truthYaw, size) {
  const context = fresh(canvas, size, size);
  const values = restore(object.heading);
  const [middle, inner, outer] = [size / 2, size * 0.12, size * 0.42];
  const most = Math.max(...values, 1e-12);
  const least = LEVELS.map((level) => threshold(values, level));
  const step = (2 * Math.PI) / values.length;
  const at = (yaw, radius) => {
    const angle = planeHeading(view, yaw);
    return [middle + radius * Math.sin(angle), middle - radius * Math.cos(angle)];
  };
  context.strokeStyle = RING;
  for (const radius of [inner, outer]) {
    context.beginPath();
    context.arc(middle, middle, radius, 0, 2 * Math.PI);
    context.stroke();
  }
  values.forEach((value, i) => {
    const yaw = -Math.PI + i * step;
    const radius = inner + (outer - inner) * (value / most);
    context.fillStyle = css(viridis(value >= least[0] ? 0.95 : value >= least[1] ? 0.6 : 0.25));
    context.beginPath();
    for (const [y, r] of [[yaw - step / 2, inner], [yaw - step / 2, radius], [yaw + step / 2, radius], [yaw + step / 2, inner]]) {
      context.lineTo(...at(y, r));
    }
    context.fill();
  });
  needle(context, at, object.yaw, CHOSEN, outer);
  if (truthYaw !== null) needle(context, at, truthYaw, TRUTH, outer);
}

function needle(context, at, yaw, color, outer) {
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.beginPath();
  line(context, at(yaw, 0), at(yaw, outer * 1.1));
  context.stroke();
}

/** Marginal density of the depth with its central 90 % and the truth. */
export function plotDepth(parent, object, view, truth, width) {
  const values = groundGrid(object);
  const [rows, columns] = object.ground.shape;
  const [, , near, far] = object.ground.extent;
  const depths = Array.from({ length: rows }, (_, i) => near + (i * (far - near)) / (rows - 1));
  const sums = depths.map((_, i) => values.subarray(i * columns, (i + 1) * columns).reduce((a, b) => a + b, 0));
  const total = sums.reduce((a, b) => a + b, 0) * ((far - near) / (rows - 1)) || 1;
  const density = sums.map((sum) => sum / total);
  const lines = [[flat(view, object)[1], CHOSEN], ...(truth ? [[flat(view, truth)[1], TRUTH]] : [])];
  const draw = (plot) => {
    for (const [depth, color] of lines) {
      const x = plot.valToPos(depth, "x", true);
      plot.ctx.save();
      plot.ctx.strokeStyle = color;
      plot.ctx.lineWidth = 2 * devicePixelRatio;
      plot.ctx.beginPath();
      line(plot.ctx, [x, plot.bbox.top], [x, plot.bbox.top + plot.bbox.height]);
      plot.ctx.stroke();
      plot.ctx.restore();
    }
  };
  const axis = { stroke: "#9aa3af", grid: { stroke: RING, width: 0.5 }, ticks: { show: false } };
  return new uPlot({
    width, height: 120, legend: { show: false }, cursor: { show: false }, hooks: { draw: [draw] },
    scales: { x: { time: false } }, axes: [{ ...axis, size: 28 }, { ...axis, size: 44 }],
    series: [{}, { stroke: FOUND, fill: `${FOUND}40`, width: 1.5 }],
  }, [depths, density], parent);
}

/** Error against distance of many objects; a click chooses the nearest point. */
export function plotErrors(parent, points, width, chosen) {
  const sorted = [...points].sort((a, b) => a.distance - b.distance);
  const axis = { stroke: "#9aa3af", grid: { stroke: RING, width: 0.5 }, ticks: { show: false } };
  const plot = new uPlot({
    width, height: 200, legend: { show: false }, cursor: { drag: { x: false, y: false } },
    scales: { x: { time: false } },
    axes: [{ ...axis, size: 34, label: "distance (m)", labelSize: 14 }, { ...axis, size: 40, label: "error (m)", labelSize: 14 }],
    series: [{}, { stroke: FOUND, paths: () => null, points: { show: true, size: 5, fill: FOUND } }],
  }, [sorted.map((p) => p.distance), sorted.map((p) => p.error)], parent);
  plot.over.addEventListener("click", () => {
    const { left, top } = plot.cursor;
    const apart = (p) => Math.hypot(plot.valToPos(p.distance, "x") - left, plot.valToPos(p.error, "y") - top);
    const best = sorted.reduce((a, b) => (!a || apart(b) < apart(a) ? b : a), null);
    if (best && apart(best) < 15) chosen(best);
  });
  return plot;
}
