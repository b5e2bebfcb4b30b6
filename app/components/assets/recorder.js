// Records the camera with its microphone. The page is told of each recording once it has ended: { type, data }, the
// MIME type and the file in base64. The camera is asked for when the visitor presses the button, and is off again when
// a recording has ended or the component leaves the page.
export default function ({ data, parentElement, setTriggerValue }) {
  const recorder = remember(parentElement, () => new ClipRecorder(parentElement));
  recorder.send = (message) => setTriggerValue("recorded", message);
  recorder.show(openFrame(data));
  return () => recorder.close();
}

// Encoders of VP8 drop most frames where processors are slow. Safari records MP4 only.
const FORMATS = ["video/webm;codecs=vp9,opus", "video/webm", "video/mp4"];
const WANTED = { video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } }, audio: true };
const BITS = 1_500_000; // of the picture, a second
const REFUSALS = {
  NotAllowedError: "The browser does not allow the camera and the microphone. Allow them for this page, then try again.",
  NotFoundError: "No camera was found.",
  NotReadableError: "The camera cannot be read; another program may be using it.",
};

class ClipRecorder {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    Object.assign(this, { video: find("video"), empty: find(".empty"), clock: find(".clock") });
    Object.assign(this, { button: find(".act"), words: find(".says") });
    this.stream = this.recording = this.tick = null;
    this.button.addEventListener("click", () => this.press());
  }

  // frame: { label, seconds, megabytes }
  show(frame) {
    this.frame = frame;
    named(this.video, "img", frame.label);
    if (!this.stream) this.rest();
  }

  close() {
    this.closed = true;
    this.recording?.stop();
    this.release();
  }

  rest(words = null) {
    const able = navigator.mediaDevices && window.MediaRecorder;
    this.empty.hidden = false;
    this.empty.textContent = able
      ? `Records up to ${this.frame.seconds} seconds with sound`
      : "Browsers give the camera only to pages with HTTPS, or of this machine (localhost).";
    this.clock.hidden = true;
    this.button.disabled = !able;
    this.button.textContent = this.taken ? "Record again" : "Record";
    if (words !== null) this.words.textContent = words;
  }

  press() {
    if (this.recording) this.recording.stop();
    else this.begin();
  }

  async begin() {
    this.button.disabled = true;
    this.words.textContent = "Waiting for the camera …";
    let silent = false;
    try {
      this.stream = await navigator.mediaDevices.getUserMedia(WANTED).catch((error) => {
        if (error.name !== "NotFoundError") throw error;
        silent = true; // a camera without a microphone
        return navigator.mediaDevices.getUserMedia({ ...WANTED, audio: false });
      });
    } catch (error) {
      this.rest(REFUSALS[error.name] ?? `The camera did not start (${error.name}).`);
      return;
    }
    if (this.closed) {
      this.release();
      return;
    }
    this.video.srcObject = this.stream;
    await this.video.play().catch(() => {});
    this.record(silent);
  }

  record(silent) {
    const type = FORMATS.find((one) => MediaRecorder.isTypeSupported(one));
    const parts = [];
    this.recording = new MediaRecorder(this.stream, { mimeType: type, videoBitsPerSecond: BITS });
    this.recording.addEventListener("dataavailable", (event) => parts.push(event.data));
    this.recording.addEventListener("stop", () => this.ended(new Blob(parts, { type: type.split(";")[0] })));
    this.recording.start();
    const began = performance.now();
    const count = () => {
      const spent = (performance.now() - began) / 1000;
      this.clock.textContent = `${Math.min(spent, this.frame.seconds).toFixed(1)} s`;
      if (spent >= this.frame.seconds && this.recording?.state === "recording") this.recording.stop();
    };
    this.tick = setInterval(count, 100);
    count();
    this.empty.hidden = true;
    this.clock.hidden = false;
    this.button.disabled = false;
    this.button.textContent = "Stop";
    this.words.textContent = silent ? "Recording without sound: no microphone was found." : "Recording";
  }

  ended(blob) {
    this.recording = null;
    this.release();
    if (this.closed) return;
    this.taken = true;
    const tooLarge = blob.size > 1e6 * this.frame.megabytes;
    this.rest(tooLarge ? `The recording is larger than ${this.frame.megabytes} MB; make a shorter one.` : "");
    if (tooLarge || !blob.size) return;
    const reader = new FileReader();
    reader.addEventListener("load", () => this.send({ type: blob.type, data: reader.result.split(",")[1] }));
    reader.readAsDataURL(blob);
  }

  release() {
    clearInterval(this.tick);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = this.video.srcObject = null;
  }
}
