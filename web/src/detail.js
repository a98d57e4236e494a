// One object in numbers and plots; without a chosen object, all that pass the filters.
import { CHOSEN, TRUTH, css, viridis } from "./colors.js";
import { element } from "./dom.js";
import { turn } from "./geometry.js";
import { LEVELS, drawGround, drawPolar, plotDepth, plotErrors } from "./plots.js";

const SIZE = 300;
const degrees = (radians) => (radians * 180) / Math.PI;
const percent = (share) => `${(100 * share).toFixed(0)} %`;
const metres = (value) => (Math.abs(value) < 0.1 ? `${(1000 * value).toFixed(1)} mm` : `${value.toFixed(value < 10 ? 2 : 1)} m`);
const exact = (value, size) => value.toFixed(size < 2 ? 3 : 2); // digits that suit the distance

export function showOverview(aside, points, total, choose) {
  aside.replaceChildren(element("div", { className: "name" }, "All objects that pass the filters"));
  aside.append(table([["objects", String(total)], ["with a true object", String(points.length)],
    ...(points.length ? [["median error", metres(median(points.map((p) => p.error)))]] : [])]));
  if (points.length > 0) {
    aside.append(element("h2", {}, "Error by distance"));
    const holder = element("div", { id: "errors" });
    aside.append(holder);
    plotErrors(holder, points, SIZE, choose);
    aside.append(element("p", { className: "note" }, "A click on a point opens the object."));
  }
  aside.append(element("p", { className: "note" }, "Click on a box in an image or from above to see why it is there."));
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

export function showDetail(aside, object, view) {
  const truth = object.match ? view.truth[object.match.truth] : null;
  aside.replaceChildren(
    element("div", { className: "name" }, `${object.label} ${object.score.toFixed(3)}`),
    legend(truth), table(numbers(object)));
  if (object.match) aside.append(element("h2", {}, "Against the truth"), table(errors(object)));
  if (object.heading) {
    aside.append(element("h2", {}, "Heading density (forward is up)"));
    const canvas = square("polar");
    aside.append(canvas, regionKey());
    drawPolar(canvas, object, view, truth ? truthYaw(view, truth) : null, SIZE);
  }
  if (object.ground) {
    aside.append(element("h2", {}, "Position density from above (camera below)"));
    const canvas = square("ground");
    aside.append(canvas, element("p", { className: "note" },
      `lines: ${LEVELS.map(percent).join(" and ")} credible regions; dotted: line of sight`));
    drawGround(canvas, object, view, truth, SIZE);
    aside.append(element("h2", {}, "Depth (m)"));
    const holder = element("div", { id: "depth" });
    aside.append(holder);
    plotDepth(holder, object, view, truth, SIZE);
  }
  if (object.panels) aside.append(element("h2", {}, "What the network saw"), panels(object.panels));
  if (Object.keys(object.trust).length) {
    aside.append(element("h2", {}, "Trust"), table(Object.entries(object.trust)
      .map(([name, value]) => [name.replaceAll("_", " "), value === null ? "–" : typeof value === "boolean" ? (value ? "yes" : "no") : Number(value.toPrecision(3)).toString()])));
  }
}

function square(id) {
  const canvas = element("canvas", { id });
  canvas.style.width = canvas.style.height = `${SIZE}px`;
  return canvas;
}

function legend(truth) {
  const entry = (color, text) => [element("span", { className: "key", style: `background:${color}` }), `${text} `];
  return element("p", { className: "note" }, ...entry(CHOSEN, "estimate"), ...(truth ? entry(TRUTH, "truth") : []));
}

function regionKey() {
  const entry = (share, text) => [element("span", { className: "key", style: `background:${css(viridis(share))}` }), `${text} `];
  return element("p", { className: "note" }, ...entry(0.95, percent(LEVELS[0])), ...entry(0.6, percent(LEVELS[1])), "credible regions");
}

function numbers(object) {
  const rows = [["position x, y, z", `${object.translation.map((v) => exact(v, object.distance)).join(", ")} m`],
    ["distance", metres(object.distance)], ["size", `${object.size.map((v) => exact(v, object.distance)).join(" × ")} m`]];
  if (object.yaw !== null) rows.push(["heading", `${degrees(object.yaw).toFixed(1)}°`]);
  if (object.velocity) rows.push(["speed", `${Math.hypot(...object.velocity).toFixed(1)} m/s`]);
  if (object.attribute) rows.push(["attribute", object.attribute]);
  for (const interval of object.intervals) rows.push(...intervalRows(interval, object.distance));
  return rows;
}

function intervalRows(interval, size) {
  const level = percent(interval.level);
  const rows = Object.entries(interval).filter(([name, value]) => name !== "level" && name !== "yaw" && value)
    .map(([name, [low, high]]) => [`${name}, ${level}`, `${exact(low, size)} to ${exact(high, size)} m`]);
  if (interval.yaw) {
    rows.push([`heading, ${level}`, interval.yaw
      .map(([low, high]) => `${degrees(low).toFixed(0)}° to ${degrees(high).toFixed(0)}°`).join(", ")]);
  }
  return rows;
}

function errors(object) {
  const { match } = object;
  const rows = [["position", metres(match.position)], ["depth", `${match.depth > 0 ? "+" : ""}${metres(match.depth)}`],
    ["angle", `${degrees(match.angle).toFixed(1)}°`], ["size (1 - overlap)", match.size.toFixed(2)]];
  if (match.positionLevel !== undefined) rows.push(["position within region of", percent(match.positionLevel)]);
  if (match.headingLevel !== undefined) rows.push(["heading within region of", percent(match.headingLevel)]);
  return rows;
}

function truthYaw(view, truth) {
  const [x, , z] = turn(view.ground, [truth.rotation[0], truth.rotation[3], truth.rotation[6]]);
  return Math.atan2(-z, x);
}

function panels(list) {
  return element("div", { className: "panels" }, ...list.map(({ title, data }) => element("figure", {},
    element("img", { src: `data:image/webp;base64,${data}`, alt: title }), element("figcaption", { className: "note" }, title))));
}

function table(rows) {
  return element("table", {}, ...rows.map((row) => element("tr", {}, ...row.map((text) => element("td", {}, text)))));
}
