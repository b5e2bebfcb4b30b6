// Named bars, largest first. Where a row may be chosen it is an option of a listbox; else the rows are a plain list.
export default function ({ data, parentElement, setTriggerValue }) {
  const ranking = remember(parentElement, () => new Ranking(parentElement.querySelector(".ranking")));
  ranking.send = (index) => setTriggerValue("pick", index);
  ranking.show(openFrame(data));
}

class Ranking {
  constructor(root) {
    this.root = root;
    root.addEventListener("keydown", (event) => this.key(event));
  }

  show(frame) {
    this.frame = frame;
    named(this.root, frame.choosable ? "listbox" : "list", frame.label);
    this.root.classList.toggle("short", frame.short);
    const held = [...this.root.children].indexOf(this.root.getRootNode().activeElement);
    this.root.replaceChildren(...frame.rows.map((row, i) => this.row(row, i)));
    if (held >= 0) this.root.children[held]?.focus();
  }

  row({ name, note, share, text, mark, chosen, strong }, index) {
    const node = part("div", chosen ? "row chosen" : strong ? "row strong" : "row");
    node.setAttribute("role", this.frame.choosable ? "option" : "listitem");
    if (this.frame.choosable) {
      node.setAttribute("aria-selected", Boolean(chosen));
      node.tabIndex = index === 0 ? 0 : -1;
      node.addEventListener("click", () => this.send(index));
    }
    const label = part("div", "name", name);
    if (note) label.append(part("span", "note", note));
    const track = part("div", "track");
    const bar = part("div", share < 0 ? "bar below" : "bar");
    const length = this.frame.signed ? 50 * Math.min(1, Math.abs(share)) : 100 * Math.max(0, Math.min(1, share));
    bar.style.width = `${length}%`;
    if (this.frame.signed) bar.style.marginLeft = `${share < 0 ? 50 - length : 50}%`;
    track.append(bar);
    if (this.frame.signed) mark = 0.5;
    if (mark !== null && mark !== undefined) {
      const line = part("div", "mark");
      line.style.left = `${100 * mark}%`;
      track.append(line);
    }
    node.append(label, track, part("div", "text", text));
    return node;
  }

  key(event) {
    const rows = [...this.root.children];
    const here = rows.indexOf(event.target);
    if (here < 0 || !this.frame.choosable) return;
    const moves = { ArrowUp: here - 1, ArrowDown: here + 1, Home: 0, End: rows.length - 1 };
    if (event.key in moves) {
      const next = Math.max(0, Math.min(rows.length - 1, moves[event.key]));
      rows.forEach((row, i) => (row.tabIndex = i === next ? 0 : -1));
      rows[next].focus();
    } else if (event.key === "Enter" || event.key === " ") this.send(here);
    else return;
    event.preventDefault();
  }
}

function part(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}
