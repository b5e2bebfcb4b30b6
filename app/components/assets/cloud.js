// One cloud, to be turned: hover and the keyboard read its points, a click or Enter picks one; once the button is
// pressed, a drag selects a region; where the frame has a brush, a drag paints.
export default function ({ data, parentElement, setTriggerValue }) {
  const view = remember(parentElement, () => new CloudView(parentElement));
  view.send = (index) => setTriggerValue("pick", index);
  view.box.send = (box) => setTriggerValue("region", box ?? []);
  view.brush.following.send = (message) => setTriggerValue("stroke", message);
  view.show(openFrame(data));
  return () => view.close();
}

const TWICE = 250; // milliseconds within which a second click makes a double click

class CloudView {
  constructor(root) {
    this.figure = root.querySelector(".cloud");
    this.canvas = root.querySelector(".picture");
    this.reset = root.querySelector(".reset");
    this.readout = new Readout(root);
    this.bar = new ColourBar(root);
    this.cursor = null;
    this.middle = false; // whether the keyboard reads, which points with the middle of the picture
    this.stage = new Stage(this.figure, (context) => this.marks(context));
    this.resize = new ResizeObserver(() => this.lay());
    this.resize.observe(this.figure);
    this.box = new CloudBox(this, root.querySelector(".select"));
    this.brush = new CloudBrush(this);
    new Steering(this.canvas, this.canvas, () => this.stage.camera, {
      spot: (event) => this.stage.spot(event),
      hover: (event) => this.hover(event),
      click: (event) => this.click(event),
    });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("blur", () => this.keyboard(false));
    this.reset.addEventListener("click", () => this.stage.camera.reset());
  }

  close() {
    this.resize.disconnect();
    this.stage.close();
    this.brush.following.close();
    clearTimeout(this.waiting);
  }

  show(frame) {
    this.frame = frame;
    this.picked = frame.pick;
    this.cursor = null;
    named(this.canvas, "application", frame.label).tabIndex = 0;
    this.bar.show(frame.bar, frame.table);
    this.box.show();
    this.brush.show();
    this.stage.show(frame, [this.canvas]);
    this.lay();
    this.read();
  }

  lay() {
    const width = Math.min(this.figure.clientWidth, this.frame.limit || Infinity);
    if (!width) return;
    this.bar.root.style.width = this.canvas.parentElement.style.width = `${width}px`;
    this.stage.resize(width);
  }

  marks(context) {
    this.reset.hidden = !this.stage.camera.moved;
    if (this.middle) this.aim(context);
    if (this.cursor !== null && this.cursor !== this.picked) this.stage.ring(context, this.cursor, 1);
    if (this.picked !== null) this.stage.ring(context, this.picked, 2);
    this.box.draw(context);
    this.brush.draw(context);
  }

  // The keyboard's place in the middle of the picture, and the point it reads.
  aim(context) {
    const middle = this.stage.width / 2;
    this.point(this.stage.near({ x: middle, y: middle }, this.stage.width));
    for (const [colour, width] of [["rgba(0,0,0,.8)", 3], ["#fff", 1.25]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      for (const [x, y] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(middle + 4 * x, middle + 4 * y);
        context.lineTo(middle + 11 * x, middle + 11 * y);
      }
      context.stroke();
    }
  }

  hover(event) {
    if (!this.frame.readable) return;
    this.keyboard(false);
    this.point(event && this.stage.point(event));
    this.canvas.classList.toggle("on", this.cursor !== null);
    this.stage.request();
  }

  point(point) {
    if (point === this.cursor) return;
    this.cursor = point;
    this.read();
  }

  // The first of two clicks must not pick: two reset the view.
  click(event) {
    if (!this.frame.readable) return;
    clearTimeout(this.waiting);
    if (event.detail > 1) return;
    const point = this.stage.point(event);
    if (point !== null) this.waiting = setTimeout(() => this.pick(point), TWICE);
  }

  pick(point) {
    this.picked = point;
    this.stage.request();
    this.read();
    this.send(point ?? -1);
  }

  keyboard(on) {
    if (this.middle === on) return;
    this.middle = on;
    if (!on) this.point(null);
    this.stage.request();
  }

  key(event) {
    const { camera } = this.stage;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const zooms = { "+": 1.25, "=": 1.25, "-": 0.8 };
    const step = steps[event.key];
    if (this.box.key(event, step)) {
      event.preventDefault();
      return;
    }
    if (step && event.shiftKey) camera.pan(...step.map((part) => (-0.1 * part) / camera.now.zoom));
    else if (step) camera.turn(...step.map((part) => 10 * part));
    else if (zooms[event.key]) camera.zoom(zooms[event.key], camera.now.target);
    else if (event.key === "0" || event.key === "Home") camera.reset();
    else if (this.frame.readable && (event.key === "Enter" || event.key === " ")) {
      if (this.cursor !== null && this.brush.on) this.brush.following.ended({ runs: [this.cursor, this.cursor + 1] });
      else if (this.cursor !== null) this.pick(this.cursor);
    } else if (event.key === "Escape" && this.frame.region) this.box.send(null);
    else if (this.frame.readable && event.key === "Escape") this.pick(null);
    else return;
    this.keyboard(this.frame.readable);
    event.preventDefault();
  }

  read() {
    const at = this.cursor ?? this.picked;
    const { values, shades, hint, readable } = this.frame;
    this.readout.clear();
    this.bar.point(at === null || !shades ? null : shades[at]);
    if (at === null) {
      this.readout.say(hint, "quiet");
      return;
    }
    this.readout.say(`point ${(at + 1).toLocaleString("en")}`);
    if (values) this.readout.value(values, at, this.frame);
    else this.stage.place(at).forEach((place, axis) => this.readout.say(`${"xyz"[axis]} ${short(place)}`));
  }
}
