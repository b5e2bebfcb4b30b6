// Tells those who draw that the page shows their stroke, and tells the page of a stroke while it is drawn; draws nothing.
export default function ({ data, setTriggerValue }) {
  const heard = (event) => {
    event.preventDefault();
    setTriggerValue("live", event.detail);
  };
  window.addEventListener("perceiver-live", heard);
  window.dispatchEvent(new CustomEvent("perceiver-stroke", { detail: openFrame(data).serial }));
  return () => window.removeEventListener("perceiver-live", heard);
}
