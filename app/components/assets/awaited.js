// Tells once that this place comes near the window; until then it stands for what is drawn there.
const NEAR = "300px";

export default function ({ data, parentElement, setTriggerValue }) {
  const place = parentElement.querySelector(".place");
  place.setAttribute("aria-label", data.label);
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      setTriggerValue("near", true);
    },
    { rootMargin: NEAR },
  );
  observer.observe(place);
  return () => observer.disconnect();
}
