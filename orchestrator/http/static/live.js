// Keeps an open page current: when the service tells of a new summary, the page is fetched again and its content
// replaced. Without script or connection the page is as it was when it was loaded. All markup comes from the server.
const PAUSE_MS = 3000;
const main = document.getElementById("content");
const brand = main.querySelector("[data-brand]")?.dataset.brand;
let running = false;
let again = false;

function busy() {
  return running || document.hidden || document.activeElement?.matches("input");
}

function replaceContent(page) {
  const fresh = new DOMParser().parseFromString(page, "text/html").getElementById("content");
  const open = main.querySelector("details")?.open ?? false;
  const focused = main.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  main.replaceChildren(...fresh.childNodes);
  const details = main.querySelector("details");
  if (details) details.open = open;
  if (focused) [...main.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
}

async function refresh() {
  if (busy()) {
    again = true;
    return;
  }
  running = true;
  again = false;
  try {
    const response = await fetch(location.href, { cache: "no-cache" });
    if (response.ok) replaceContent(await response.text());
  } catch {
    again = true;
  }
  setTimeout(() => {
    running = false;
    if (again) refresh();
  }, PAUSE_MS);
}

function refreshIfMissed() {
  if (again) refresh();
}

const query = brand === undefined ? "" : `?brand=${encodeURIComponent(brand)}`;
// Beside this file's own address, since the service may stand under a path.
new EventSource(new URL(`../v1/events${query}`, import.meta.url)).addEventListener("summary", refresh);
document.addEventListener("visibilitychange", refreshIfMissed);
document.addEventListener("focusout", () => setTimeout(refreshIfMissed));
