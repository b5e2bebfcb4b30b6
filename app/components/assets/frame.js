// Opens the frame that frame.py packs: a JSON head, then typed arrays. Text in the head is data: it only ever
// reaches the page through textContent and setAttribute.
function openFrame(bytes) {
  const own = bytes.slice(); // typed arrays need memory that starts at a multiple of four
  const size = new DataView(own.buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(own.subarray(4, 4 + size)));
  const arrays = {};
  let at = 4 + size;
  for (const { name, type, length } of head.arrays) {
    const Kind = type === "float32" ? Float32Array : Uint8Array;
    arrays[name] = new Kind(own.buffer, at, length);
    at += Math.ceil((length * Kind.BYTES_PER_ELEMENT) / 4) * 4;
  }
  return { ...head.meta, ...arrays };
}

// A canvas that holds RGB pixels (three bytes each), or indices into an RGB colour table (one byte each).
function pixelCanvas(bytes, width, height, table) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const out = new Uint32Array(image.data.buffer); // a pixel at a time, which is quicker than its bytes
  const source = table || bytes;
  for (let i = 0; i < out.length; i += 1) {
    const from = table ? 3 * bytes[i] : 3 * i;
    out[i] = 0xff000000 | (source[from + 2] << 16) | (source[from + 1] << 8) | source[from];
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// Draws pixels into `target` about `cssWidth` wide. Enlarged pixels cover a whole number of device pixels, so that
// all are of one size and none is blurred; the canvas is then a little narrower than asked. With `fill` it is exactly
// as wide: pixels are enlarged beyond that and brought back, so that all are still of one size, but for soft edges.
function paint(target, source, cssWidth, fill = false) {
  const ratio = window.devicePixelRatio || 1;
  const zoom = (cssWidth * ratio) / source.width;
  if (fill && zoom > 1 && zoom !== Math.floor(zoom)) {
    const larger = document.createElement("canvas");
    paint(larger, source, (source.width * Math.ceil(zoom)) / ratio);
    paint(target, larger, cssWidth);
    return;
  }
  const factor = zoom >= 1 ? Math.floor(zoom) : zoom;
  target.width = Math.max(1, Math.round(source.width * factor));
  target.height = Math.max(1, Math.round(source.height * factor));
  target.style.width = `${target.width / ratio}px`;
  target.style.height = `${target.height / ratio}px`;
  const context = target.getContext("2d");
  context.imageSmoothingEnabled = factor < 1;
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, target.width, target.height);
}

// Remembers one object per mounted component: the function below runs again with every new frame.
const mounted = new WeakMap();

function remember(parent, make) {
  if (!mounted.has(parent)) mounted.set(parent, make());
  return mounted.get(parent);
}

// Gives a node its role together with its name: with a role in the HTML, which is drawn before the first frame comes,
// it would be a control without a name for that long.
function named(node, role, label) {
  node.setAttribute("role", role);
  node.setAttribute("aria-label", label);
  return node;
}
