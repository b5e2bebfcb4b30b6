// The way of a pointer over a picture, in pixels of the page: a brush of some width, or a lasso (width null), which
// takes what it encloses.
const PROBE = document.createElement("canvas").getContext("2d");

class Trail {
  constructor(width, point) {
    this.width = width;
    this.points = [point];
  }

  add(point) {
    this.points.push(point);
  }

  // What lies beyond this lies not under it: [left, top, right, bottom].
  get bounds() {
    const far = (this.width ?? 0) / 2;
    const [across, down] = [0, 1].map((axis) => this.points.map((point) => point[axis]));
    return [Math.min(...across) - far, Math.min(...down) - far, Math.max(...across) + far, Math.max(...down) + far];
  }

  // A function that tells whether a place lies under the brush, or within the lasso.
  cover() {
    const path = this.path();
    if (this.width === null) return (x, y) => PROBE.isPointInPath(path, x, y);
    const [[left, top]] = this.points;
    const { width } = this;
    Object.assign(PROBE, { lineWidth: width, lineCap: "round", lineJoin: "round" });
    return (x, y) => Math.hypot(x - left, y - top) <= width / 2 || PROBE.isPointInStroke(path, x, y);
  }

  path() {
    const path = new Path2D();
    this.points.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
    return path;
  }

  // `ratio` pixels of the canvas are one of the page's.
  draw(context, ratio) {
    context.save();
    context.scale(ratio, ratio);
    Object.assign(context, { lineCap: "round", lineJoin: "round" });
    const path = this.path();
    if (this.width !== null) {
      context.strokeStyle = "rgba(255,255,255,.65)";
      context.lineWidth = this.width;
      context.stroke(path);
    } else {
      path.closePath();
      context.fillStyle = "rgba(255,255,255,.3)";
      context.fill(path);
      for (const [colour, width] of [["rgba(0,0,0,.8)", 3.5], ["#fff", 1.5]]) {
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.stroke(path);
      }
    }
    context.restore();
  }
}

// Numbers as [start, stop, start, stop, ...].
function runsOf(numbers) {
  const runs = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    if (runs.at(-1) === number) runs[runs.length - 1] += 1;
    else runs.push(number, number + 1);
  }
  return runs;
}
