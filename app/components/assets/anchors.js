// Tells the anchor that an address jumps to, where it names a section that is not on the page yet, and scrolls there.
// Draws nothing.
export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.getRootNode().host ?? parentElement;
  const jump = (hash) => {
    const anchor = decodeURIComponent(hash.slice(1));
    if (!data.anchors.includes(anchor)) return;
    // The address names the section itself from here on.
    history.replaceState(history.state, "", location.pathname + location.search);
    setTriggerValue("anchor", anchor);
    scrollTo(host.parentElement);
  };
  if (!jumped) {
    jumped = true;
    // The app may have written its address since, without the anchor.
    const opened = new URL(performance.getEntriesByType("navigation")[0]?.name ?? location.href);
    if (opened.pathname === location.pathname) jump(opened.hash);
  }
  const changed = () => jump(location.hash);
  window.addEventListener("hashchange", changed);
  return () => window.removeEventListener("hashchange", changed);
}

// Whether the anchor that the page was opened with has been looked at.
let jumped = false;

// Milliseconds: the page grows while the section is drawn, and until then may be too short to scroll that far.
const WHILE = 4000;

// Scrolls to a place until the page has settled, or the visitor does something.
function scrollTo(place) {
  const timer = setInterval(() => place.scrollIntoView({ block: "start" }), 200);
  const stop = () => clearInterval(timer);
  setTimeout(stop, WHILE);
  for (const event of ["wheel", "touchstart", "pointerdown", "keydown"]) {
    window.addEventListener(event, stop, { once: true, passive: true });
  }
}
