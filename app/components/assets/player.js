// A clip at one moment: the frame that is shown then and the sound around it, each with its part of a map, and the bar
// of time that moves both. A click or Enter picks an element, a drag selects a region or, where
// the frame has a brush, paints. Playing needs no new frames.
export default function ({ data, parentElement, setTriggerValue }) {
  const player = remember(parentElement, () => new Player(parentElement));
  player.send = setTriggerValue;
  player.show(openFrame(data));
  return () => player.close();
}

const REST = 350; // milliseconds after the last key before the page is told of the moment
const SPEEDS = { 1: ["1×", "Full speed; press for half speed"], 0.5: ["½×", "Half speed; press for full speed"] };

class Player {
  constructor(root) {
    const find = (name) => root.querySelector(`.${name}`);
    Object.assign(this, { frames: find("frames"), sounds: find("sound"), play: find("play"), words: find("moment") });
    Object.assign(this, { time: find("bar-of-time"), speeds: find("speed"), speed: 1 });
    const bar = new ColourBar(root);
    this.picture = new MapView(this.frames, bar);
    // The sound has the colours of the frames, and leaves their bar as it is.
    const same = { root: document.createElement("div"), show: () => {}, point: (shade) => bar.point(shade) };
    this.sound = new MapView(this.sounds, same);
    // One line of words for both, below the bar of time.
    this.sound.readout.line.remove();
    this.sound.readout = this.picture.readout;
    this.words.after(this.picture.readout.line);
    this.shared = new SharedMoment((at) => {
      this.pause();
      this.look(at);
    });
    this.play.addEventListener("click", () => (this.playing ? this.halt() : this.start()));
    this.speeds.addEventListener("click", () => this.turn(this.speed === 1 ? 0.5 : 1));
    this.time.addEventListener("pointerdown", () => this.pause());
    this.time.addEventListener("input", () => this.scrub());
    this.time.addEventListener("keydown", (event) => event.key === " " && (event.preventDefault(), this.play.click()));
    this.turn(1);
  }

  close() {
    this.pause();
    this.shared.close();
    this.picture.close();
    this.sound.close();
  }

  // frame: { start, stop, frames, each, moment, names, picture, sound, rate }, `picture` and `sound` as a MapView takes
  // them; rgb, values and shades hold all frames, samples what is heard.
  show(frame) {
    this.frame = frame;
    this.index = null;
    this.frames.hidden = !frame.picture;
    this.sounds.hidden = !frame.sound;
    this.bar(frame);
    for (const [view, part] of [[this.picture, "video"], [this.sound, "audio"]]) {
      view.send = (at) => this.pick(part, at);
      view.selection.send = (box) => this.select(part, box);
      view.brush.following.send = (message) => this.send("stroke", message);
      view.brush.around = () => ({ part, step: Math.floor(this.index / this.frame.each), moment: this.at });
    }
    if (frame.sound) {
      const { rgb_sound: rgb, values_sound: values, shades_sound: shades, table } = frame;
      this.sound.show({ ...frame.sound, rgb, values, shades, table, bar: null });
    }
    this.time.max = frame.frames - 1;
    this.time.setAttribute("aria-label", frame.label);
    const given = this.shared.given(frame.moment);
    this.look(this.playing || this.waiting ? this.at : given);
    this.read();
  }

  // What lies under the pointer, or at the mark, of the sound or of the frame.
  read() {
    const { picture, sound, frame } = this;
    const heard = frame.sound && (!frame.picture || sound.cursor !== null || frame.sound.pick !== null);
    const view = heard && picture.cursor === null ? sound : picture;
    if (view.frame) view.read(view.cursor);
  }

  // The colours of a map of sound alone.
  bar({ picture, bar, table }) {
    if (!picture) this.picture.bar.show(bar, table);
  }

  look(at) {
    const { frame } = this;
    this.at = Math.max(frame.start, Math.min(frame.stop, at));
    const index = frameAt(frame, this.at);
    if (index !== this.index) this.turnTo(index);
    if (!frame.sound) return;
    this.sound.playhead = (this.at - frame.start) / (frame.stop - frame.start);
    this.sound.drawMarks();
  }

  turnTo(index) {
    const { frame } = this;
    this.time.value = index;
    this.time.setAttribute("aria-valuetext", frame.names[index]);
    this.words.textContent = frame.names[index];
    if (frame.picture) {
      const now = this.cut(index);
      if (this.index === null) this.picture.show({ ...frame.picture, ...now, table: frame.table });
      else this.picture.turn(now);
    }
    this.index = index;
    this.read();
  }

  // What a MapView shows of one frame: its pixels, the values of its elements, and what is marked on it.
  cut(index) {
    const { frame } = this;
    const { width, height, grid, pick, region } = frame.picture;
    const cells = grid.rows.length * grid.columns.length;
    const step = Math.floor(index / frame.each);
    const part = (array, size, at) => array && array.subarray(at * size, (at + 1) * size);
    return {
      rgb: part(frame.rgb, 3 * width * height, index),
      values: part(frame.values, cells, step),
      shades: part(frame.shades, cells, step),
      pick: pick !== null && Math.floor(pick / cells) === step ? pick % cells : null,
      region: region && region.steps[0] <= step && step <= region.steps[1] ? region.box : null,
    };
  }

  pick(part, at) {
    const { frame } = this;
    if (part === "audio" && at >= 0) {
      const count = frame.sound.grid.columns.length;
      this.look(frame.start + ((at + 0.5) / count) * (frame.stop - frame.start));
      this.shared.tell(this.at, true);
    }
    const cells = part === "video" ? frame.picture.grid.rows.length * frame.picture.grid.columns.length : 0;
    const first = Math.floor(this.index / frame.each) * cells;
    this.send("pick", { part, at: at < 0 ? -1 : first + at, moment: this.at });
  }

  select(part, box) {
    this.send("region", { part, step: Math.floor(this.index / this.frame.each), box, moment: this.at });
  }

  scrub() {
    const { start, stop, frames } = this.frame;
    this.look(start + ((Number(this.time.value) + 0.5) / frames) * (stop - start));
    this.keep();
  }

  // Tells the page of the moment, for its link, once it rests.
  keep() {
    this.shared.tell(this.at);
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.waiting = null;
      this.shared.tell(this.at, true);
      this.send("moment", this.at);
    }, REST);
  }

  turn(speed) {
    this.speed = speed;
    const [text, words] = SPEEDS[speed];
    this.speeds.textContent = text;
    this.speeds.setAttribute("aria-label", words);
    this.speeds.title = words;
    if (this.playing) this.start();
  }

  start() {
    this.pause();
    const { start, stop } = this.frame;
    const began = performance.now();
    const from = this.at >= stop - 0.01 ? start : this.at;
    this.hear(from - start);
    const step = (now) => {
      const along = from - start + (Math.max(0, now - began) / 1000) * this.speed;
      this.look(start + (along % (stop - start)));
      this.shared.tell(this.at);
      this.playing = requestAnimationFrame(step);
    };
    this.playing = requestAnimationFrame(step);
    this.pressed(true);
  }

  pause() {
    cancelAnimationFrame(this.playing);
    this.playing = null;
    this.source?.stop();
    this.source = null;
    this.pressed(false);
  }

  halt() {
    this.pause();
    this.keep();
  }

  pressed(on) {
    this.play.setAttribute("aria-pressed", on);
    this.play.setAttribute("aria-label", on ? "Pause" : "Play");
  }

  // The sound of the window from a place on, again and again; without a sound device there is none.
  hear(from) {
    const { samples, rate } = this.frame;
    if (!samples) return;
    try {
      this.speakers ??= new AudioContext();
      const buffer = this.speakers.createBuffer(1, samples.length, rate);
      buffer.copyToChannel(samples, 0);
      this.source = new AudioBufferSourceNode(this.speakers, { buffer, loop: true, playbackRate: this.speed });
      this.source.connect(this.speakers.destination);
      this.source.start(0, from);
    } catch {
      this.source = null;
    }
  }
}
