// Keeps a brand's page current: when the service tells of a new summary, the page is fetched again and its content
// replaced. Without script or connection the page is as it was when it was loaded. All markup comes from the server.
const PAUSE_MS = 2000;
const main = document.getElementById("content");
const brand = main.querySelector("[data-brand]").dataset.brand;
let running = false;
let again = false;

async function refresh() {
  if (running || document.hidden) {
    again = true;
    return;
  }
  running = true;
  again = false;
  try {
    const response = await fetch(location.href, { cache: "no-cache" });
    if (response.ok) {
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("content");
      const open = main.querySelector("details")?.open ?? false;
      main.replaceChildren(...fresh.childNodes);
      const details = main.querySelector("details");
      if (details) details.open = open;
    }
  } catch {
    again = true;
  }
  setTimeout(() => {
    running = false;
    if (again) refresh();
  }, PAUSE_MS);
}

const events = new EventSource(`/v1/events?brand=${encodeURIComponent(brand)}`);
events.addEventListener("summary", refresh);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && again) refresh();
});
