// Copies the page's address, which holds the whole view. Where the browser keeps the clipboard shut (plain http on
// another machine), it is shown to be copied by hand.
export default function ({ parentElement }) {
  const button = parentElement.querySelector(".link");
  const words = button.querySelector(".words");
  button.onclick = async () => {
    const address = window.location.href;
    try {
      await navigator.clipboard.writeText(address);
      words.textContent = "Link copied";
    } catch {
      window.prompt("Copy this link", address);
    }
    setTimeout(() => (words.textContent = "Copy link"), 2000);
  };
}
