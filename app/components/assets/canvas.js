// One map, or one picture, enlarged: hover and arrow keys read it, a click or Enter picks an element. An element is a
// pixel, or, where the frame has a `grid`, a box of pixels: { rows, columns } are then the names of its rows and columns.
export default function ({ data, parentElement, setTriggerValue }) {
  const view = remember(parentElement, () => new MapView(parentElement));
  view.send = (index) => setTriggerValue("pick", index);
  view.show(openFrame(data));
  return () => view.close();
}

class MapView {
  constructor(root) {
    this.figure = root.querySelector(".map");
    this.stage = root.querySelector(".stage");
    this.picture = root.querySelector(".picture");
    this.marks = root.querySelector(".marks");
    this.readout = new Readout(root);
    this.bar = new ColourBar(root);
    this.left = new Ruler(root, "left");
    this.bottom = new Ruler(root, "bottom");
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
    this.rows = frame.grid?.rows.length ?? frame.height;
    this.columns = frame.grid?.columns.length ?? frame.width;
    this.source = pixelCanvas(frame.rgb, frame.width, frame.height);
    this.marks.setAttribute("aria-label", frame.label);
    this.bar.show(frame.bar, frame.table);
    this.left.show(frame.left);
    this.bottom.show(frame.bottom);
    this.draw();
    this.read(this.cursor);
  }

  draw() {
    const room = Math.min(this.figure.clientWidth, this.frame.limit || Infinity);
    if (!room) return;
    const beside = this.left.width(room);
    const width = room - beside;
    paint(this.picture, this.source, width, this.frame.fill);
    this.stage.style.width = this.picture.style.width;
    for (const part of [this.stage, this.bar.root]) part.style.marginLeft = `${beside}px`;
    this.readout.line.style.marginLeft = this.left.tight ? "" : `${beside}px`;
    this.stage.style.marginBottom = this.frame.bottom ? "2.1rem" : "";
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
    const cell = [this.marks.width / this.columns, this.marks.height / this.rows];
    const grow = cell.map((side) => Math.max(0, (5 * thickness - side) / 2));
    const place = [element % this.columns, Math.floor(element / this.columns)];
    const box = [...place.map((at, i) => at * cell[i] - grow[i]), ...cell.map((side, i) => side + 2 * grow[i])];
    for (const [colour, width] of [["rgba(0,0,0,.75)", 3 * thickness], ["#fff", 1.4 * thickness]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.strokeRect(...box);
    }
  }

  elementAt(event) {
    const box = this.marks.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * this.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.rows);
    return this.inside(row, column);
  }

  inside(row, column) {
    const clamp = (value, count) => Math.max(0, Math.min(count - 1, value));
    return clamp(row, this.rows) * this.columns + clamp(column, this.columns);
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
    const { rows, columns } = this;
    const middle = Math.floor(rows / 2) * columns + Math.floor(columns / 2);
    const from = this.cursor ?? this.frame.pick ?? middle;
    const row = Math.floor(from / columns);
    const column = from % columns;
    const step = event.shiftKey ? 8 : 1;
    const moves = {
      ArrowLeft: [row, column - step],
      ArrowRight: [row, column + step],
      ArrowUp: [row - step, column],
      ArrowDown: [row + step, column],
      Home: [row, 0],
      End: [row, columns - 1],
    };
    if (moves[event.key]) this.point(this.inside(...moves[event.key]));
    else if (event.key === "Enter" || event.key === " ") this.pick(from);
    else if (event.key === "Escape") this.pick(-1);
    else return;
    event.preventDefault();
  }

  read(element) {
    const at = element ?? this.frame.pick;
    const { values, shades, hint } = this.frame;
    this.readout.clear();
    this.bar.point(at === null || !shades ? null : shades[at]);
    if (at === null) {
      this.readout.say(hint, "quiet");
      return;
    }
    this.readout.say(this.place(Math.floor(at / this.columns), at % this.columns));
    if (values) this.readout.value(values, at, this.frame);
  }

  place(row, column) {
    const { grid } = this.frame;
    if (!grid) return `row ${row + 1}, column ${column + 1}`;
    return [grid.columns[column], grid.rows[row]].filter(Boolean).join(", ");
  }
}
