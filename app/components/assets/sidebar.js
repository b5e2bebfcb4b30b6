// Keeps the sidebar open or closed as the visitor left it, across reloads. Streamlit opens it on every visit.
const KEY = "perceiver-sidebar";

export default function () {
  const sidebar = document.querySelector('[data-testid="stSidebar"]');
  if (!sidebar || sidebar.dataset.remembered) return;
  sidebar.dataset.remembered = "true";
  const expanded = () => sidebar.dataset.collapsed === "false";
  try {
    const wanted = localStorage.getItem(KEY);
    if (wanted === "closed" && expanded()) {
      sidebar.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
    }
    new MutationObserver(() => localStorage.setItem(KEY, expanded() ? "open" : "closed")).observe(sidebar, {
      attributeFilter: ["data-collapsed"],
    });
  } catch {
    // A browser that keeps no data: the sidebar opens on every visit.
  }
}
