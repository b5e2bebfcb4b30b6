// Points of a cloud that are painted: where the frame has a `brush`, { width, through }, a drag with the first button
// paints and does not turn the cloud; with the width null it draws a lasso. The page is told of the painted points as
// `brush.js` tells it of elements.
class CloudBrush {
  constructor(view) {
    this.view = view;
    this.trail = null; // of the stroke that is drawn
    this.following = new Following();
    this.sent = null; // of the one that the page has not shown yet
    const around = view.canvas.parentElement;
    // Before the camera hears of it.
    const before = (kind, act) => {
      const heard = (event) => {
        if (!this.on || view.box.on || event.target !== view.canvas) return;
        if (act(event) !== false) event.stopPropagation();
      };
      around.addEventListener(kind, heard, { capture: true });
    };
    before("pointerdown", (event) => this.down(event));
    before("pointermove", (event) => this.move(event));
    before("pointerup", () => this.up());
    before("pointercancel", () => this.drop());
    before("click", () => true); // which would pick a point
    before("dblclick", () => true); // which would reset the view
  }

  get on() {
    return Boolean(this.view.frame?.brush);
  }

  show() {
    this.sent = null;
    this.following.key = this.view.frame.brush?.key;
    this.view.canvas.classList.toggle("painting", this.on);
  }

  // Other buttons and Shift move the cloud.
  down(event) {
    if (event.button || event.shiftKey || event.ctrlKey || this.trail) return Boolean(this.trail);
    const { stage, frame, canvas } = this.view;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    this.trail = new Trail(frame.brush.width && Math.max(2, frame.brush.width * stage.width), this.placed(event));
    this.move(event);
    return true;
  }

  move(event) {
    if (!this.trail) return event.buttons === 0; // nothing is read under a brush
    this.trail.add(this.placed(event));
    this.view.stage.request();
    const { trail } = this;
    const { live, width } = this.view.frame.brush;
    if (live && width !== null) this.following.moved(() => this.message(trail));
    return true;
  }

  up() {
    if (!this.trail) return false;
    this.sent = this.trail;
    this.trail = null;
    this.following.ended(this.message(this.sent));
    return true;
  }

  drop() {
    if (!this.trail) return;
    this.trail = null;
    this.view.stage.request();
    this.following.ended({ runs: [] }); // of what the page was told already, nothing remains
  }

  message(trail) {
    const { stage, frame } = this.view;
    return { runs: runsOf(stage.under(trail, frame.brush.through)) };
  }

  draw(context) {
    (this.trail ?? this.sent)?.draw(context, 1);
  }

  placed(event) {
    const { x, y } = this.view.stage.placed(event);
    return [x, y];
  }
}
