// A whole clip's outline with the window that was read. Where there is more than that, the window is a slider: a click
// or a drag moves it, and so do the arrow keys.
export default function ({ data, parentElement, setTriggerValue }) {
  const clip = remember(parentElement, () => new Clip(parentElement));
  clip.send = (start) => setTriggerValue("start", start);
  clip.show(openFrame(data));
}

const SLIDER = ["tabindex", "aria-valuemin", "aria-valuemax", "aria-valuenow", "aria-valuetext"];
const REST = 500; // milliseconds after the last key before the window is read

class Clip {
  constructor(root) {
    for (const part of ["track", "envelope", "window", "pictures"]) this[part] = root.querySelector(`.${part}`);
    this.ruler = new Ruler(root, "bottom");
    this.outline = document.createElementNS("http://www.w3.org/2000/svg", "path");
    this.outline.setAttribute("vector-effect", "non-scaling-stroke");
    this.envelope.append(this.outline);
    this.track.addEventListener("pointerdown", (event) => this.grasp(event));
    this.track.addEventListener("pointermove", (event) => this.drag(event));
    this.track.addEventListener("pointerup", () => this.release());
    this.track.addEventListener("pointercancel", () => this.cancel());
    this.window.addEventListener("keydown", (event) => this.key(event));
  }

  // frame: { label, duration, length, start, movable, bottom, low, high }, in seconds and in [-1, 1]; or { pixels, width,
  // height, count } of pictures in place of low and high
  show(frame) {
    const busy = (this.held != null || this.waiting) && this.frame.duration === frame.duration;
    this.frame = frame;
    this.last = Math.max(0, frame.duration - frame.length);
    this.track.classList.toggle("pictured", !frame.low);
    this.pictures.hidden = !frame.pixels;
    if (frame.pixels) this.lay(frame);
    if (frame.low) {
      this.envelope.setAttribute("viewBox", `0 0 ${frame.low.length} 2`);
      this.outline.setAttribute("d", outline(frame.low, frame.high));
    }
    this.ruler.show(frame.bottom);
    this.track.classList.toggle("movable", frame.movable);
    this.describe(frame);
    this.move(busy ? this.start : frame.start);
  }

  // The pictures side by side.
  lay({ pixels, width, height, count }) {
    this.pictures.width = width * count;
    this.pictures.height = height;
    const context = this.pictures.getContext("2d");
    const size = 3 * width * height;
    for (let i = 0; i < count; i += 1) {
      context.drawImage(pixelCanvas(pixels.subarray(i * size, (i + 1) * size), width, height), i * width, 0);
    }
  }

  describe({ label, movable }) {
    named(this.window, movable ? "slider" : "img", label);
    this.window.setAttribute("aria-valuemin", 0);
    this.window.setAttribute("aria-valuemax", this.last.toFixed(2));
    // Taken away only where nothing can be moved: without it the window would lose the focus.
    if (movable) this.window.tabIndex = 0;
    else for (const name of SLIDER) this.window.removeAttribute(name);
  }

  // Shows the window there; nothing is read yet.
  move(start) {
    const { duration, length, movable } = this.frame;
    this.start = start;
    const from = Math.min(start / duration, 1);
    this.window.style.left = `${100 * from}%`;
    this.window.style.width = `${100 * Math.min(length / duration, 1 - from)}%`;
    if (!movable) return;
    this.window.setAttribute("aria-valuenow", start.toFixed(2));
    this.window.setAttribute("aria-valuetext", `${start.toFixed(2)} to ${(start + length).toFixed(2)} seconds`);
  }

  settle() {
    clearTimeout(this.waiting);
    this.waiting = null;
    const start = Math.round(100 * this.start) / 100;
    if (start !== Math.round(100 * this.frame.start) / 100) this.send(start);
  }

  grasp(event) {
    if (!this.frame.movable || event.button !== 0) return;
    const at = this.secondsAt(event);
    const inside = at >= this.start && at <= this.start + this.frame.length;
    this.held = inside ? at - this.start : this.frame.length / 2;
    this.track.setPointerCapture(event.pointerId);
    this.window.focus({ preventScroll: true });
    event.preventDefault();
    this.drag(event);
  }

  drag(event) {
    if (this.held != null) this.move(this.inside(this.secondsAt(event) - this.held));
  }

  release() {
    if (this.held == null) return;
    this.held = null;
    this.settle();
  }

  cancel() {
    this.held = null;
    this.move(this.frame.start);
  }

  secondsAt(event) {
    const box = this.track.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * this.frame.duration;
  }

  inside(start) {
    return Math.max(0, Math.min(this.last, start));
  }

  key(event) {
    if (!this.frame.movable) return;
    const step = (event.shiftKey ? 1 : 0.1) * this.frame.length;
    const moves = {
      ArrowLeft: this.start - step,
      ArrowDown: this.start - step,
      ArrowRight: this.start + step,
      ArrowUp: this.start + step,
      PageDown: this.start - 10 * step,
      PageUp: this.start + 10 * step,
      Home: 0,
      End: this.last,
    };
    if (event.key === "Enter") this.settle();
    else if (event.key in moves) {
      this.move(this.inside(moves[event.key]));
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.settle(), REST);
    } else return;
    event.preventDefault();
  }
}

// Along the highest values and back along the lowest; 1 is at the top.
function outline(low, high) {
  const there = Array.from(high, (value, i) => `${i + 0.5} ${(1 - value).toFixed(4)}`);
  const back = Array.from(low, (value, i) => `${i + 0.5} ${(1 - value).toFixed(4)}`).reverse();
  return `M${[...there, ...back].join("L")}Z`;
}
