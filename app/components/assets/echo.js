// Tells those who draw that the page shows their stroke, and tells the page of a stroke while it is drawn; draws nothing.
export default function ({ data, parentElement, setTriggerValue }) {
  const relay = remember(parentElement, () => new Relay());
  relay.send = (message) => setTriggerValue("live", message);
  window.dispatchEvent(new CustomEvent("perceiver-stroke", { detail: openFrame(data).serial }));
  return () => relay.close();
}

class Relay {
  constructor() {
    this.heard = (event) => {
      event.preventDefault();
      this.send(event.detail);
    };
    window.addEventListener("perceiver-live", this.heard);
  }

  close() {
    window.removeEventListener("perceiver-live", this.heard);
  }
}
