// A curve along a side of a map: how much lies at each place of that axis. `uniform` is marked with a broken line.
// frame: { low, high, uniform }; beside: along the right side, from top to bottom.
function drawProfile(canvas, values, frame, width, height, { beside = false, cursor = null } = {}) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const [long, deep] = beside ? [canvas.height, canvas.width] : [canvas.width, canvas.height];
  const context = canvas.getContext("2d");
  // Along the axis, and away from it: upwards below a map, to the right beside it.
  if (beside) context.setTransform(0, 1, 1, 0, 0, 0);
  else context.setTransform(1, 0, 0, -1, 0, deep);
  const level = (value) => ((value - frame.low) / (frame.high - frame.low || 1)) * (deep - ratio) + ratio / 2;
  const step = long / values.length;
  const ink = getComputedStyle(canvas).color;
  context.fillStyle = context.strokeStyle = ink;
  const outline = new Path2D();
  outline.moveTo(0, level(Math.max(0, frame.low)));
  values.forEach((value, i) => {
    outline.lineTo(i * step, level(value));
    outline.lineTo((i + 1) * step, level(value));
  });
  outline.lineTo(long, level(Math.max(0, frame.low)));
  context.globalAlpha = 0.3;
  context.fill(outline);
  context.globalAlpha = 1;
  context.lineWidth = ratio;
  context.stroke(outline);
  if (cursor !== null) {
    context.globalAlpha = 0.55;
    context.fillRect(cursor * step, 0, Math.max(step, 2 * ratio), deep);
  }
  context.globalAlpha = 0.8;
  if (frame.uniform !== null) {
    context.setLineDash([3 * ratio, 3 * ratio]);
    context.beginPath();
    context.moveTo(0, level(frame.uniform));
    context.lineTo(long, level(frame.uniform));
    context.stroke();
  }
}
