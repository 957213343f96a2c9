// The queue by keyboard. Keys are positions (event.code), so they work in any layout.
"use strict";

const filter = document.querySelector("[data-outcome-filter]");
const outcomes = [...document.querySelectorAll("[data-outcome]")];
const outcomeGroups = [...document.querySelectorAll("[data-outcome-group]")];

function matchingOutcomes() {
  const wanted = filter.value.trim().toLowerCase().replaceAll("ё", "е");
  return outcomes.filter((item) => item.textContent.toLowerCase().replaceAll("ё", "е").includes(wanted));
}

if (filter) {
  filter.addEventListener("input", () => {
    const shown = new Set(matchingOutcomes());
    for (const item of outcomes) item.hidden = !shown.has(item);
    for (const group of outcomeGroups) group.hidden = !group.querySelector("[data-outcome]:not([hidden])");
    say(`Подходит: ${shown.size}`);
  });
  filter.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      if (filter.value.trim()) matchingOutcomes()[0]?.click();
    } else if (event.key === "Escape") {
      filter.value = "";
      filter.dispatchEvent(new Event("input"));
      filter.blur();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      matchingOutcomes()[0]?.focus();
    }
  });
}

// The second press of a double one lands on the next call: nobody has seen that yet.
const shownAt = performance.now();
const SETTLE_MS = 500;
let armedAt = -Infinity;

function isHeard() { return document.querySelector("[data-heard]")?.value === "yes"; }

// A mark is for ever: it needs a recording that was played, or a second press that is no bounce.
function mayMark(button) {
  const sure = button.form.querySelector("[data-sure]");
  if (!button.dataset.marks || isHeard()) return true;
  if (sure.value === button.dataset.marks) return performance.now() - armedAt > SETTLE_MS;
  for (const other of document.querySelectorAll(".armed")) other.classList.remove("armed");
  for (const field of document.querySelectorAll("[data-sure]")) field.value = "";
  sure.value = button.dataset.marks;
  armedAt = performance.now();
  button.classList.add("armed");
  say("Это поставит отметку «Некорректный контакт». Послушайте фразу, P, или нажмите ещё раз.");
  return false;
}

if (document.querySelector("[data-in-queue]")) {
  document.addEventListener("submit", (event) => {
    if (!event.target.querySelector("[data-heard]")) return;
    const button = event.submitter;
    if (performance.now() - shownAt < SETTLE_MS || (button && !mayMark(button))) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);
}

document.addEventListener("keydown", (event) => {
  if (typing(event) || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const press = (selector) => {
    const found = document.querySelector(selector);
    if (!found) return;
    event.preventDefault();
    found.click();
  };
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  if (digit) press(`[data-key="${digit[1]}"]`);
  else if (event.code === "Enter" && !event.target.closest("button, a, summary, .wave")) press("[data-accept]");
  else if (event.code === "KeyJ" || event.code === "KeyN") press("[data-next]");
  else if (event.code === "KeyK") press("[data-previous]");
  else if (event.code === "KeyL") press("[data-list]");
  else if (event.code === "KeyA") press("[data-together]");
  else if ((event.code === "Slash" || event.code === "KeyF") && filter) { event.preventDefault(); filter.focus(); }
});
