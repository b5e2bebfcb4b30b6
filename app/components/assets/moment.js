// The moment of a clip, in seconds, which all that shows the clip on a page shares. `react` is called with the moments
// that others tell.
class SharedMoment {
  constructor(react) {
    this.kept = []; // moments that the page is told of and has not given back yet
    this.listener = ({ detail }) => {
      if (detail.from === this) return;
      this.note(detail);
      react(detail.at);
    };
    document.addEventListener("perceiver-moment", this.listener);
  }

  close() {
    document.removeEventListener("perceiver-moment", this.listener);
  }

  // `kept` says that the page is told, so that the moment is in its link.
  tell(at, kept = false) {
    this.note({ at, kept });
    document.dispatchEvent(new CustomEvent("perceiver-moment", { detail: { from: this, at, kept } }));
  }

  note({ at, kept }) {
    this.at = at;
    if (kept) this.kept = [...this.kept.slice(-20), at];
  }

  // What to show when the page gives a moment: it may answer to one that has changed since.
  given(at) {
    const place = this.kept.indexOf(at);
    if (this.at === undefined || place < 0) this.at = at;
    this.kept = this.kept.slice(place + 1);
    return this.at;
  }
}

// The number of the frame that is shown at a moment; frames share the window { start, stop } evenly.
function frameAt({ start, stop, frames }, at) {
  return Math.max(0, Math.min(frames - 1, Math.floor(((at - start) / (stop - start)) * frames)));
}
