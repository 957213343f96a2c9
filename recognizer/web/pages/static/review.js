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
  else if ((event.code === "Slash" || event.code === "KeyF") && filter) { event.preventDefault(); filter.focus(); }
});
