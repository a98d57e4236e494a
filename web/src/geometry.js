// Boxes in the camera frame (x right, y down, z forward) and on the ground plane (x, z).
const NEAR = 0.1; // metres
const SIGNS = [];
for (const x of [-1, 1]) for (const y of [-1, 1]) for (const z of [-1, 1]) SIGNS.push([x, y, z]);
export const EDGES = [];
for (let i = 0; i < 8; i++) {
  for (let j = i + 1; j < 8; j++) {
    if (SIGNS[i].filter((sign, k) => sign !== SIGNS[j][k]).length === 1) EDGES.push([i, j]);
  }
}
const FRONT = [4, 5, 7, 6]; // corners with x = +1, around the face
const BOTTOM = [2, 3, 7, 6]; // corners with y = +1 (down), around the face

export const turn = (matrix, p) => [0, 3, 6].map((row) =>
  matrix[row] * p[0] + matrix[row + 1] * p[1] + matrix[row + 2] * p[2]);

export function toCamera(box, point) {
  return turn(box.rotation, point).map((value, axis) => value + box.translation[axis]);
}

/** Eight corners of a box in the camera frame. */
export function corners(box) {
  return SIGNS.map((signs) =>
    toCamera(box, signs.map((sign, k) => 0.5 * sign * box.size[k] + box.boxCenter[k])));
}

/** Pixel of a point in front of the camera, with the lens distortion of OpenCV's first five. */
export function project(view, [x, y, z]) {
  const k = view.intrinsics;
  let [a, b] = [x / z, y / z];
  if (view.distortion) {
    const [k1, k2, p1 = 0, p2 = 0, k3 = 0] = view.distortion;
    const r = a * a + b * b;
    const radial = 1 + r * (k1 + r * (k2 + r * k3));
    [a, b] = [a * radial + 2 * p1 * a * b + p2 * (r + 2 * a * a),
      b * radial + p1 * (r + 2 * b * b) + 2 * p2 * a * b];
  }
  return [k[0] * a + k[1] * b + k[2], k[4] * b + k[5]];
}

/** Edges of a box as pairs of pixels, cut at the near plane; and its front face, if all visible. */
export function outline(view, box) {
  const points = corners(box);
  const lines = [];
  for (const [i, j] of EDGES) {
    let [p, q] = [points[i], points[j]];
    if (p[2] <= NEAR && q[2] <= NEAR) continue;
    if (p[2] <= NEAR) p = cut(q, p);
    if (q[2] <= NEAR) q = cut(p, q);
    lines.push([project(view, p), project(view, q)]);
  }
  const front = FRONT.map((i) => points[i]);
  return { lines, front: front.every((p) => p[2] > NEAR) ? front.map((p) => project(view, p)) : null };
}

function cut(inside, outside) {
  const share = (NEAR - inside[2]) / (outside[2] - inside[2]);
  return inside.map((value, axis) => value + share * (outside[axis] - value));
}

/** Bounds [x1, y1, x2, y2] of an outline, or null where nothing is in front of the camera. */
export function bounds(shape) {
  if (!shape.lines.length) return null;
  const points = shape.lines.flat();
  const [xs, ys] = [points.map((p) => p[0]), points.map((p) => p[1])];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Ground plane of the page: (x right, z forward) of a camera-frame point. */
export function toPlane(view, point) {
  const [x, , z] = turn(view.ground, point);
  return groundToPlane(view, x, z);
}

export function groundToPlane(view, x, z) {
  const m = view.plane;
  return [m[0] * x + m[1] * z + m[2], m[3] * x + m[4] * z + m[5]];
}

/** Footprint of a box: four corners, centre and middle of its front, on the ground plane. */
export function footprint(view, box) {
  const points = corners(box).map((p) => toPlane(view, p));
  const mean = (list) => [0, 1].map((k) => list.reduce((sum, p) => sum + p[k], 0) / list.length);
  return { outline: BOTTOM.map((i) => points[i]), center: mean(points), front: mean(FRONT.map((i) => points[i])) };
}

export function inside(polygon, [x, y]) {
  let odd = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [[ax, ay], [bx, by]] = [polygon[i], polygon[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}

/** Angle of a heading on the page, clockwise from up as the bird's-eye view is drawn. */
export function planeHeading(view, yaw) {
  const m = view.plane;
  const [x, z] = [Math.cos(yaw), -Math.sin(yaw)];
  return Math.atan2(m[0] * x + m[1] * z, m[3] * x + m[4] * z);
}
