// Small pictures of one size side by side, one of which may be chosen; of a clip each is the frame at one moment.
export default function ({ data, parentElement, setTriggerValue }) {
  const wall = remember(parentElement, () => new Wall(parentElement));
  wall.send = (index) => setTriggerValue("pick", index);
  wall.show(openFrame(data));
  return () => wall.close();
}

const PROFILE = 20; // height of the profile under a picture in CSS pixels

class Wall extends Tiles {
  constructor(parent) {
    super(parent);
    this.shared = new SharedMoment((at) => this.look(at));
  }

  close() {
    super.close();
    this.shared.close();
  }

  // frame.moving: { start, stop, frames, moment } of a clip, whose pixels are those of all frames, picture by picture.
  show(frame) {
    this.index = frame.moving ? frameAt(frame.moving, this.shared.given(frame.moving.moment)) : 0;
    super.show(frame);
  }

  look(at) {
    if (!this.frame?.moving) return;
    const index = frameAt(this.frame.moving, at);
    if (index === this.index) return;
    this.index = index;
    this.cut();
    for (const tile of this.tiles) paint(tile.canvas, tile.source, this.width, this.frame.fill);
  }

  // The pixels of every picture, at the frame that is shown.
  cut() {
    const { frame } = this;
    const size = frame.width * frame.height * (frame.table ? 1 : 3);
    const each = frame.moving?.frames ?? 1;
    this.tiles.forEach((tile, i) => {
      const first = (i * each + this.index) * size;
      tile.source = pixelCanvas(frame.pixels.subarray(first, first + size), frame.width, frame.height, frame.table);
    });
  }

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
    this.width = width;
    if (frame !== this.laid) this.cut();
    this.tiles.forEach((tile, i) => {
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
