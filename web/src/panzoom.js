// Pan and zoom of a canvas: wheel, drag, two fingers, + - and 0; a click that did not drag is a pick.
const CLICK = 4; // pixels
const LIMITS = [0.2, 60]; // zoom relative to the whole

export class PanZoom {
  /** ``draw()`` redraws; ``pick(point)`` gets world coordinates of a click. */
  constructor(canvas, draw, pick) {
    Object.assign(this, { canvas, draw, pick, scale: 1, x: 0, y: 0, home: null });
    this.pointers = new Map();
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => this.pointers.delete(event.pointerId));
    canvas.addEventListener("dblclick", () => this.reset());
  }

  /** Show a world rectangle as large as fits. */
  fit(left, top, width, height) {
    this.home = [left, top, width, height];
    this.reset();
  }

  reset() {
    if (!this.home) return;
    const [left, top, width, height] = this.home;
    const [w, h] = [this.canvas.clientWidth, this.canvas.clientHeight];
    this.fitted = Math.min(w / width, h / height) || 1;
    this.center(left + width / 2, top + height / 2, this.fitted);
  }

  center(x, y, scale = this.scale) {
    this.scale = scale;
    this.x = this.canvas.clientWidth / 2 - x * scale;
    this.y = this.canvas.clientHeight / 2 - y * scale;
    this.changed();
  }

  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const [low, high] = LIMITS.map((limit) => limit * this.fitted);
    const scale = Math.min(Math.max(this.scale * factor, low), high);
    this.x = x - (x - this.x) * (scale / this.scale);
    this.y = y - (y - this.y) * (scale / this.scale);
    this.scale = scale;
    this.changed();
  }

  changed() {
    this.canvas.dataset.zoom = (this.scale / this.fitted).toFixed(3);
    this.draw();
  }

  toWorld(x, y) { return [(x - this.x) / this.scale, (y - this.y) / this.scale]; }

  toScreen([x, y]) { return [x * this.scale + this.x, y * this.scale + this.y]; }

  #wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.offsetX, event.offsetY);
  }

  #down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.moved = this.pointers.size > 1 ? Infinity : 0;
  }

  #move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const [dx, dy] = [event.offsetX - before[0], event.offsetY - before[1]];
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    if (other) {
      const apart = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
      this.zoom(apart([event.offsetX, event.offsetY]) / apart(before), ...other);
      return;
    }
    this.moved += Math.hypot(dx, dy);
    if (this.moved < CLICK) return;
    this.x += dx;
    this.y += dy;
    this.changed();
  }

  #up(event) {
    if (this.pointers.delete(event.pointerId) && this.moved < CLICK) {
      this.pick(this.toWorld(event.offsetX, event.offsetY));
    }
  }
}
