// Elements of a map that are painted: where the frame has a `brush`, { width } as a share of the longer side, a drag or a
// click paints and selects no region; with the width null a drag draws a lasso. The page is told of the painted elements
// as { runs: [start, stop, start, stop, ...] } once a stroke has ended, and while it is drawn where the brush is `live`.
class Brush {
  constructor(view) {
    this.view = view;
    this.painted = new Set();
    this.lasso = null; // the lasso that is drawn
    this.last = null; // where the stroke has come to, in pixels of the page; null between strokes
    this.following = new Following();
    this.around = () => ({}); // what else the page has to know of a stroke
    const { marks } = view;
    marks.addEventListener("pointerdown", (event) => this.down(event));
    marks.addEventListener("pointermove", (event) => this.move(event));
    marks.addEventListener("pointerup", (event) => this.up(event));
    marks.addEventListener("pointercancel", () => this.drop());
  }

  close() {
    this.following.close();
  }

  get on() {
    return Boolean(this.view.frame.brush);
  }

  // A new frame shows what was painted.
  show() {
    if (this.last === null) this.painted.clear();
    if (!this.on) return;
    this.view.marks.style.touchAction = "none";
    this.following.key = this.view.frame.brush.key;
  }

  down(event) {
    if (!this.on || event.button) return;
    this.painted.clear();
    this.last = this.placed(event);
    if (this.view.frame.brush.width === null) this.lasso = new Trail(null, this.last);
    this.view.marks.setPointerCapture(event.pointerId);
    this.move(event);
  }

  move(event) {
    if (this.last === null) return;
    const to = this.placed(event);
    if (this.lasso) this.lasso.add(to);
    else {
      const { width, height } = this.view.marks.getBoundingClientRect();
      const trail = new Trail(Math.max(2, this.view.frame.brush.width * Math.max(width, height)), this.last);
      trail.add(to);
      this.cover(trail);
      this.painted.add(this.view.elementAt(event));
    }
    this.last = to;
    this.view.drawMarks();
    if (this.view.frame.brush.live && !this.lasso) this.following.moved(() => this.message());
  }

  // The elements whose middle lies under the brush, or within the lasso; of a single row its columns count alone.
  cover(trail) {
    const { rows, columns } = this.view;
    const box = this.view.marks.getBoundingClientRect();
    const [tall, wide] = [box.height / rows, box.width / columns];
    const [left, top, right, bottom] = trail.bounds;
    const within = (low, high, size, count) => [
      Math.max(0, Math.ceil(low / size - 0.5)),
      Math.min(count - 1, Math.floor(high / size - 0.5)),
    ];
    const [first, last] = rows === 1 ? [0, 0] : within(top, bottom, tall, rows);
    const [from, to] = within(left, right, wide, columns);
    const inside = rows === 1 ? () => true : trail.cover();
    for (let row = first; row <= last; row += 1) {
      for (let column = from; column <= to; column += 1) {
        if (inside((column + 0.5) * wide, (row + 0.5) * tall)) this.painted.add(row * columns + column);
      }
    }
  }

  up(event) {
    if (this.last === null) return;
    if (this.lasso?.points.length > 2) this.cover(this.lasso);
    else if (this.lasso) this.painted.add(this.view.elementAt(event)); // a click
    this.last = this.lasso = null;
    this.take();
  }

  drop() {
    if (this.last === null) return;
    this.last = this.lasso = null;
    this.painted.clear();
    this.take(); // of what the page was told already, nothing remains
  }

  // One element, with the keyboard.
  once(element) {
    this.painted = new Set([element]);
    this.view.drawMarks();
    this.take();
  }

  take() {
    this.view.drawMarks();
    this.following.ended(this.message());
  }

  message() {
    return { runs: runsOf(this.painted), ...this.around() };
  }

  draw(context) {
    const { rows, columns, marks } = this.view;
    this.lasso?.draw(context, marks.width / marks.getBoundingClientRect().width);
    if (!this.painted.size) return;
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
