// One map, or one picture, enlarged: hover and arrow keys read it, a click or Enter picks an element, a drag selects a
// region, or all of them paint, where the frame has a brush. An element is a pixel, or, where the frame has a `grid`, a
// box of pixels: { rows, columns } are then the names of its rows and columns. A map of one frame of a clip has
// { elements, sum } of the `whole` map.
const BESIDE = 46; // width of the profile beside a map in CSS pixels, with its gap
const BELOW = 40; // height of the profile below it

class MapView {
  // `bar` is the colour bar of the map, where it is not this map's own.
  constructor(root, bar = new ColourBar(root)) {
    this.figure = root.querySelector(".map");
    this.stage = root.querySelector(".stage");
    this.picture = root.querySelector(".picture");
    this.marks = root.querySelector(".marks");
    this.readout = new Readout(root);
    this.bar = bar;
    this.left = new Ruler(root, "left");
    this.bottom = new Ruler(root, "bottom");
    this.below = root.querySelector(".profile.below");
    this.beside = root.querySelector(".profile.beside");
    this.cursor = null;
    this.selection = new Selection(this, root.querySelector(".select"));
    this.brush = new Brush(this);
    this.resize = new ResizeObserver(() => this.draw());
    this.resize.observe(this.figure);
    this.marks.addEventListener("pointermove", (event) => this.point(this.elementAt(event)));
    this.marks.addEventListener("pointerleave", () => this.point(null));
    this.marks.addEventListener("click", (event) => {
      if (!this.selection.dragged && !this.brush.on) this.pick(this.elementAt(event));
    });
    this.marks.addEventListener("keydown", (event) => this.key(event));
    this.marks.addEventListener("blur", () => this.point(null));
  }

  close() {
    this.resize.disconnect();
    this.brush.close();
  }

  show(frame) {
    this.frame = frame;
    this.rows = frame.grid?.rows.length ?? frame.height;
    this.columns = frame.grid?.columns.length ?? frame.width;
    this.source = pixelCanvas(frame.rgb, frame.width, frame.height);
    named(this.marks, "application", frame.label).tabIndex = 0;
    this.bar.show(frame.bar, frame.table);
    this.selection.show();
    this.brush.show();
    this.below.hidden = !frame.below;
    this.beside.hidden = !frame.beside;
    this.left.show(frame.left);
    this.bottom.show(frame.bottom);
    this.draw();
    this.read(this.cursor);
  }

  // Another picture of the same size, as of the next frame of a clip.
  turn(changes) {
    Object.assign(this.frame, changes);
    this.source = pixelCanvas(this.frame.rgb, this.frame.width, this.frame.height);
    this.draw();
  }

  draw() {
    if (!this.frame) return; // of a clip whose sound or frames are not read
    const room = Math.min(this.figure.clientWidth, this.frame.limit || Infinity);
    if (!room) return;
    const beside = this.left.width(room);
    const width = room - beside - (this.frame.beside ? BESIDE : 0);
    paint(this.picture, this.source, width, this.frame.fill);
    this.stage.style.width = this.picture.style.width;
    for (const part of [this.stage, this.bar.root, this.below]) part.style.marginLeft = `${beside}px`;
    this.readout.line.style.marginLeft = this.left.tight ? "" : `${beside}px`;
    this.stage.style.marginBottom = this.frame.bottom ? "2.35rem" : "";
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
    const { pick, region } = this.frame;
    if (this.cursor !== null && this.cursor !== pick) this.outline(context, this.around(this.cursor), ratio);
    if (pick !== null) this.outline(context, this.around(pick), 2 * ratio);
    if (this.selection.draft || region) this.outline(context, this.selection.box, 1.5 * ratio);
    this.brush.draw(context);
    this.drawPlayhead(context, ratio);
    this.drawProfiles();
  }

  // The moment that is shown, where the columns are time: a share of the width.
  drawPlayhead(context, ratio) {
    if (this.playhead === undefined) return;
    for (const [colour, width] of [["rgba(0,0,0,.75)", 4 * ratio], ["#fff", 2 * ratio]]) {
      context.fillStyle = colour;
      context.fillRect(this.playhead * this.marks.width - width / 2, 0, width, this.marks.height);
    }
  }

  drawProfiles() {
    const { below, beside } = this.frame;
    const [row, column] = this.cursor === null ? [null, null] : this.cell(this.cursor);
    const [width, height] = [this.marks.width, this.marks.height].map((side) => side / (window.devicePixelRatio || 1));
    if (below) drawProfile(this.below, this.frame.profile_below, below, width, BELOW, { cursor: column });
    if (beside) drawProfile(this.beside, this.frame.profile_beside, beside, BESIDE - 6, height, { beside: true, cursor: row });
  }

  redraw() {
    this.drawMarks();
    this.read(this.cursor);
  }

  cell(element) {
    return [Math.floor(element / this.columns), element % this.columns];
  }

  around(element) {
    const [row, column] = this.cell(element);
    return [row, column, row, column];
  }

  // About a box of elements, white on a dark halo: visible on every colour of every map.
  outline(context, [top, left, bottom, right], thickness) {
    const cell = [this.marks.width / this.columns, this.marks.height / this.rows];
    const sides = [(right - left + 1) * cell[0], (bottom - top + 1) * cell[1]];
    const grow = sides.map((side) => Math.max(0, (5 * thickness - side) / 2));
    const box = [left * cell[0] - grow[0], top * cell[1] - grow[1], ...sides.map((side, i) => side + 2 * grow[i])];
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
    const [row, column] = this.cell(from);
    const step = event.ctrlKey ? 8 : 1;
    const moves = {
      ArrowLeft: [row, column - step],
      ArrowRight: [row, column + step],
      ArrowUp: [row - step, column],
      ArrowDown: [row + step, column],
      Home: [row, 0],
      End: [row, columns - 1],
    };
    const { selection, frame } = this;
    if (moves[event.key]) {
      const to = this.inside(...moves[event.key]);
      if (event.shiftKey && frame.selectable) selection.extend(from, to);
      this.cursor = to;
      this.redraw();
    } else if (event.key === "Enter" || event.key === " ") this.brush.on ? this.brush.once(from) : this.pick(from);
    else if (event.key === "Escape" && selection.draft) selection.drop();
    else if (event.key === "Escape" && frame.region) selection.send(null);
    else if (event.key === "Escape") this.pick(-1);
    else return;
    event.preventDefault();
  }

  read(element) {
    const at = element ?? this.frame.pick;
    const { values, shades, hint } = this.frame;
    this.readout.clear();
    const region = this.selection.draft || (at === null && this.frame.region) ? this.selection.box : null;
    this.bar.point(at === null || region || !shades ? null : shades[at]);
    if (region) {
      this.readRegion(region);
      return;
    }
    if (at === null) {
      this.readout.say(hint, "quiet");
      return;
    }
    this.readout.say(this.place(Math.floor(at / this.columns), at % this.columns));
    if (values) this.readout.value(values, at, this.frame);
    if (!this.frame.below) return;
    const [row, column] = this.cell(at);
    const unit = this.frame.below.uniform === null ? "" : " × uniform";
    this.readout.say(`at this time ${short(this.frame.profile_below[column])}${unit}`);
    if (this.frame.beside) this.readout.say(`at this frequency ${short(this.frame.profile_beside[row])}${unit}`);
  }

  // The place of a region, and of a map of weights the share that lies in it.
  readRegion([top, left, bottom, right]) {
    const { values, multiple, grid } = this.frame;
    const range = (name, from, to) => (from === to ? name(from) : `${name(from)} to ${name(to)}`);
    const count = (bottom - top + 1) * (right - left + 1);
    if (grid) {
      this.readout.say(range((at) => grid.columns[at], left, right));
      if (grid.rows[top]) this.readout.say(range((at) => grid.rows[at], bottom, top));
    } else {
      this.readout.say(`rows ${range((at) => at + 1, top, bottom)}, columns ${range((at) => at + 1, left, right)}`);
    }
    if (!values || !multiple) {
      this.readout.say(`${count.toLocaleString("en")} elements`);
      return;
    }
    let [inside, total] = [0, 0];
    values.forEach((value, at) => {
      const [row, column] = this.cell(at);
      total += value;
      if (row >= top && row <= bottom && column >= left && column <= right) inside += value;
    });
    const whole = this.frame.whole ?? { elements: values.length, sum: total };
    this.readout.say(`${short((100 * inside) / whole.sum)} % of the weight`, "value");
    this.readout.say(`uniform ${short((100 * count) / whole.elements)} %`);
  }

  place(row, column) {
    const { grid } = this.frame;
    if (!grid) return `row ${row + 1}, column ${column + 1}`;
    return [grid.columns[column], grid.rows[row]].filter(Boolean).join(", ");
  }
}
