// A rectangle of the elements of a map: dragged with a mouse, with a finger once the button is pressed, or extended with
// Shift and the arrow keys. `send` gets [top, left, bottom, right], or null when the region is cleared.
class Selection {
  constructor(view, button) {
    Object.assign(this, { view, button });
    this.from = null; // the element where a drag began
    this.draft = null; // { from, to }: the rectangle that is being drawn
    this.dragged = false;
    const { marks } = view;
    marks.addEventListener("pointerdown", (event) => this.down(event));
    marks.addEventListener("pointermove", (event) => this.move(event));
    marks.addEventListener("pointerup", () => this.up());
    marks.addEventListener("pointercancel", () => this.drop());
    marks.addEventListener("keyup", (event) => event.key === "Shift" && this.take());
    button.addEventListener("click", () => this.arm(!this.armed));
  }

  // A new frame holds the region that was sent.
  show() {
    if (this.from === null) this.draft = null;
    this.button.hidden = !this.view.frame.selectable;
    this.arm(this.armed && this.view.frame.selectable);
  }

  // Until the button is pressed, a finger scrolls the page.
  arm(on) {
    this.armed = Boolean(on);
    this.button.setAttribute("aria-pressed", this.armed);
    this.view.marks.style.touchAction = this.armed ? "none" : "";
  }

  get box() {
    if (!this.draft) return this.view.frame.region;
    const [a, b] = [this.draft.from, this.draft.to].map((at) => this.view.cell(at));
    return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  }

  down(event) {
    this.dragged = false;
    if (!this.view.frame.selectable || this.view.brush.on || event.button || (event.pointerType === "touch" && !this.armed)) return;
    this.from = this.view.elementAt(event);
    this.origin = [event.clientX, event.clientY];
    this.view.marks.setPointerCapture(event.pointerId);
  }

  move(event) {
    if (this.from === null) return;
    if (!this.dragged && Math.hypot(event.clientX - this.origin[0], event.clientY - this.origin[1]) < 4) return;
    this.dragged = true;
    this.draft = { from: this.from, to: this.view.elementAt(event) };
    this.view.redraw();
  }

  up() {
    this.from = null;
    this.take();
    this.arm(false);
  }

  drop() {
    this.from = this.draft = null;
    this.view.redraw();
  }

  extend(from, to) {
    this.draft = { from: this.draft?.from ?? from, to };
  }

  take() {
    if (this.draft) this.send(this.box);
  }
}
