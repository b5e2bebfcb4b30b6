// Switches of a position encoding: a row an axis, a column a band, the raw coordinates in a column of their own before them.
// A click switches one, a stroke several; a name switches its row, a head its column. Where a row is too long it goes on
// below, so that nothing has to be scrolled sideways and a finger can paint.
export default function ({ data, parentElement, setTriggerValue }) {
  const bands = remember(parentElement, () => new Bands(parentElement.querySelector(".bands")));
  bands.send = (off) => setTriggerValue("off", off);
  bands.show(openFrame(data));
  return () => bands.close();
}

const NAME = -2; // columns before the bands
const RAW = -1;
const HEAD = -1; // the row above the axes
const TALL = 30; // of a switch under a mouse, in CSS pixels
const WIDE = 46;
const NARROW = 8; // least width under a mouse: 64 bands stand in one line
const FINGER = 44; // both ways, under a finger
const MANY = 24; // bands, above which switches under a finger are narrower: strokes and the slider set many at once
const PATIENCE = 350; // milliseconds after the last key before the page is told

class Bands {
  constructor(root) {
    this.root = root;
    [this.grid, this.said] = [root.querySelector(".grid"), root.querySelector(".said")];
    this.serial = 0;
    this.resize = new ResizeObserver(() => this.lay());
    this.resize.observe(this.grid);
    const on = (name, act) => this.grid.addEventListener(name, (event) => act.call(this, event));
    on("pointerdown", this.down);
    on("pointermove", this.move);
    on("pointerup", this.up);
    on("pointercancel", this.cancel);
    on("pointerleave", () => this.say(null));
    on("keydown", this.key);
    on("focusin", (event) => this.say(event.target));
    on("focusout", () => this.say(null));
  }

  close() {
    this.resize.disconnect();
    clearTimeout(this.waiting);
  }

  // frame: { label, axes: [{ name, cells, words, raw }], heads, corner, serial, off: { sines, cosines, coordinates } }
  show(frame) {
    const { axes, heads, corner } = frame;
    const built = JSON.stringify([axes, heads, corner]);
    this.frame = frame;
    named(this.grid, "grid", frame.label);
    this.root.classList.toggle("plain", !heads.length);
    if (built !== this.built) {
      this.build();
      clearTimeout(this.waiting);
      this.before = this.stroke = this.waiting = null;
    }
    this.built = built;
    this.take();
    this.lay();
    this.mark();
  }

  // What the page knows, unless it is older than what is held here: a stroke may not have ended, or keys not be told.
  take() {
    const { serial, off } = this.frame;
    if (serial < this.serial || this.before || this.waiting) return;
    this.serial = serial;
    const flags = (rows) => rows.map((row) => [...row].map(Number));
    this.off = Object.fromEntries(Object.entries(off).map(([part, rows]) => [part, flags(rows)]));
  }

  build() {
    const { axes, heads, corner } = this.frame;
    this.parts = [];
    this.copies = [];
    const line = () => this.grid.appendChild(made("div", "", "row"));
    const top = line();
    this.corner = top.appendChild(made("div", "corner", "presentation", corner));
    this.raws = axes.some(({ raw }) => raw);
    if (this.raws) this.add(top, "head", "columnheader", HEAD, RAW, "raw");
    heads.forEach((text, band) => this.add(top, "head", "columnheader", HEAD, band, text));
    const rows = axes.map((axis, row) => {
      const node = line();
      this.add(node, "name", "rowheader", row, NAME, axis.name);
      if (axis.raw) this.add(node, "cell", "gridcell", row, RAW, "");
      axis.cells.forEach((text, band) => this.add(node, "cell", "gridcell", row, band, text));
      return node;
    });
    this.grid.replaceChildren(top, ...rows);
    this.parts.find(({ node }) => node.classList.contains("cell"))?.node.setAttribute("tabindex", "0");
    this.room = null;
  }

  add(parent, kind, role, row, column, text) {
    const node = made("div", kind, role);
    if (kind === "cell") node.append(made("b", "half"), made("b", "half"), made("span", "text", "", text));
    else node.textContent = text;
    node.tabIndex = -1;
    parent.append(node);
    this.parts.push({ node, row, column });
  }

  // Where everything stands. A band is as wide as there is room, but wide enough for a finger where one may come.
  lay() {
    const room = this.grid.clientWidth;
    if (!this.frame || !room || room === this.room) return;
    this.room = room;
    const { axes, heads } = this.frame;
    const rough = matchMedia("(pointer: coarse)").matches || room < 480;
    const letters = (texts) => Math.max(0, ...texts.map((text) => text.length));
    const name = Math.ceil(16 + 8.2 * Math.max(letters(axes.map((axis) => axis.name)), letters([this.frame.corner])));
    const raw = this.raws ? (rough ? FINGER : 32) : 0;
    const gap = raw && heads.length ? 10 : 0;
    const free = room - name - raw - gap;
    const most = Math.max(1, Math.floor(free / (!rough ? NARROW : heads.length > MANY ? 24 : FINGER)));
    const lines = Math.max(1, Math.ceil(heads.length / most));
    const across = Math.ceil(heads.length / lines);
    const wide = Math.min(WIDE, Math.floor(free / Math.max(1, across)));
    this.grid.style.gridTemplateColumns = `${name}px ${raw}px ${gap}px repeat(${Math.max(1, across)}, ${wide}px)`;
    // The axes of every line: all in the first one, then those that have bands left.
    const shown = Array.from({ length: lines }, (_, line) =>
      axes.map((_, row) => row).filter((row) => !line || axes[row].cells.length > line * across),
    );
    const heights = shown.map((rows) => `1.5rem repeat(${rows.length}, ${rough ? FINGER : TALL}px)`);
    this.grid.style.gridTemplateRows = heights.join(" 0.5rem ");
    // Of the grid, from 1: the row of an axis, or of the heads, in a line. A line is followed by a space.
    const tops = shown.map((_, line) => shown.slice(0, line).reduce((sum, rows) => sum + rows.length + 2, 1));
    const gridRow = (line, row) => tops[line] + (row === HEAD ? 0 : shown[line].indexOf(row) + 1);
    this.grid.style.setProperty("--gap", wide < 16 ? "0.5px" : "1px");
    const step = Math.ceil((7.6 * letters(heads) + 4) / wide);
    this.copies.forEach((node) => node.remove());
    this.copies = [];
    this.corner.style.gridArea = "1 / 1";
    for (const { node, row, column } of this.parts) {
      const below = column < 0 ? 0 : Math.floor(column / across);
      node.style.gridRow = gridRow(below, row);
      node.style.gridColumn = column < 0 ? column + 3 : (column % across) + 4;
      if (row === HEAD && column >= 0) node.style.fontSize = (column % across) % step ? "0" : "";
      const text = node.querySelector(".text");
      if (text) text.style.display = wide < 30 ? "none" : "";
      for (let again = 1; column === NAME && again < lines; again += 1) {
        if (!shown[again].includes(row)) continue;
        const copy = node.cloneNode(true);
        copy.setAttribute("aria-hidden", "true");
        copy.removeAttribute("tabindex");
        copy.style.gridRow = gridRow(again, row);
        this.copies.push(this.grid.appendChild(copy));
        copy.stands = this.parts.find((part) => part.node === node);
      }
    }
  }

  // Shows what is there and what is not.
  mark() {
    for (const part of this.parts) {
      const { node, row, column } = part;
      if (row === HEAD || column === NAME) {
        node.setAttribute("aria-label", this.words(part));
        continue;
      }
      const [sine, cosine] = this.state(row, column);
      node.children[0].classList.toggle("off", sine);
      node.children[1].classList.toggle("off", cosine);
      node.classList.toggle("gone", sine && cosine);
      node.classList.toggle("part", sine !== cosine);
      node.setAttribute("aria-selected", !(sine && cosine));
      node.setAttribute("aria-label", this.words(part));
    }
    if (!this.pointed) this.say(null);
  }

  // Whether the two halves of a switch are off; a coordinate has but one.
  state(row, column) {
    if (column === RAW) return Array(2).fill(Boolean(this.off.coordinates[row][0]));
    return [this.off.sines, this.off.cosines].map((rows) => Boolean(rows[row][column]));
  }

  set(row, column, to) {
    if (column === RAW) this.off.coordinates[row][0] = Number(to);
    else for (const part of this.switched()) this.off[part][row][column] = Number(to);
  }

  // Sines, cosines or both, as is chosen below the grid.
  switched() {
    const { value } = this.root.querySelector("input:checked");
    return value === "both" ? ["sines", "cosines"] : [value];
  }

  // Whether what a click switches there is whole.
  whole({ row, column }) {
    if (column === RAW) return !this.off.coordinates[row][0];
    return this.switched().every((part) => !this.off[part][row][column]);
  }

  // The switches that a part stands for: itself, its row or its column.
  meant({ row, column }) {
    const cells = this.parts.filter((part) => part.row >= 0 && part.column > NAME);
    if (column === NAME) return cells.filter((cell) => cell.row === row);
    if (row === HEAD) return cells.filter((cell) => cell.column === column);
    return cells.filter((cell) => cell.row === row && cell.column === column);
  }

  // Takes all of it away where all is there, else brings all back; returns which.
  flip(part) {
    const cells = this.meant(part);
    const to = cells.every((cell) => this.whole(cell));
    cells.forEach(({ row, column }) => this.set(row, column, to));
    this.mark();
    return to;
  }

  find(node) {
    const held = node?.closest?.(".cell, .name, .head");
    return held?.stands ?? this.parts.find((part) => part.node === held);
  }

  at(x, y) {
    return this.find(this.grid.getRootNode().elementFromPoint(x, y));
  }

  down(event) {
    const part = this.find(event.target);
    if (!part || event.button) return;
    event.preventDefault();
    this.before = structuredClone(this.off);
    const cell = part.row >= 0 && part.column > NAME;
    if (cell && event.shiftKey && this.last) this.between(this.last, part);
    else this.to = this.flip(part);
    this.stroke = cell ? [event.clientX, event.clientY] : null;
    this.focus(part);
    this.say(part.node);
    try {
      this.grid.setPointerCapture(event.pointerId);
    } catch {
      // the pointer is gone already
    }
    if (cell) this.last = part;
  }

  // The switches from one to another, as corners of a box, are set as the last one was.
  between(one, other) {
    const inside = (value, a, b) => value >= Math.min(a, b) && value <= Math.max(a, b);
    for (const { row, column } of this.parts) {
      const held = row >= 0 && column > NAME;
      if (held && inside(row, one.row, other.row) && inside(column, one.column, other.column)) {
        this.set(row, column, this.to);
      }
    }
    this.mark();
  }

  move(event) {
    if (!this.before) {
      this.say(this.at(event.clientX, event.clientY)?.node ?? null);
      return;
    }
    if (!this.stroke) return;
    const from = this.stroke;
    const to = [event.clientX, event.clientY];
    const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / 4));
    for (let i = 1; i <= steps; i += 1) {
      const part = this.at(...from.map((start, axis) => start + ((to[axis] - start) * i) / steps));
      if (!part || part.row < 0 || part.column === NAME) continue;
      this.set(part.row, part.column, this.to);
      this.last = part;
      this.say(part.node);
    }
    this.stroke = to;
    this.mark();
  }

  up() {
    if (!this.before) return;
    this.before = this.stroke = null;
    this.tell();
  }

  // The finger was meant to scroll the page.
  cancel() {
    if (this.before) this.off = this.before;
    this.before = this.stroke = null;
    this.take();
    this.mark();
  }

  key(event) {
    const here = this.find(event.target);
    if (!here) return;
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (event.key === " " || event.key === "Enter") {
      this.to = this.flip(here);
      this.last = here;
      this.tellSoon();
    } else if (moves[event.key] || event.key === "Home" || event.key === "End") {
      const next = this.next(here, event.key, moves[event.key]);
      if (!next) return;
      if (event.shiftKey && next.row >= 0 && next.column > NAME && here.row >= 0 && here.column > NAME) {
        this.to = !this.whole(here);
        this.between(here, next);
        this.tellSoon();
      }
      this.focus(next);
    } else return;
    event.preventDefault();
    this.say(this.grid.getRootNode().activeElement);
  }

  next({ row, column }, key, move) {
    const inRow = this.parts.filter((part) => part.row === row);
    if (key === "Home") return inRow[0];
    if (key === "End") return inRow.at(-1);
    const [down, right] = move;
    if (right) return inRow[inRow.findIndex((part) => part.column === column) + right];
    return this.parts.find((part) => part.row === row + down && part.column === column);
  }

  focus({ node }) {
    for (const part of this.parts) part.node.tabIndex = -1;
    node.tabIndex = 0;
    node.focus({ preventScroll: true });
  }

  tellSoon() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.tell(), PATIENCE);
  }

  tell() {
    clearTimeout(this.waiting);
    this.waiting = null;
    this.serial += 1;
    const written = Object.entries(this.off).map(([part, rows]) => [part, rows.map((row) => row.join(""))]);
    this.send({ serial: this.serial, ...Object.fromEntries(written) });
  }

  words({ row, column }) {
    const { axes, heads, corner } = this.frame;
    if (column === NAME) return `${axes[row].name}: all of it`;
    if (row === HEAD) return column === RAW ? "Raw coordinates of all axes" : `${corner} ${heads[column]}, all axes`;
    const [sine, cosine] = this.state(row, column);
    const state = sine && cosine ? "removed" : sine ? "cosine alone" : cosine ? "sine alone" : "kept";
    return `${column === RAW ? axes[row].raw : axes[row].words[column]}: ${state}`;
  }

  say(node) {
    const part = this.find(node);
    this.pointed = Boolean(part);
    this.said.classList.toggle("quiet", !part);
    const hint = "Press a switch to remove a part or to keep it, drag to paint. A name or a head switches its whole line.";
    this.said.textContent = part ? this.words(part) : hint;
  }
}

function made(tag, kind, role = "", text = "") {
  const node = document.createElement(tag);
  node.className = kind;
  if (role) node.setAttribute("role", role);
  node.textContent = text;
  return node;
}
