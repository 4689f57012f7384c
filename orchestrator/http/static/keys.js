// Keyboard shortcuts: single keys that press what is on the page anyway, listed by "?".
//
// A key that is typed somewhere is no shortcut, nor is one with Ctrl, Alt or Meta, which belong to browsers and screen
// readers. A checkbox takes no letters: who has just ticked one, or closed the list by Escape (until the next frame the
// focus is still on its checkbox), types nowhere. They can be turned off, for who speaks to the machine or presses keys
// by mistake (WCAG 2.1.4); the button that lists them stays. Without script none of it is there.
const KEPT = "shortcuts";

const dialog = document.getElementById("keys");
const opener = document.getElementById("keys-open");
const wanted = document.getElementById("keys-wanted");

function kept() {
  try {
    return localStorage.getItem(KEPT) !== "off";
  } catch {
    return true; // a browser that keeps nothing
  }
}

function keep(on) {
  try {
    localStorage.setItem(KEPT, on ? "on" : "off");
  } catch {
    // for this page alone, then
  }
}

function typing(target) {
  return dialog.open || target?.closest?.("input:not([type=checkbox]), select, textarea, [contenteditable]") !== null;
}

function press(key) {
  if (key === "?") {
    dialog.showModal();
    return true;
  }
  const found = document.querySelector(`[data-shortcut="${CSS.escape(key)}"]`);
  if (found === null) return false;
  if (found.matches("input")) {
    found.focus();
    found.select();
  } else if (found.matches("select")) found.dispatchEvent(new Event("shortcut"));
  else found.click();
  return true;
}

opener.hidden = false;
wanted.checked = kept();
opener.addEventListener("click", () => dialog.showModal());
wanted.addEventListener("change", () => keep(wanted.checked));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing || event.defaultPrevented) return;
  if (!wanted.checked || typing(event.target)) return;
  if (press(event.key)) event.preventDefault();
});
