// Keeps an open page current, and says how current it is. When the service tells of something new, or after a while,
// the page is fetched again and its content replaced. Without script the page is as it was when it was loaded. All
// markup comes from the server.
//
// Who reads may choose another pace: every 10 s or 60 s, or not at all. The choice is kept in the browser.
//
// An EventSource ends for good at the first answer that is not 200, a proxy's 502 among them. So a new one is made here
// after each end, later and later.
const PAUSE_MS = 3000; // between two looks at the page
const SILENT_MS = 20000; // four beats: who is silent for so long is gone, whatever the connection says
const CURRENT_MS = 2 * PAUSE_MS + 2000;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 30000;
const KEPT = "refresh";
const PACES = ["live", "10", "60", "paused"];

const main = document.getElementById("content");
const line = document.getElementById("live");
const said = document.getElementById("live-said");
const brand = main.querySelector("[data-brand]")?.dataset.brand;
const ownEveryMs = 1000 * Number(main.querySelector("[data-every]")?.dataset.every ?? 0);
const broken = main.querySelector("[data-broken]") !== null;
const select = document.getElementById("refresh");

let running = false;
let again = false;
let source = null;
let retryMs = FIRST_RETRY_MS;
let retry = null;
let heardMs = performance.now(); // the last sign of a service that serves, at first this page itself
let currentMs = heardMs; // when the content was known to be what the service would say
let fetchedMs = heardMs; // when the content was asked for: what no event tells of is only seen then
let told = "";
let pace = broken ? "live" : kept(); // an error page heals by itself, whatever was chosen
let everyMs = ownEveryMs; // 0: only when something is told
let trouble = broken ? "not available" : ""; // why nothing is heard

function kept() {
  try {
    const found = localStorage.getItem(KEPT);
    return PACES.includes(found) ? found : "live";
  } catch {
    return "live"; // a browser that keeps nothing
  }
}

function age(sinceMs) {
  const seconds = Math.max(0, Math.round((performance.now() - sinceMs) / 1000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function tell() {
  line.hidden = false;
  if (pace !== "live") {
    const late = everyMs > 0 && performance.now() - currentMs > everyMs + CURRENT_MS;
    line.classList.toggle("lost", late);
    if (pace === "paused") line.textContent = `paused, ${age(currentMs)} old`;
    else line.textContent = late ? `no answer for ${age(currentMs)}` : `every ${pace} s, ${age(currentMs)} ago`;
    return;
  }
  // A page that is fetched again and again is current without the feed.
  const shown = everyMs && performance.now() - currentMs < CURRENT_MS ? "" : trouble;
  line.classList.toggle("lost", shown !== "");
  line.textContent = shown ? `${shown} for ${age(currentMs)}` : `live, ${age(currentMs)} ago`;
  if (shown === told) return; // to screen readers once, not each second
  said.textContent = shown ? `This page is not current: ${shown}.` : "This page is live again.";
  told = shown;
}

function alive(status) {
  heardMs = performance.now();
  const serving = status === "ok" || status === "degraded";
  const before = trouble;
  trouble = serving ? "" : `service ${status}`;
  if (serving && before) refresh(); // something may have been missed
  else if (serving && !again && !everyMs) currentMs = heardMs; // else there may be news that nobody tells of
  tell();
}

function typing() {
  const focused = document.activeElement;
  return main.contains(focused) && focused.matches("input:not([type=checkbox]), select, textarea");
}

function busy() {
  return running || document.hidden || typing();
}

// What an element is known by across two versions of the page.
function key(element) {
  return element?.dataset.key || element?.id || element?.getAttribute("href") || null;
}

function replaceContent(page) {
  const fresh = new DOMParser().parseFromString(page, "text/html");
  const open = new Set([...main.querySelectorAll("details")].filter((each) => each.open).map((each) => each.id));
  const focused = main.contains(document.activeElement) ? key(document.activeElement) : null;
  const ticked = new Set([...main.querySelectorAll("input[type=checkbox]:checked")].map(key));
  const scrolled = [...main.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
  main.replaceChildren(...fresh.getElementById("content").childNodes);
  document.title = fresh.title;
  for (const each of main.querySelectorAll("details")) each.open = open.has(each.id);
  for (const each of main.querySelectorAll("input[type=checkbox]")) each.checked = ticked.has(key(each));
  main.querySelectorAll(".scroll").forEach((each, place) => (each.scrollLeft = scrolled[place] ?? 0));
  document.dispatchEvent(new Event("replaced"));
  if (focused) [...main.querySelectorAll("a, button, input, summary, [tabindex]")].find((each) => key(each) === focused)?.focus();
}

async function refresh() {
  if (pace === "paused") return;
  if (busy()) {
    again = true;
    return;
  }
  running = true;
  again = false;
  const askedMs = performance.now();
  try {
    const response = await fetch(location.href, { cache: "no-cache" });
    if (response.ok) {
      if (broken) location.reload();
      const page = await response.text();
      if (typing()) {
        again = true; // somebody began to while it was fetched
      } else {
        replaceContent(page);
        currentMs = fetchedMs = askedMs;
      }
    } else {
      again = true;
    }
  } catch {
    again = true;
  }
  tell();
  setTimeout(() => {
    running = false;
    if (again) refresh();
  }, PAUSE_MS);
}

function refreshIfMissed() {
  if (again) refresh();
  if (pace === "live" && !document.hidden && source === null && retry !== null) connect();
}

function lost(reason) {
  if (!trouble) trouble = reason;
  source?.close();
  source = null;
  clearTimeout(retry);
  // Spread, so that all pages that lost a service do not come back to it in the same moment.
  retry = setTimeout(connect, retryMs * (0.5 + Math.random() / 2));
  retryMs = Math.min(LAST_RETRY_MS, 2 * retryMs);
  tell();
}

function connect() {
  clearTimeout(retry);
  retry = null;
  const query = brand === undefined ? "" : `?brand=${encodeURIComponent(brand)}`;
  heardMs = performance.now();
  // Beside this file's own address, since the service may stand under a path.
  source = new EventSource(new URL(`../v1/events${query}`, import.meta.url));
  source.addEventListener("beat", (event) => {
    retryMs = FIRST_RETRY_MS;
    alive(JSON.parse(event.data).status);
  });
  source.addEventListener("summary", () => {
    again = true;
    alive("ok");
    refresh();
  });
  source.addEventListener("error", () => lost("no connection"));
}

function leaveFeed() {
  source?.close();
  source = null;
  clearTimeout(retry);
  retry = null;
}

function go(chosen) {
  pace = select.value = chosen;
  everyMs = { live: ownEveryMs, paused: 0 }[chosen] ?? 1000 * Number(chosen);
  if (chosen === "live") {
    if (source === null) connect();
    again = true; // what was told meanwhile nobody has heard
    refresh();
  } else {
    leaveFeed();
    trouble = "";
  }
  tell();
}

function choose(chosen) {
  try {
    localStorage.setItem(KEPT, chosen);
  } catch {
    // for this page alone, then
  }
  go(chosen);
  said.textContent = chosen === "paused" ? "Refresh is paused." : `Refresh: ${select.selectedOptions[0].text}.`;
}

setInterval(() => {
  if (source !== null && performance.now() - heardMs > SILENT_MS) lost("no connection");
  if (broken || (everyMs && (trouble || performance.now() - fetchedMs > everyMs))) refresh();
  tell();
}, 1000);
document.addEventListener("visibilitychange", refreshIfMissed);
document.addEventListener("focusout", () => setTimeout(refreshIfMissed));
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => event.persisted && pace === "live" && lost("no connection"));
if (!broken) document.getElementById("refreshing").hidden = false;
select.addEventListener("change", () => choose(select.value));
select.addEventListener("shortcut", () => choose(pace === "paused" ? "live" : "paused"));
if (pace === "live") connect();
else go(pace);
