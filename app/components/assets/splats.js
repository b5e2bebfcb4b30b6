// Points as round dots without shading, drawn by the processor, so that no graphics card is needed: the front-most
// point of every pixel. The same picture as perceiver/plots/drawing/points.py draws.
const GROUND = -1;
const EDGE = -2;

class Splats {
  // points: x, y, z of one after the other; look: as LOOK in points.py; reach: the greatest distance from the middle.
  constructor(points, look, reach) {
    Object.assign(this, { points, look, reach, count: points.length / 3 });
  }

  // Looks at every `step`th point from the camera, on `side` pixels a side; `pixel` of them are one of the page's.
  shoot(camera, side, pixel, step = 1) {
    const { look, reach, count, points } = this;
    const { zoom, target } = camera.now;
    const { right, upward, towards } = camera.axes();
    const scale = ((side / 2) * look.fill * zoom) / reach;
    const radius = Math.max(Math.min((look.dot * zoom) / Math.sqrt(count / step), look.largest) * side, pixel);
    const rim = radius >= 2 * pixel ? Math.min(look.edge * radius, look.thickest * pixel) : 0;
    const pad = Math.ceil(radius) + 1; // dots may hang over the sides
    const stride = side + 2 * pad;
    this.room(stride);
    const { front, near } = this;
    const core = disc(0, radius - rim, stride);
    const edge = rim ? disc(radius - rim, radius, stride) : [];
    const behind = look.behind * radius;
    const along = (axis) => axis[0] * target[0] + axis[1] * target[1] + axis[2] * target[2];
    const middle = side / 2 - 0.5;
    const view = {
      side, pixel, radius, pad, stride, behind,
      right: right.map((part) => part * scale),
      down: upward.map((part) => -part * scale),
      towards: towards.map((part) => part * scale),
      x: middle - along(right) * scale * reach,
      y: middle + along(upward) * scale * reach,
    };
    const [rx, ry, rz] = view.right;
    const [dx, dy, dz] = view.down;
    const [tx, ty, tz] = view.towards;
    const last = side - 1 + radius;
    for (let i = 0; i < count; i += step) {
      const at = 3 * i;
      const px = points[at];
      const py = points[at + 1];
      const pz = points[at + 2];
      const x = rx * px + ry * py + rz * pz + view.x;
      const y = dx * px + dy * py + dz * pz + view.y;
      if (!(x > -radius && y > -radius && x < last && y < last)) continue;
      const depth = tx * px + ty * py + tz * pz;
      const place = (Math.round(y) + pad) * stride + Math.round(x) + pad;
      for (let k = 0; k < core.length; k += 1) {
        const here = place + core[k];
        if (depth > near[here]) {
          near[here] = depth;
          front[here] = i;
        }
      }
      const deeper = depth - behind;
      for (let k = 0; k < edge.length; k += 1) {
        const here = place + edge[k];
        if (deeper > near[here]) {
          near[here] = deeper;
          front[here] = EDGE;
        }
      }
    }
    this.view = view;
  }

  room(stride) {
    if (this.front?.length !== stride * stride) {
      this.front = new Int32Array(stride * stride);
      this.near = new Float32Array(stride * stride);
    }
    this.front.fill(GROUND);
    this.near.fill(-Infinity);
  }

  // Fills `image` (one 32-bit colour a pixel) with the colours of the points in front.
  paint(image, colours, ground, ink) {
    const { side, pad, stride } = this.view;
    const { front } = this;
    for (let row = 0, out = 0; row < side; row += 1) {
      for (let from = (row + pad) * stride + pad, end = from + side; from < end; from += 1, out += 1) {
        const point = front[from];
        image[out] = point >= 0 ? colours[point] : point === EDGE ? ink : ground;
      }
    }
  }

  // Where a place in space lies: x, y in pixels of the square, and whether nothing lies well before it.
  project(place) {
    const { right, down, towards, x, y, side, pad, stride, behind } = this.view;
    const along = (axis) => axis[0] * place[0] + axis[1] * place[1] + axis[2] * place[2];
    const spot = { x: along(right) + x, y: along(down) + y };
    const [column, row] = [Math.round(spot.x), Math.round(spot.y)];
    const inside = column >= 0 && row >= 0 && column < side && row < side;
    const hidden = inside && this.near[(row + pad) * stride + column + pad] > along(towards) + behind;
    return { ...spot, inside, hidden };
  }

  // Calls `take(point, x, y)` with the pixel of the middle of every point.
  each(take) {
    const { points, count } = this;
    const { right, down, x, y } = this.view;
    const along = (axis, at) => axis[0] * points[at] + axis[1] * points[at + 1] + axis[2] * points[at + 2];
    for (let i = 0; i < count; i += 1) take(i, along(right, 3 * i) + x, along(down, 3 * i) + y);
  }

  // Calls `take(point, x, y)` with every pixel of a box in which a point is seen.
  seen([left, top, right, bottom], take) {
    const { side, pad, stride } = this.view;
    const [first, last] = [Math.max(0, Math.floor(top)), Math.min(side - 1, Math.ceil(bottom))];
    const [from, to] = [Math.max(0, Math.floor(left)), Math.min(side - 1, Math.ceil(right))];
    for (let y = first; y <= last; y += 1) {
      for (let x = from; x <= to; x += 1) {
        const point = this.front[(y + pad) * stride + x + pad];
        if (point >= 0) take(point, x, y);
      }
    }
  }

  // The point seen nearest to a pixel, at most `within` pixels away; null where there is none.
  closest(x, y, within) {
    const { side, pad, stride } = this.view;
    const [column, row] = [Math.round(x), Math.round(y)];
    let best = null;
    let least = within * within;
    for (let far = 0; far <= Math.sqrt(least); far += 1) {
      for (let down = -far; down <= far; down += 1) {
        const step = Math.abs(down) === far ? 1 : 2 * far;
        for (let across = -far; across <= far; across += step || 1) {
          const [r, c] = [row + down, column + across];
          if (r < 0 || c < 0 || r >= side || c >= side) continue;
          const point = this.front[(r + pad) * stride + c + pad];
          const distance = down * down + across * across;
          if (point >= 0 && distance <= least && (best === null || distance < least)) {
            best = point;
            least = distance;
          }
        }
      }
    }
    return best;
  }
}

// Offsets of the pixels that lie farther than `inner` from the middle of one (0: from it on) and not beyond `outer`.
function disc(inner, outer, stride) {
  const offsets = [];
  const far = Math.floor(outer);
  for (let down = -far; down <= far; down += 1) {
    for (let across = -far; across <= far; across += 1) {
      const square = down * down + across * across;
      if (square <= outer * outer && (inner === 0 || square > inner * inner)) offsets.push(down * stride + across);
    }
  }
  return Int32Array.from(offsets);
}
