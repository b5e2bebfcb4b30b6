// One map, or one picture, enlarged: hover and arrow keys read it, a click or Enter picks an element.
export default function ({ data, parentElement, setTriggerValue }) {
  const view = remember(parentElement, () => new MapView(parentElement));
  view.send = (index) => setTriggerValue("pick", index);
  view.show(openFrame(data));
  return () => view.close();
}

class MapView {
  constructor(root) {
    this.figure = root.querySelector(".map");
    this.picture = root.querySelector(".picture");
    this.marks = root.querySelector(".marks");
    this.readout = new Readout(root);
    this.bar = new ColourBar(root);
    this.cursor = null;
    this.resize = new ResizeObserver(() => this.draw());
    this.resize.observe(this.figure);
    this.marks.addEventListener("pointermove", (event) => this.point(this.elementAt(event)));
    this.marks.addEventListener("pointerleave", () => this.point(null));
    this.marks.addEventListener("click", (event) => this.pick(this.elementAt(event)));
    this.marks.addEventListener("keydown", (event) => this.key(event));
    this.marks.addEventListener("blur", () => this.point(null));
  }

  close() {
    this.resize.disconnect();
  }

  show(frame) {
    this.frame = frame;
    this.source = pixelCanvas(frame.rgb, frame.width, frame.height);
    this.marks.setAttribute("aria-label", frame.label);
    this.bar.show(frame.bar, frame.table);
    this.draw();
    this.read(this.cursor);
  }

  draw() {
    const width = Math.min(this.figure.clientWidth, this.frame.limit || Infinity);
    if (!width) return;
    paint(this.picture, this.source, width);
    this.bar.root.style.width = this.picture.style.width;
    this.drawMarks();
  }

  drawMarks() {
    const ratio = window.devicePixelRatio || 1;
    this.marks.width = this.picture.width;
    this.marks.height = this.picture.height;
    this.marks.style.width = this.picture.style.width;
    this.marks.style.height = this.picture.style.height;
    const context = this.marks.getContext("2d");
    if (this.cursor !== null && this.cursor !== this.frame.pick) this.outline(context, this.cursor, ratio);
    if (this.frame.pick !== null) this.outline(context, this.frame.pick, 2 * ratio);
  }

  // White on a dark halo: visible on every colour of every map.
  outline(context, element, thickness) {
    const cell = this.marks.width / this.frame.width;
    const grow = Math.max(0, (5 * thickness - cell) / 2);
    const x = (element % this.frame.width) * cell - grow;
    const y = Math.floor(element / this.frame.width) * cell - grow;
    const side = cell + 2 * grow;
    for (const [colour, width] of [["rgba(0,0,0,.75)", 3 * thickness], ["#fff", 1.4 * thickness]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.strokeRect(x, y, side, side);
    }
  }

  elementAt(event) {
    const box = this.marks.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * this.frame.width);
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.frame.height);
    return this.inside(row, column);
  }

  inside(row, column) {
    const clamp = (value, count) => Math.max(0, Math.min(count - 1, value));
    return clamp(row, this.frame.height) * this.frame.width + clamp(column, this.frame.width);
  }

  point(element) {
    if (element === this.cursor) return;
    this.cursor = element;
    this.drawMarks();
    this.read(element);
  }

  pick(element) {
    this.send(element);
  }

  key(event) {
    const { width, height, pick } = this.frame;
    const middle = Math.floor(height / 2) * width + Math.floor(width / 2);
    const from = this.cursor ?? pick ?? middle;
    const row = Math.floor(from / width);
    const column = from % width;
    const step = event.shiftKey ? 8 : 1;
    const moves = {
      ArrowLeft: [row, column - step],
      ArrowRight: [row, column + step],
      ArrowUp: [row - step, column],
      ArrowDown: [row + step, column],
      Home: [row, 0],
      End: [row, width - 1],
    };
    if (moves[event.key]) this.point(this.inside(...moves[event.key]));
    else if (event.key === "Enter" || event.key === " ") this.pick(from);
    else if (event.key === "Escape") this.pick(-1);
    else return;
    event.preventDefault();
  }

  read(element) {
    const at = element ?? this.frame.pick;
    const { values, shades, width, hint } = this.frame;
    this.readout.clear();
    this.bar.point(at === null || !shades ? null : shades[at]);
    if (at === null) {
      this.readout.say(hint, "quiet");
      return;
    }
    this.readout.say(`row ${Math.floor(at / width) + 1}, column ${(at % width) + 1}`);
    if (values) this.readout.value(values, at, this.frame);
  }
}
