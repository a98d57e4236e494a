// The page: one state, drawn anew after each change, kept in the link.
import { index, loadSample } from "./data.js";
import { drawPlane, objectFromAbove, planeExtent } from "./birdseye.js";
import { showDetail, showOverview } from "./detail.js";
import { choice, element, toggle } from "./dom.js";
import { listed, passes, showFilters } from "./filters.js";
import { drawImages, extent, layout, objectAt } from "./images.js";
import { markList, showList } from "./list.js";
import { PanZoom } from "./panzoom.js";
import { BOXES, POINTS, follow, link, state } from "./state.js";

const at = (id) => document.getElementById(id);
const scene = { state, sample: null, shown: [], tiles: [] };
const images = new PanZoom(at("images"), () => scene.sample && drawImages(at("images"), images, scene),
  (point) => chooseObject(objectAt(scene, point)));
const plane = new PanZoom(at("plane"), () => scene.sample && drawPlane(at("plane"), plane, scene),
  (point) => chooseObject(objectFromAbove(scene, point, plane.scale)));
let numbers = [];

function redraw() {
  if (!scene.sample) return;
  scene.shown = scene.sample.objects.filter(passes);
  const object = scene.sample.objects[state.object];
  images.changed();
  plane.changed();
  if (object) showDetail(at("detail"), object, scene.sample.views[object.view]);
  else showOverview(at("detail"), errorPoints(), numPassing(), (p) => chooseSample(p.sample, p.object));
  history.replaceState(null, "", link());
}

const numPassing = () => numbers.reduce((sum, i) => sum + index.samples[i].entries.filter(passes).length, 0);

function errorPoints() {
  return numbers.flatMap((i) => index.samples[i].entries.flatMap((entry, object) =>
    (entry.error !== null && passes(entry) ? [{ ...entry, sample: i, object }] : [])));
}

async function chooseSample(number, object = null) {
  state.sample = number;
  state.object = object;
  delete document.body.dataset.ready;
  markList(at("list"), number);
  try {
    const sample = await loadSample(number);
    if (state.sample !== number) return; // another one was chosen meanwhile
    scene.sample = sample;
  } catch (error) {
    at("caption").textContent = error.message;
    return;
  }
  scene.tiles = layout(scene.sample.views);
  at("caption").textContent = index.samples[number].name;
  images.fit(...extent(scene.tiles));
  plane.fit(...planeExtent(scene.sample));
  redraw();
  document.body.dataset.ready = number;
}

function chooseObject(id) {
  state.object = id;
  redraw();
}

/** Controls and list, after the filters changed. */
function refresh() {
  numbers = listed(index.samples);
  at("count").textContent = `${numbers.length} of ${index.samples.length} samples, ${numPassing()} objects`;
  showList(at("list"), index.samples, numbers, (number) => chooseSample(number));
  markList(at("list"), state.sample);
  redraw();
}

function showTools() {
  const set = (name) => (value) => { state[name] = value; redraw(); };
  const flip = (name) => () => { state[name] = !state[name]; showTools(); redraw(); };
  at("tools").replaceChildren(
    choice("points", POINTS, state.points, set("points")), choice("boxes by", BOXES, state.boxes, set("boxes")),
    toggle("truth", state.truth, flip("truth")), toggle("densities", state.clouds, flip("clouds")),
    element("span", {}, "wheel zooms, drag moves, double click fits"));
}

function step(direction) {
  const place = numbers.indexOf(state.sample);
  const next = numbers[place < 0 ? 0 : Math.min(Math.max(place + direction, 0), numbers.length - 1)];
  if (next !== undefined && next !== state.sample) chooseSample(next);
}

function stepObject(direction) {
  const ids = scene.shown.map(({ id }) => id);
  if (!ids.length) return;
  const place = ids.indexOf(state.object);
  chooseObject(place < 0 ? ids[direction > 0 ? 0 : ids.length - 1] : ids[(place + direction + ids.length) % ids.length]);
}

const cycle = (name, values) => { state[name] = values[(values.indexOf(state[name]) + 1) % values.length]; showTools(); redraw(); };
const zoomed = () => (document.activeElement === at("plane") ? plane : images);

const KEYS = [
  [["j", "ArrowDown"], "next sample", () => step(1)],
  [["k", "ArrowUp"], "previous sample", () => step(-1)],
  [["n", "ArrowRight"], "next object", () => stepObject(1)],
  [["p", "ArrowLeft"], "previous object", () => stepObject(-1)],
  [["Escape"], "no object", () => chooseObject(null)],
  [["c"], "colour of the points", () => cycle("points", POINTS)],
  [["b"], "colour of the boxes", () => cycle("boxes", BOXES)],
  [["t"], "truth", () => { state.truth = !state.truth; showTools(); redraw(); }],
  [["d"], "densities from above", () => { state.clouds = !state.clouds; showTools(); redraw(); }],
  [["+", "="], "zoom in (the image, or the view from above when it has the focus)", () => zoomed().zoom(1.3)],
  [["-"], "zoom out", () => zoomed().zoom(1 / 1.3)],
  [["0"], "fit", () => zoomed().reset()],
  [["f"], "to the filters", () => at("filters").querySelector("select").focus()],
  [["?"], "this list", showHelp],
];

function showHelp() {
  const rows = KEYS.map(([keys, text]) => element("tr", {},
    element("td", {}, ...keys.map((key) => element("kbd", {}, key))), element("td", {}, text)));
  const about = Object.entries(index.about).map(([name, value]) => element("tr", {},
    element("td", {}, name), element("td", {}, typeof value === "string" ? value : JSON.stringify(value))));
  at("help").replaceChildren(element("table", {}, ...rows), element("h2", {}, "These results"), element("table", {}, ...about));
  at("help").showModal();
}

document.addEventListener("keydown", (event) => {
  const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName);
  if (event.ctrlKey || event.metaKey || event.altKey || at("help").open) return;
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const found = KEYS.find(([keys]) => keys.includes(event.key));
  if (!found) return;
  event.preventDefault();
  found[2]();
});

function open() {
  follow(location.hash, index.samples, index.classes);
  showFilters(at("filters"), index.classes, refresh);
  showTools();
  const { sample, object } = state;
  refresh();
  if (!location.hash.includes("sample=") && numbers.length) return chooseSample(numbers[0]);
  return chooseSample(sample, object);
}

document.title = at("title").textContent = index.title;
at("help-button").addEventListener("click", showHelp);
at("help").addEventListener("click", () => at("help").close());
window.addEventListener("hashchange", open);
new ResizeObserver(() => { images.reset(); plane.reset(); }).observe(at("stage"));
open();
