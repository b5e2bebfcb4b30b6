// Tells once that this place comes into the window; until then it stands for what is drawn there.
export default function ({ data, parentElement, setTriggerValue }) {
  const place = parentElement.querySelector(".place");
  place.setAttribute("aria-label", data.label);
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    setTriggerValue("seen", true);
  });
  observer.observe(place);
  return () => observer.disconnect();
}
