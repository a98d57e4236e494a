// Which objects and samples pass, and the controls that say so.
import { element, choice } from "./dom.js";
import { ORDERS, RANGES, STATUS, number, state } from "./state.js";

const UNITS = { score: "", error: "m", distance: "m", trust: "" };

/** Whether an object passes; an unknown number passes no bound. */
export function passes(entry) {
  if (state.classes !== null && entry.kind !== state.classes) return false;
  if (state.status === "matched" && entry.error === null) return false;
  if (state.status === "unmatched" && entry.error !== null) return false;
  return RANGES.every((name) => {
    const [low, high] = state.ranges[name];
    if (low === null && high === null) return true;
    const value = entry[name];
    return value !== null && value >= (low ?? -Infinity) && value <= (high ?? Infinity);
  });
}

const filtered = () => state.classes !== null || state.status !== "all"
  || RANGES.some((name) => state.ranges[name].some((bound) => bound !== null));

/** Numbers of the samples to list, in order. */
export function listed(samples) {
  const numbers = samples.map((_, i) => i).filter((i) => {
    if (state.status === "missed") return samples[i].missed > 0;
    return !filtered() || samples[i].entries.some(passes);
  });
  const worst = (i) => Math.max(...samples[i].entries.filter(passes).map((e) => e.error ?? -1), -1);
  const least = (i) => Math.min(...samples[i].entries.filter(passes).map((e) => e.trust ?? 2), 2);
  const most = (i) => samples[i].entries.filter(passes).length;
  if (state.order === "worst error") numbers.sort((a, b) => worst(b) - worst(a) || a - b);
  if (state.order === "least trust") numbers.sort((a, b) => least(a) - least(b) || a - b);
  if (state.order === "most objects") numbers.sort((a, b) => most(b) - most(a) || a - b);
  return numbers;
}

/** Build the controls; ``changed`` is called after each change. */
export function showFilters(form, classes, changed) {
  form.replaceChildren();
  const names = ["all", ...classes];
  const current = state.classes === null ? "all" : classes[state.classes];
  form.append(choice("class", names, current, (value) => {
    state.classes = value === "all" ? null : classes.indexOf(value);
    changed();
  }));
  form.append(choice("status", STATUS, state.status, (value) => { state.status = value; changed(); }));
  for (const name of RANGES) {
    const inputs = ["least", "most"].map((end, i) => {
      const input = element("input", { type: "number", step: "any", placeholder: end, name: `${name}-${end}`,
        ariaLabel: `${end} ${name}`, value: state.ranges[name][i] ?? "" });
      input.addEventListener("change", () => { state.ranges[name][i] = number(input.value); changed(); });
      return input;
    });
    form.append(element("label", {}, UNITS[name] ? `${name} (${UNITS[name]})` : name, ...inputs));
  }
  form.append(choice("order", ORDERS, state.order, (value) => { state.order = value; changed(); }));
  form.onsubmit = (event) => event.preventDefault();
}
