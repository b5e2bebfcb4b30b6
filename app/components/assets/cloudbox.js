// A rectangle over a cloud that selects the points in it, at any depth. While the button is pressed, a drag draws it and
// does not turn the cloud; with the keyboard the arrow keys move it, with Shift they resize it, and Enter takes it.
// `send` gets the view and the rectangle: [azimuth, elevation, left, right, bottom, top], in units of the points.
class CloudBox {
  constructor(view, button) {
    Object.assign(this, { view, button });
    this.corners = null; // [x, y] of two corners in pixels of the page
    this.on = false;
    const around = view.canvas.parentElement;
    // Before the camera hears of it.
    for (const [kind, act] of [["pointerdown", "down"], ["pointermove", "move"], ["pointerup", "up"]]) {
      const heard = (event) => {
        if (!this.on || event.target !== view.canvas) return;
        event.stopPropagation();
        this[act](event);
      };
      around.addEventListener(kind, heard, { capture: true });
    }
    around.addEventListener("click", (event) => this.swallow && event.target === view.canvas && event.stopPropagation(), {
      capture: true,
    });
    button.addEventListener("click", () => this.arm(!this.on));
  }

  show() {
    this.button.hidden = !this.view.frame.selectable;
    this.arm(false);
  }

  arm(on) {
    this.on = on;
    this.dragging = false;
    this.button.setAttribute("aria-pressed", on);
    this.view.canvas.classList.toggle("selecting", on);
    const side = this.view.stage.width;
    this.corners = on && side ? [[0.3 * side, 0.3 * side], [0.7 * side, 0.7 * side]] : null;
    this.view.stage.request();
  }

  down(event) {
    const { x, y } = this.view.stage.placed(event);
    this.view.canvas.setPointerCapture(event.pointerId);
    this.dragging = true;
    this.corners = [[x, y], [x, y]];
    this.view.stage.request();
  }

  move(event) {
    if (!this.dragging) return;
    const { x, y } = this.view.stage.placed(event);
    this.corners[1] = [x, y];
    this.view.stage.request();
  }

  up() {
    this.dragging = false;
    this.swallow = true; // the click that follows picks no point
    setTimeout(() => (this.swallow = false));
    const [[x0, y0], [x1, y1]] = this.corners;
    if (Math.abs(x1 - x0) > 3 && Math.abs(y1 - y0) > 3) this.take();
  }

  key(event, step) {
    if (!this.on) return false;
    const pace = this.view.stage.width / 40;
    if (step) {
      const moved = event.shiftKey ? [1] : [0, 1];
      for (const i of moved) this.corners[i] = this.corners[i].map((at, axis) => at + pace * step[axis]);
      this.view.stage.request();
    } else if (event.key === "Enter" || event.key === " ") this.take();
    else if (event.key === "Escape") this.arm(false);
    else return false;
    return true;
  }

  take() {
    const { camera, width, frame } = this.view.stage;
    const { azimuth, elevation, zoom, target } = camera.now;
    const { right, upward } = camera.axes();
    const span = 1 / (zoom * frame.look.fill);
    const middle = (axis) => axis.reduce((sum, part, i) => sum + part * target[i], 0);
    const across = this.corners.map(([x]) => frame.reach * (middle(right) + (2 * (x / width) - 1) * span));
    const above = this.corners.map(([, y]) => frame.reach * (middle(upward) - (2 * (y / width) - 1) * span));
    const sorted = (pair) => pair.toSorted((a, b) => a - b);
    this.arm(false);
    this.send([azimuth, elevation, ...sorted(across), ...sorted(above)]);
  }

  draw(context) {
    if (!this.corners) return;
    const [[x0, y0], [x1, y1]] = this.corners;
    for (const [colour, width] of [["rgba(0,0,0,.8)", 4], ["#fff", 1.8]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
  }
}
