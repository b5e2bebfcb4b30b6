// One camera for all clouds of the page: whoever turns one of them turns them all. Lengths are in units of the
// cloud's reach, so that clouds of any size are seen alike.
const CAMERA = "perceiver-camera";
const NEAREST = 40;
const FARTHEST = 0.5;

class Camera {
  // look: { azimuth, elevation } in degrees, where it starts; up: 0, 1 or 2, the axis that points upwards.
  constructor({ azimuth, elevation }, up) {
    this.start = { azimuth, elevation, zoom: 1, target: [0, 0, 0] };
    this.now = window[CAMERA] ??= structuredClone(this.start); // shared by all components, whichever comes first
    this.up = up;
  }

  // The directions to the right, upwards and towards the eye: right-handed, so that nothing is mirrored.
  axes() {
    const turn = (this.now.azimuth * Math.PI) / 180;
    const tilt = (this.now.elevation * Math.PI) / 180;
    const along = (first, second, third) => {
      const axis = [0, 0, 0];
      axis[(this.up + 1) % 3] = first;
      axis[(this.up + 2) % 3] = second;
      axis[this.up] = third;
      return axis;
    };
    const [c, s] = [Math.cos(turn), Math.sin(turn)];
    return {
      right: along(-s, c, 0),
      upward: along(-Math.sin(tilt) * c, -Math.sin(tilt) * s, Math.cos(tilt)),
      towards: along(Math.cos(tilt) * c, Math.cos(tilt) * s, Math.sin(tilt)),
    };
  }

  turn(across, down) {
    const { azimuth, elevation } = this.now;
    this.move({ azimuth: azimuth - across, elevation: Math.max(-90, Math.min(90, elevation + down)) });
  }

  pan(across, down) {
    const { right, upward } = this.axes();
    this.move({ target: this.now.target.map((place, i) => place - across * right[i] + down * upward[i]) });
  }

  // Keeps `spot` where it is on the screen.
  zoom(factor, spot) {
    const zoom = Math.max(FARTHEST, Math.min(NEAREST, this.now.zoom * factor));
    const share = 1 - this.now.zoom / zoom;
    this.move({ zoom, target: this.now.target.map((place, i) => place + share * (spot[i] - place)) });
  }

  reset() {
    this.move(structuredClone(this.start));
  }

  get moved() {
    const { now, start } = this;
    return ["azimuth", "elevation", "zoom"].some((name) => now[name] !== start[name]) || now.target.some(Boolean);
  }

  move(change) {
    Object.assign(this.now, change);
    // The cloud stays in sight, and comes back to the middle as one zooms out.
    const room = Math.max(0, 1.2 * (1 - 1 / this.now.zoom));
    const far = Math.hypot(...this.now.target);
    if (far > room) this.now.target = this.now.target.map((place) => (place * room) / far);
    window.dispatchEvent(new Event(CAMERA));
  }
}

// Turns a camera by what happens on `node`: drag turns, with Shift or two fingers it moves; the wheel or a pinch zooms,
// but the wheel only while `focus` has the focus or with Ctrl, for the page has to scroll as well.
// over: { spot(event), hover(event or null), click(event) }; spot gives the place in space under the pointer.
class Steering {
  constructor(node, focus, camera, over) {
    Object.assign(this, { node, focus, camera, over });
    this.fingers = new Map();
    this.dragged = false;
    node.addEventListener("pointerdown", (event) => this.down(event));
    node.addEventListener("pointermove", (event) => this.moved(event));
    for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, (event) => this.up(event));
    node.addEventListener("pointerleave", () => over.hover(null));
    node.addEventListener("click", (event) => (this.dragged ? event.stopPropagation() : over.click(event)));
    node.addEventListener("dblclick", () => this.camera().reset());
    node.addEventListener("contextmenu", (event) => this.dragged && event.preventDefault());
    node.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  down(event) {
    if (this.fingers.size === 0) this.dragged = false;
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    this.origin = [event.clientX, event.clientY];
    this.node.setPointerCapture(event.pointerId);
  }

  moved(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) {
      this.over.hover(event);
      return;
    }
    if (!this.dragged && this.fingers.size === 1) {
      if (Math.hypot(event.clientX - this.origin[0], event.clientY - this.origin[1]) < 4) return;
      this.over.hover(null);
    }
    this.dragged = true;
    const here = [event.clientX, event.clientY];
    const others = [...this.fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    this.fingers.set(event.pointerId, here);
    const size = this.node.clientWidth;
    const across = (here[0] - before[0]) / size;
    const down = (here[1] - before[1]) / size;
    const camera = this.camera();
    const span = 2 / camera.now.zoom; // of the view, in units of the reach
    if (others.length) {
      const [distance, was] = [here, before].map(([x, y]) => Math.hypot(x - others[0][0], y - others[0][1]));
      camera.pan((across / 2) * span, (down / 2) * span);
      if (was > 0) camera.zoom(distance / was, this.over.spot(event));
    } else if (event.shiftKey || event.buttons > 1) camera.pan(across * span, down * span);
    // Until the cloud is chosen, a finger that goes up or down is about to scroll the page.
    else camera.turn(200 * across, event.pointerType === "touch" && !this.focus.matches(":focus") ? 0 : 200 * down);
  }

  up(event) {
    this.fingers.delete(event.pointerId);
  }

  wheel(event) {
    if (!event.ctrlKey && !this.focus.matches(":focus")) return;
    event.preventDefault();
    const lines = event.deltaMode ? 16 : 1;
    this.camera().zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), this.over.spot(event));
  }
}
