// The chart of a brand's page, made easier for those who have script: one stop for the Tab key and arrows from bar to
// bar, the value of the bar under the pointer or the focus, and times in the reader's own zone. Without script each bar
// is a link with its value as its name, and times are UTC.
const main = document.getElementById("content");
const HOUR_MS = 3600000;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const inUtc = new Date().getTimezoneOffset() === 0;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en", { weekday: "short", day: "numeric" });
const full = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });

function show(bar) {
  const value = document.getElementById("chart-value");
  value.hidden = false;
  value.textContent = bar.getAttribute("aria-label");
}

function rove(bars, to) {
  for (const bar of bars) bar.setAttribute("tabindex", bar === to ? "0" : "-1");
}

function move(event, bars) {
  const place = bars.indexOf(event.target.closest("a"));
  const to = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: bars.length - 1 }[event.key];
  if (place < 0 || to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const bar = bars[Math.max(0, Math.min(bars.length - 1, to))];
  rove(bars, bar);
  bar.focus();
}

// The axis in the reader's zone: days begin where theirs do.
function axis(times) {
  const start = Date.parse(times.dataset.start);
  const end = Date.parse(times.dataset.end);
  const hours = (end - start) / HOUR_MS;
  const step = hours > 100 ? 24 : hours > 30 ? 12 : 6;
  const at = new Date(start);
  at.setMinutes(0, 0, 0);
  const ticks = [];
  for (; at.getTime() < end; at.setHours(at.getHours() + 1)) {
    const place = (100 * (at.getTime() - start)) / (end - start);
    if (place < 0 || place > 92 || at.getHours() % step !== 0) continue;
    const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
    text.setAttribute("x", `${place.toFixed(3)}%`);
    text.setAttribute("y", "1.1em");
    text.textContent = at.getHours() === 0 ? day.format(at) : clock.format(at);
    ticks.push(text);
  }
  times.replaceChildren(...ticks);
  document.getElementById("zone").textContent = `The axis and times of events are yours (${zone}); bars are hours of UTC.`;
}

function localise() {
  if (inUtc) return;
  const times = main.querySelector("svg.times");
  if (times !== null) axis(times);
  for (const time of main.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.textContent; // what the service says, in UTC
    time.textContent = full.format(at);
  }
}

function prepare() {
  localise();
  const plot = main.querySelector("svg.plot");
  if (plot === null) return;
  const bars = [...plot.querySelectorAll("a.slot")];
  rove(bars, bars.find((bar) => bar.contains(document.activeElement)) ?? plot.querySelector("a[aria-current]") ?? bars.at(-1));
  plot.addEventListener("keydown", (event) => move(event, bars));
  for (const kind of ["focusin", "pointerover"]) {
    plot.addEventListener(kind, (event) => {
      const link = event.target.closest("a");
      if (link !== null) show(link);
    });
  }
}

prepare();
document.addEventListener("replaced", prepare);
// A link to a section of the same page moves the focus there, too, so that the next Tab goes on from it.
if (location.hash === "#then" || location.hash === "#story") document.getElementById(location.hash.slice(1))?.focus();
