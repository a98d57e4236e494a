// Small helpers to make elements. Text is always set as text, never as markup.
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function choice(name, values, current, changed) {
  const select = element("select", { name });
  for (const value of values) select.append(element("option", { value }, value));
  select.value = current;
  select.addEventListener("change", () => changed(select.value));
  return element("label", {}, name, select);
}

export function toggle(text, pressed, changed) {
  const button = element("button", { type: "button" }, text);
  button.setAttribute("aria-pressed", pressed);
  button.addEventListener("click", changed);
  return button;
}

/** A canvas in real pixels: its context in CSS pixels, cleared. */
export function fresh(canvas, width = canvas.clientWidth, height = canvas.clientHeight) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
