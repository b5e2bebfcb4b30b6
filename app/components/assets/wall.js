// Small pictures of one size side by side, one of which may be chosen.
export default function ({ data, parentElement, setTriggerValue }) {
  const wall = remember(parentElement, () => new Wall(parentElement));
  wall.send = (index) => setTriggerValue("pick", index);
  wall.show(openFrame(data));
  return () => wall.close();
}

const PROFILE = 20; // height of the profile under a picture in CSS pixels

class Wall extends Tiles {
  // A whole number of device pixels for every pixel of a picture.
  fit(room) {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.min(room, this.frame.limit || Infinity);
    if (this.frame.fill) return Math.floor(width);
    const factor = Math.floor((width * ratio) / this.frame.width);
    return factor ? (factor * this.frame.width) / ratio : width;
  }

  draw(width) {
    const { frame } = this;
    const size = frame.width * frame.height * (frame.table ? 1 : 3);
    this.tiles.forEach((tile, i) => {
      if (frame !== this.laid) {
        const pixels = frame.pixels.subarray(i * size, (i + 1) * size);
        tile.source = pixelCanvas(pixels, frame.width, frame.height, frame.table);
      }
      paint(tile.canvas, tile.source, width, frame.fill);
      tile.profile.hidden = !frame.profile;
      if (frame.profile) {
        const count = frame.profiles.length / this.tiles.length;
        const values = frame.profiles.subarray(i * count, (i + 1) * count);
        drawProfile(tile.profile, values, frame.profile, parseFloat(tile.canvas.style.width), PROFILE);
      }
    });
  }
}
