// Options in a grid, each a picture and its words; one may be chosen, by click or with the arrow keys and Enter.
// Who extends it draws the pictures: `fit(room)` says how wide one becomes, `draw(width)` draws them all.
const NAME = 20; // height of the name under a small tile in CSS pixels

class Tiles {
  constructor(parent) {
    const root = parent.querySelector(".wall");
    this.root = root;
    this.bar = new ColourBar(parent);
    this.margin = 4; // room for the outline of a chosen tile, as in wall.css
    this.tiles = [];
    this.resize = new ResizeObserver(() => this.lay());
    this.resize.observe(root);
    root.addEventListener("keydown", (event) => this.key(event));
  }

  close() {
    this.resize.disconnect();
  }

  // frame: { label, chosen, tile, dense, named, tall, tiles: [{ title, note, share, remark, facts, alt, empty }], bar, scale }
  show(frame) {
    this.frame = frame;
    named(this.root, "listbox", frame.label);
    this.root.classList.toggle("dense", frame.dense);
    this.root.classList.toggle("named", frame.named);
    while (this.tiles.length < frame.tiles.length) this.tiles.push(this.build(this.tiles.length));
    while (this.tiles.length > frame.tiles.length) this.tiles.pop().node.remove();
    frame.tiles.forEach((text, i) => {
      const tile = this.tiles[i];
      tile.title.textContent = text.title;
      tile.note.textContent = text.note || "";
      tile.track.hidden = text.share === null || text.share === undefined;
      tile.share.style.width = `${100 * (text.share || 0)}%`;
      tile.remark.textContent = text.remark || "";
      const facts = (text.facts || []).flatMap(([name, value]) => [term("dt", name), term("dd", value)]);
      tile.facts.replaceChildren(...facts);
      tile.node.style.visibility = text.empty ? "hidden" : "";
      const chosen = i === frame.chosen;
      tile.node.setAttribute("aria-selected", chosen);
      tile.node.setAttribute("aria-label", text.alt || text.title);
      tile.node.title = frame.dense ? text.alt || text.title : "";
      tile.node.tabIndex = chosen || (frame.chosen === null && i === 0) ? 0 : -1;
    });
    this.bar.show(frame.bar, frame.scale);
    this.lay();
    this.reveal(frame.chosen);
  }

  build(index) {
    const node = document.createElement("div");
    node.className = "tile";
    node.setAttribute("role", "option");
    const canvas = document.createElement("canvas");
    const title = term("div", "", "title");
    const note = term("div", "", "note");
    const facts = term("dl", "", "facts");
    const head = term("div", "", "head");
    head.append(title, note);
    const track = term("div", "", "track");
    const share = term("div", "", "share");
    track.append(share);
    const remark = term("div", "", "remark");
    const profile = document.createElement("canvas");
    profile.className = "profile";
    profile.hidden = true;
    node.append(canvas, profile, head, track, remark, facts);
    node.addEventListener("click", () => this.send(index));
    this.root.append(node);
    return { node, canvas, profile, title, note, track, share, remark, facts };
  }

  // The greatest height of a wall that scrolls.
  get tallest() {
    return Math.min(this.frame.tall, 0.6 * window.innerHeight);
  }

  // As many columns as fit, without a last row of one. Small tiles with names grow as long as all of them are in view.
  lay() {
    const room = this.root.clientWidth - 2 * this.margin;
    if (!this.frame || room <= 0 || (room === this.room && this.frame === this.laid)) return;
    const { tile, dense } = this.frame;
    const gap = dense ? 6 : tile < 120 ? 10 : 20;
    const most = Math.max(dense ? 3 : 2, Math.floor((room + gap) / (tile + gap)));
    const rows = Math.ceil(this.tiles.length / most);
    const columns = dense ? this.fewest(most, room, gap) : Math.max(2, Math.ceil(this.tiles.length / rows));
    const width = this.fit((room - gap * (columns - 1)) / columns);
    this.columns = columns;
    this.root.style.gridTemplateColumns = `repeat(${columns}, ${width}px)`;
    this.root.style.columnGap = `${Math.min((room - columns * width) / (columns - 1), 3 * gap)}px`;
    this.draw(width);
    this.crop();
    this.room = room;
    this.laid = this.frame;
  }

  fewest(most, room, gap) {
    const { tall, named, width, height } = this.frame;
    if (!tall || !named) return most;
    let [best, widest] = [most, 0];
    for (let columns = 3; columns <= most; columns++) {
      const side = this.fit((room - gap * (columns - 1)) / columns);
      const row = (side * height) / width + NAME + gap;
      if (Math.ceil(this.tiles.length / columns) * row - gap > this.tallest || side < widest) continue;
      [best, widest] = [columns, side];
    }
    return best;
  }

  // A wall that scrolls ends in the middle of a row, which shows that there is more.
  crop() {
    this.root.style.maxHeight = "";
    const node = this.tiles[0]?.node;
    if (!this.frame.tall || !node) return;
    const gap = parseFloat(getComputedStyle(this.root).rowGap) || 0;
    const row = node.getBoundingClientRect().height + gap;
    if (Math.ceil(this.tiles.length / this.columns) * row - gap <= this.tallest) return;
    const rows = Math.max(1.5, Math.floor(this.tallest / row - 0.5) + 0.5);
    this.root.style.maxHeight = `${rows * row}px`;
  }

  // Scrolls a long wall to its chosen tile without moving the page.
  reveal(index) {
    const node = this.tiles[index]?.node;
    if (!node || this.root.scrollHeight <= this.root.clientHeight) return;
    const top = node.offsetTop - this.root.offsetTop;
    const seen = top >= this.root.scrollTop && top + node.offsetHeight <= this.root.scrollTop + this.root.clientHeight;
    if (!seen) this.root.scrollTop = top - 8;
  }

  key(event) {
    const here = this.tiles.findIndex(({ node }) => node === event.target);
    if (here < 0) return;
    const last = this.tiles.length - 1;
    const moves = {
      ArrowLeft: here - 1,
      ArrowRight: here + 1,
      ArrowUp: here - this.columns,
      ArrowDown: here + this.columns,
      Home: 0,
      End: last,
    };
    if (event.key in moves) this.focus(Math.max(0, Math.min(last, moves[event.key])));
    else if (event.key === "Enter" || event.key === " ") this.send(here);
    else return;
    event.preventDefault();
  }

  focus(index) {
    for (const { node } of this.tiles) node.tabIndex = -1;
    this.tiles[index].node.tabIndex = 0;
    this.tiles[index].node.focus();
  }
}

function term(tag, text, className = "") {
  const node = document.createElement(tag);
  node.textContent = text;
  node.className = className;
  return node;
}
