// One cloud in the colours of several maps, side by side; one may be chosen, and turning one turns all.
export default function ({ data, parentElement, setTriggerValue }) {
  const row = remember(parentElement, () => new CloudRow(parentElement));
  row.send = (index) => setTriggerValue("pick", index);
  row.show(openFrame(data));
  return () => row.close();
}

class CloudRow extends Tiles {
  constructor(parent) {
    super(parent);
    this.root.classList.add("clouds");
    this.stage = new Stage(this.root, (context) => this.marks(context));
  }

  close() {
    super.close();
    this.stage.close();
  }

  build(index) {
    const tile = super.build(index);
    new Steering(tile.canvas, tile.node, () => this.stage.camera, {
      spot: (event) => this.stage.spot(event),
      hover() {},
      click() {}, // goes on to the tile, which it chooses
    });
    return tile;
  }

  marks(context) {
    if (this.frame.pick !== null) this.stage.ring(context, this.frame.pick, 1.5);
  }

  fit(room) {
    return Math.floor(Math.min(room, this.frame.limit));
  }

  draw(width) {
    if (this.frame !== this.laid) this.stage.show(this.frame, this.tiles.map(({ canvas }) => canvas));
    this.stage.resize(width);
  }

  key(event) {
    const zooms = { "+": 1.25, "=": 1.25, "-": 0.8 };
    const { camera } = this.stage;
    if (zooms[event.key]) camera.zoom(zooms[event.key], camera.now.target);
    else if (event.key === "0") camera.reset();
    else {
      super.key(event);
      return;
    }
    event.preventDefault();
  }
}
