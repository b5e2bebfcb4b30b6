// One cloud on one canvas or more, each with colours of its own, under the camera of the page. Draws what is in sight,
// at most once a frame. Where this machine is too slow for that, drawings are coarse while the camera moves, and of
// fewer points if need be.
const REST = 150; // milliseconds without a move after which all is drawn finely
const BUDGET = 6; // milliseconds that a fine drawing may take while the camera moves; a coarse one twice that

class Stage {
  // marks(context, stage, canvas) draws over a picture, in pixels of the page.
  constructor(node, marks) {
    this.marks = marks;
    this.cost = this.coarse = 0; // milliseconds that drawing all points took, finely and coarsely
    this.source = document.createElement("canvas");
    this.moved = () => {
      this.moving = performance.now();
      this.request();
    };
    window.addEventListener(CAMERA, this.moved);
    this.sight = new IntersectionObserver((seen) => {
      this.inSight = seen.at(-1).isIntersecting;
      this.request();
    });
    this.sight.observe(node);
  }

  close() {
    window.removeEventListener(CAMERA, this.moved);
    this.sight.disconnect();
    clearTimeout(this.rest);
  }

  // frame: { points, colours, ground, ink, look, reach, up }; one canvas for every `points.length` of colours.
  show(frame, canvases) {
    this.frame = frame;
    this.canvases = canvases;
    this.camera = new Camera(frame.look, frame.up);
    this.splats = new Splats(frame.points, frame.look, frame.reach);
    const count = frame.points.length;
    this.colours = canvases.map((_, i) => packed(frame.colours.subarray(i * count, (i + 1) * count)));
    [this.ground, this.ink] = packed(Uint8Array.from([...frame.ground, ...frame.ink]));
    this.stale = true;
    this.request();
  }

  resize(width) {
    this.width = width;
    for (const canvas of this.canvases) canvas.style.width = canvas.style.height = `${width}px`;
    this.stale = true;
    this.request();
  }

  request() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = null;
      if (this.frame && this.width && this.inSight) this.draw();
    });
  }

  draw() {
    const start = performance.now();
    const ratio = window.devicePixelRatio || 1;
    const rest = start - (this.moving ?? -REST) >= REST;
    const fine = rest || this.cost < BUDGET;
    const density = (ratio < 2 ? 2 : 1) / (fine ? 1 : 2);
    const step = fine ? 1 : Math.max(1, Math.ceil(this.coarse / (2 * BUDGET)));
    const shown = Math.round(this.width * ratio);
    const side = Math.round(shown * density);
    this.factor = side / this.width; // pixels drawn in one of the page's
    const { azimuth, elevation, zoom, target } = this.camera.now;
    const key = [side, step, azimuth, elevation, zoom, ...target].join();
    const anew = this.stale || key !== this.key;
    if (anew) this.splats.shoot(this.camera, side, this.factor, step);
    this.stale = false;
    this.key = key;
    if (this.image?.width !== side) { // a new canvas has a width of its own, 300
      this.source.width = this.source.height = side;
      this.image = new ImageData(side, side);
    }
    const pixels = new Uint32Array(this.image.data.buffer);
    this.canvases.forEach((canvas, i) => {
      this.splats.paint(pixels, this.colours[i], this.ground, this.ink);
      this.source.getContext("2d").putImageData(this.image, 0, 0);
      if (canvas.width !== shown) canvas.width = canvas.height = shown;
      const context = canvas.getContext("2d");
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.imageSmoothingEnabled = density !== 1;
      context.drawImage(this.source, 0, 0, shown, shown);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.tripod(context);
      this.marks(context, this, canvas);
    });
    if (anew) this[fine ? "cost" : "coarse"] = (performance.now() - start) * step;
    clearTimeout(this.rest);
    if (!rest) this.rest = setTimeout(() => this.request(), REST);
  }

  // The point under the pointer, or a few pixels beside it; null where there is none.
  point(event, within = 8) {
    return this.near(this.placed(event), within);
  }

  near({ x, y }, within) {
    if (this.stale) this.draw();
    return this.splats.closest(x * this.factor, y * this.factor, within * this.factor);
  }

  // The points under a trail: those that are seen there, or with `through` all whose middle lies there.
  under(trail, through) {
    if (this.stale) this.draw();
    const { factor, splats } = this;
    const inside = trail.cover();
    const [left, top, right, bottom] = trail.bounds;
    const found = new Set();
    const take = (point, x, y) => {
      const [across, down] = [(x + 0.5) / factor, (y + 0.5) / factor];
      const near = across >= left && across <= right && down >= top && down <= bottom;
      if (near && inside(across, down)) found.add(point);
    };
    if (through) splats.each(take);
    else splats.seen([left, top, right, bottom].map((at) => at * factor), (point, x, y) => found.has(point) || take(point, x, y));
    return found;
  }

  // The place in space under the pointer, in units of the reach: that of the point there, or in the middle's depth.
  spot(event) {
    const point = this.point(event);
    if (point !== null) return this.place(point).map((part) => part / this.frame.reach);
    const { x, y } = this.placed(event);
    const { right, upward } = this.camera.axes();
    const { zoom, target } = this.camera.now;
    const span = 1 / (zoom * this.frame.look.fill); // from the middle of the picture to its side
    const [across, down] = [x, y].map((at) => (2 * (at / this.width) - 1) * span);
    return target.map((part, i) => part + across * right[i] - down * upward[i]);
  }

  placed(event) {
    const box = event.target.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  place(point) {
    return [...this.frame.points.subarray(3 * point, 3 * point + 3)];
  }

  // A ring about a point, white on a dark halo: seen on every colour; broken where other points lie before it.
  ring(context, point, thickness) {
    const at = this.splats.project(this.place(point));
    if (!at.inside) return;
    const radius = Math.max(5, this.splats.view.radius / this.factor + 2 * thickness);
    context.setLineDash(at.hidden ? [radius * 0.6, radius * 0.45] : []);
    for (const [colour, width] of [["rgba(0,0,0,.8)", 3 * thickness], ["#fff", 1.4 * thickness]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.arc((at.x + 0.5) / this.factor, (at.y + 0.5) / this.factor, radius, 0, 2 * Math.PI);
      context.stroke();
    }
    context.setLineDash([]);
  }

  // The axes of the cloud in the lower left corner, the nearest drawn last.
  tripod(context) {
    const { right, upward, towards } = this.camera.axes();
    const length = Math.max(14, Math.min(26, this.width / 14));
    const middle = [length + 18, this.width - length - 18];
    const [ink, halo] = this.frame.ground[0] > 127 ? ["#2a3036", "#fff"] : ["#dfe4e8", "#000"];
    context.font = "13px sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const axis of [0, 1, 2].sort((a, b) => towards[a] - towards[b])) {
      const [x, y] = [right[axis] * length, -upward[axis] * length];
      const seen = Math.hypot(x, y);
      if (seen < 1) continue; // it points at the eye
      const away = 1 + 9 / seen;
      const thickness = axis === this.frame.up ? 2 : 1;
      for (const [colour, width] of [[halo, thickness + 2], [ink, thickness]]) {
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.beginPath();
        context.moveTo(...middle);
        context.lineTo(middle[0] + x, middle[1] + y);
        context.stroke();
      }
      context.strokeStyle = halo;
      context.lineWidth = 2;
      context.fillStyle = ink;
      context.strokeText("xyz"[axis], middle[0] + x * away, middle[1] + y * away);
      context.fillText("xyz"[axis], middle[0] + x * away, middle[1] + y * away);
    }
  }
}

// Three bytes a colour as one number a colour, as ImageData holds them.
function packed(bytes) {
  const colours = new Uint32Array(bytes.length / 3);
  for (let i = 0; i < colours.length; i += 1) {
    colours[i] = ((255 << 24) | (bytes[3 * i + 2] << 16) | (bytes[3 * i + 1] << 8) | bytes[3 * i]) >>> 0;
  }
  return colours;
}
