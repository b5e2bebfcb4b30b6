// A pad to draw on with a mouse, a finger or a pen. The page is told of all strokes, each [width, x, y, x, y, ...] in
// shares of the longer side, after every stroke and, where the frame is `live`, while one is drawn. It holds them for when
// the pad is mounted again.
export default function ({ data, parentElement, setTriggerValue }) {
  const pad = remember(parentElement, () => new Pad(parentElement));
  pad.following.send = (message) => setTriggerValue("drawn", message);
  pad.show(openFrame(data));
  return () => pad.close();
}

const NEAR = 0.004; // a share of the longer side: what is closer to the last point adds nothing

class Pad {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    Object.assign(this, { canvas: find("canvas"), empty: find(".empty"), words: find("figcaption") });
    Object.assign(this, { undo: find(".undo"), clear: find(".clear") });
    this.strokes = null; // until the page has said what was drawn before
    this.past = []; // the strokes before each change, for undo
    this.pen = null; // the pointer that draws
    this.following = new Following();
    this.resize = new ResizeObserver(() => {
      this.draw();
      this.reveal();
    });
    this.resize.observe(this.canvas);
    this.canvas.addEventListener("pointerdown", (event) => this.down(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerup", (event) => this.up(event));
    this.canvas.addEventListener("pointercancel", (event) => this.cancel(event));
    this.undo.addEventListener("click", () => this.back());
    this.clear.addEventListener("click", () => this.change([]));
  }

  close() {
    this.resize.disconnect();
    this.following.close();
  }

  // frame: { label, hint, empty, rows, columns, ink, ground, width, live, strokes }
  show(frame) {
    this.frame = frame;
    this.following.key = frame.key;
    if (this.strokes === null) {
      this.strokes = frame.strokes;
      this.past = frame.strokes.map((_, i) => frame.strokes.slice(0, i));
    }
    named(this.canvas, "img", frame.label);
    this.canvas.style.aspectRatio = `${frame.columns} / ${frame.rows}`;
    this.empty.style.color = frame.ink;
    this.empty.textContent = frame.empty;
    this.words.textContent = frame.hint;
    this.draw();
  }

  // On a phone the sidebar is a sheet, at whose top the pad is once it is open, below the button that closes it.
  reveal() {
    const { host } = this.canvas.getRootNode();
    const sidebar = host?.closest('[data-testid="stSidebar"][data-collapsed="false"]');
    const content = sidebar?.querySelector('[data-testid="stSidebarContent"]');
    if (!content || !window.matchMedia("(max-width: 640px)").matches) return;
    const header = content.querySelector('[data-testid="stSidebarHeader"]');
    content.scrollTop += this.canvas.getBoundingClientRect().top - header.getBoundingClientRect().bottom - 4;
  }

  draw() {
    const { canvas, frame } = this;
    if (!frame || !canvas.clientWidth) return;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const context = canvas.getContext("2d");
    context.fillStyle = frame.ground;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.strokeStyle = frame.ink;
    context.lineCap = context.lineJoin = "round";
    const scale = Math.max(canvas.width, canvas.height);
    for (const [width, ...at] of this.strokes) {
      context.lineWidth = width * scale;
      context.beginPath();
      context.moveTo(at[0] * scale, at[1] * scale);
      for (let i = 0; i < at.length; i += 2) context.lineTo(at[i] * scale, at[i + 1] * scale);
      context.stroke();
    }
    this.empty.hidden = this.strokes.length > 0;
    this.clear.disabled = !this.strokes.length;
    this.undo.disabled = !this.past.length;
  }

  down(event) {
    if (this.pen !== null || event.button) return;
    event.preventDefault();
    this.pen = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.past.push(this.strokes);
    this.strokes = [...this.strokes, [this.frame.width, ...this.placed(event)]];
    this.draw();
  }

  move(event) {
    if (event.pointerId !== this.pen) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) this.extend(one);
    this.draw();
    if (this.frame.live) this.following.moved(() => ({ strokes: this.strokes }));
  }

  extend(event) {
    const stroke = this.strokes.at(-1);
    const [x, y] = this.placed(event);
    if (Math.hypot(x - stroke.at(-2), y - stroke.at(-1)) >= NEAR) stroke.push(x, y);
  }

  up(event) {
    if (event.pointerId !== this.pen) return;
    this.extend(event);
    this.pen = null;
    this.draw();
    this.following.ended({ strokes: this.strokes });
  }

  // As when a second finger turns the stroke into a gesture.
  cancel(event) {
    if (event.pointerId !== this.pen) return;
    this.pen = null;
    this.back();
  }

  change(strokes) {
    this.past.push(this.strokes);
    this.strokes = strokes;
    this.draw();
    this.following.ended({ strokes: this.strokes });
  }

  back() {
    if (!this.past.length) return;
    this.strokes = this.past.pop();
    this.draw();
    this.following.ended({ strokes: this.strokes });
  }

  placed(event) {
    const box = this.canvas.getBoundingClientRect();
    const share = (at) => Math.round(1e4 * Math.max(-0.5, Math.min(1.5, at / Math.max(box.width, box.height)))) / 1e4;
    return [share(event.clientX - box.left), share(event.clientY - box.top)];
  }
}
