// Elements of a map that are painted: where the frame has a `brush`, its width as a share of the longer side, a drag or
// a click paints and selects no region. `send` gets the painted elements as [start, stop, start, stop, ...].
class Brush {
  constructor(view) {
    this.view = view;
    this.painted = new Set();
    this.last = null; // where the stroke has come to, in pixels of the page; null between strokes
    const { marks } = view;
    marks.addEventListener("pointerdown", (event) => this.down(event));
    marks.addEventListener("pointermove", (event) => this.move(event));
    marks.addEventListener("pointerup", () => this.up());
    marks.addEventListener("pointercancel", () => this.drop());
  }

  get on() {
    return Boolean(this.view.frame.brush);
  }

  // A new frame shows what was painted.
  show() {
    if (this.last === null) this.painted.clear();
    if (this.on) this.view.marks.style.touchAction = "none";
  }

  down(event) {
    if (!this.on || event.button) return;
    this.painted.clear();
    this.last = this.placed(event);
    this.view.marks.setPointerCapture(event.pointerId);
    this.move(event);
  }

  // Dabs along the way from where the stroke has come to.
  move(event) {
    if (this.last === null) return;
    const box = this.view.marks.getBoundingClientRect();
    const radius = (this.view.frame.brush * Math.max(box.width, box.height)) / 2;
    const [from, to] = [this.last, this.placed(event)];
    const steps = Math.max(1, Math.ceil((2 * Math.hypot(to[0] - from[0], to[1] - from[1])) / Math.max(radius, 2)));
    for (let i = 1; i <= steps; i += 1) {
      this.dab(from.map((at, axis) => at + ((to[axis] - at) * i) / steps), radius, [box.width, box.height]);
    }
    this.last = to;
    this.painted.add(this.view.elementAt(event));
    this.view.drawMarks();
  }

  // The elements whose middle lies under the brush.
  dab([x, y], radius, [width, height]) {
    const { rows, columns } = this.view;
    const [tall, wide] = [height / rows, width / columns];
    const within = (at, size, count) => [
      Math.max(0, Math.ceil((at - radius) / size - 0.5)),
      Math.min(count - 1, Math.floor((at + radius) / size - 0.5)),
    ];
    const [top, bottom] = rows === 1 ? [0, 0] : within(y, tall, rows);
    const [left, right] = within(x, wide, columns);
    for (let row = top; row <= bottom; row += 1) {
      for (let column = left; column <= right; column += 1) {
        const down = rows === 1 ? 0 : (row + 0.5) * tall - y;
        if (Math.hypot((column + 0.5) * wide - x, down) <= radius) this.painted.add(row * columns + column);
      }
    }
  }

  up() {
    if (this.last === null) return;
    this.last = null;
    this.take();
  }

  drop() {
    this.last = null;
    this.painted.clear();
    this.view.drawMarks();
  }

  // One element, with the keyboard.
  once(element) {
    this.painted = new Set([element]);
    this.view.drawMarks();
    this.take();
  }

  take() {
    const runs = [];
    for (const element of [...this.painted].sort((a, b) => a - b)) {
      if (runs.at(-1) === element) runs[runs.length - 1] += 1;
      else runs.push(element, element + 1);
    }
    this.send(runs);
  }

  draw(context) {
    if (!this.painted.size) return;
    const { rows, columns, marks } = this.view;
    const [wide, tall] = [marks.width / columns, marks.height / rows];
    context.fillStyle = "rgba(255,255,255,.65)";
    for (const element of this.painted) {
      const [row, column] = this.view.cell(element);
      context.fillRect(column * wide, row * tall, wide, tall);
    }
  }

  placed(event) {
    const box = this.view.marks.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}
