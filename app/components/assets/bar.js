// The colour bar: its colours from low to high, labelled places, the unit in words, and a needle.
const APART = 6; // least space between two labels in CSS pixels

class ColourBar {
  constructor(root) {
    this.root = root.querySelector(".scale");
    for (const part of ["bar", "needle", "ticks", "unit"]) this[part] = this.root.querySelector(`.${part}`);
    new ResizeObserver(() => this.thin()).observe(this.ticks);
  }

  // `bar` is null, or { ticks: [{ at, text, mark }], unit }.
  show(bar, table) {
    this.root.hidden = !bar;
    if (!bar) return;
    const steps = table.length / 3;
    paint(this.bar, pixelCanvas(table, steps, 1), steps);
    this.bar.style.width = this.bar.style.height = "";
    this.unit.textContent = bar.unit;
    this.ticks.replaceChildren(
      ...bar.ticks.map(({ at, text, mark }) => {
        const tick = document.createElement("span");
        tick.textContent = text;
        tick.className = [mark ? "mark" : "", at < 0.02 ? "first" : at > 0.98 ? "last" : ""].join(" ").trim();
        tick.style.left = `${100 * at}%`;
        return tick;
      }),
    );
    this.thin();
  }

  // Labels that would run into more important ones are left out: the ends and the mark come first.
  thin() {
    if (!this.ticks.clientWidth) return;
    const kept = [];
    const ranked = ["last", "mark", "first", ""].flatMap((name) => [...this.ticks.children].filter((tick) => !name || tick.classList.contains(name)));
    for (const tick of new Set(ranked)) {
      const { left, right } = tick.getBoundingClientRect();
      const hidden = kept.some((other) => left < other.right + APART && right > other.left - APART);
      tick.style.color = hidden ? "transparent" : "";
      if (!hidden) kept.push({ left, right });
    }
  }

  // Points at one of the 256 colours; null hides the needle.
  point(shade) {
    this.needle.hidden = shade === null;
    if (shade !== null) this.needle.style.left = `${(100 * (shade + 0.5)) / 256}%`;
  }
}
