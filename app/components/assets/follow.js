// Tells the page of a stroke while it is drawn: at most one message is under way, of several the last one counts, and
// the end of the stroke is always told. `echo.js` says when the page has shown what a message has changed, and takes the
// messages of strokes that are drawn, so that only its part of the page is run; without it `send` takes them all.
const PACE = 50; // least milliseconds between two messages of a stroke
const LOST = 3000; // milliseconds after which a message that nothing has answered is taken for lost

class Following {
  constructor() {
    this.send = () => {};
    this.key = ""; // of the component, for the page
    this.serial = 0; // of the last message; later ones have larger ones
    this.waiting = null; // the serial of the message under way
    this.last = 0; // when it was sent
    this.next = null; // makes the message that is to be sent
    this.heard = ({ detail }) => this.free(detail);
    window.addEventListener("perceiver-stroke", this.heard);
  }

  close() {
    window.removeEventListener("perceiver-stroke", this.heard);
    clearTimeout(this.timer);
  }

  // The stroke has gone on.
  moved(make) {
    this.next = make;
    this.go();
  }

  // The stroke has ended. The next one need not wait until that is shown.
  ended(message) {
    this.next = null;
    this.post({ ...message, live: false });
    this.waiting = null;
  }

  go() {
    clearTimeout(this.timer);
    if (!this.next) return;
    const rest = this.last + (this.waiting === null ? PACE : LOST) - performance.now();
    if (rest > 0) {
      this.timer = setTimeout(() => this.go(), rest);
      return;
    }
    const make = this.next;
    this.next = null;
    this.post({ ...make(), live: true });
  }

  post(message) {
    this.last = performance.now();
    this.serial = this.waiting = Math.max(this.serial + 1, Math.round(performance.timeOrigin + this.last));
    const told = { ...message, of: this.key, serial: this.serial };
    const taken = message.live && !window.dispatchEvent(new CustomEvent("perceiver-live", { detail: told, cancelable: true }));
    if (!taken) this.send(told);
  }

  free(serial) {
    if (serial !== this.waiting) return;
    this.waiting = null;
    this.go();
  }
}
