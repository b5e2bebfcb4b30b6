// Tells once that this place comes into the window; until then it stands for what is drawn there.
export default function ({ data, parentElement, setTriggerValue }) {
  const place = parentElement.querySelector(".place");
  const host = place.getRootNode().host ?? place;
  named(place, "img", data.label);
  let due = null;
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    host.setAttribute("aria-busy", "true");
    due = setTimeout(() => setTriggerValue("seen", true), AFTER);
  });
  observer.observe(place);
  return () => {
    observer.disconnect();
    clearTimeout(due);
    host.removeAttribute("aria-busy");
  };
}

// Milliseconds. Whoever scrolls here may press something at once: Streamlit can lose a press whose callback has not run
// when the next message comes.
const AFTER = 250;
