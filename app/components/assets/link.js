// Copies the page's address, which holds the whole view. Where the browser keeps the clipboard shut (plain http on
// another machine), it is shown to be copied by hand.
export default function ({ parentElement }) {
  const button = parentElement.querySelector(".link");
  button.onclick = async () => {
    const address = window.location.href;
    try {
      await navigator.clipboard.writeText(address);
      button.textContent = "Link copied";
    } catch {
      window.prompt("Copy this link", address);
    }
    setTimeout(() => (button.textContent = "Copy link"), 2000);
  };
}
