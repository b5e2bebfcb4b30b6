// Labelled places along the left side or the bottom of a picture, and the unit in words.
class Ruler {
  constructor(root, side) {
    this.root = root.querySelector(`.ruler.${side}`);
    this.side = side === "left" ? "top" : "left";
  }

  // `ruler` is null, or { ticks: [{ at, text }], unit }.
  show(ruler) {
    this.root.hidden = !ruler;
    if (!ruler) return;
    this.labels = Math.ceil(10 + 7.4 * Math.max(...ruler.ticks.map(({ text }) => text.length)));
    this.root.style.setProperty("--labels", `${this.labels}px`);
    const unit = document.createElement("div");
    unit.textContent = ruler.unit;
    unit.className = "measure";
    const ticks = ruler.ticks.map(({ at, text }) => {
      const tick = document.createElement("span");
      tick.textContent = text;
      tick.className = at < 0.03 ? "first" : at > 0.97 ? "last" : "";
      tick.style[this.side] = `${100 * at}%`;
      return tick;
    });
    this.root.replaceChildren(...ticks, unit);
  }

  // The room that a standing one takes beside a picture, in CSS pixels; where there is little, it goes without its unit.
  width(room) {
    if (this.root.hidden) return 0;
    this.tight = room < 240;
    this.root.classList.toggle("tight", this.tight);
    return this.labels + (this.tight ? 0 : 18);
  }
}
