// Tells those who draw that the page shows their stroke; draws nothing.
export default function ({ data }) {
  window.dispatchEvent(new CustomEvent("perceiver-stroke", { detail: openFrame(data).serial }));
}
