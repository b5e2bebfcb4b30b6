// The moment of a clip, which all that shows the clip on a page shares, in seconds of the clip.
const MOMENT = "perceiver-moment";

function tellMoment(from, at) {
  document.dispatchEvent(new CustomEvent(MOMENT, { detail: { from, at } }));
}

// Calls `react` with the moments that others tell. Returns what ends it.
function hearMoment(self, react) {
  const listener = ({ detail }) => detail.from !== self && react(detail.at);
  document.addEventListener(MOMENT, listener);
  return () => document.removeEventListener(MOMENT, listener);
}

// The number of the frame that is shown at a moment; frames share the window { start, stop } evenly.
function frameAt({ start, stop, frames }, at) {
  return Math.max(0, Math.min(frames - 1, Math.floor(((at - start) / (stop - start)) * frames)));
}
