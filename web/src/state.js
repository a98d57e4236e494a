// What is shown. Everything that makes a view is in the link, so a link brings it back.
export const RANGES = ["score", "error", "distance", "trust"];
export const STATUS = ["all", "matched", "unmatched", "missed"];
export const ORDERS = ["name", "worst error", "least trust", "most objects"];
export const POINTS = ["weight", "weight across", "weight down", "coordinate", "off"];
export const BOXES = ["plain", "score", "trust", "error"];

export const state = {
  sample: 0, object: null, classes: null, status: "all", order: "name", points: "weight",
  boxes: "plain", truth: true, clouds: true,
  ranges: Object.fromEntries(RANGES.map((name) => [name, [null, null]])),
};

const CHOICES = { status: STATUS, order: ORDERS, points: POINTS, boxes: BOXES };

export function link() {
  const words = new URLSearchParams();
  words.set("sample", state.sample);
  if (state.object !== null) words.set("object", state.object);
  if (state.classes !== null) words.set("class", state.classes);
  for (const name of Object.keys(CHOICES)) {
    if (state[name] !== CHOICES[name][0]) words.set(name, state[name]);
  }
  for (const name of ["truth", "clouds"]) if (!state[name]) words.set(name, "0");
  for (const name of RANGES) {
    const [low, high] = state.ranges[name];
    if (low !== null || high !== null) words.set(name, `${low ?? ""}..${high ?? ""}`);
  }
  return `#${words}`;
}

/** Take over a link; whatever it does not name, or names wrongly, is as at the start. */
export function follow(hash, samples, classes) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const whole = (name, limit) => {
    const number = Number(words.get(name) ?? NaN);
    return Number.isInteger(number) && number >= 0 && number < limit ? number : null;
  };
  state.sample = whole("sample", samples.length) ?? 0;
  state.object = whole("object", samples[state.sample].entries.length);
  state.classes = whole("class", classes.length);
  for (const [name, choices] of Object.entries(CHOICES)) {
    state[name] = choices.includes(words.get(name)) ? words.get(name) : choices[0];
  }
  for (const name of ["truth", "clouds"]) state[name] = words.get(name) !== "0";
  for (const name of RANGES) {
    const parts = (words.get(name) ?? "").split("..");
    state.ranges[name] = [0, 1].map((i) => number(parts[i]));
  }
}

export function number(text) {
  const value = text === undefined || text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}
