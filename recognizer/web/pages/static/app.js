// Small things every page has: copy buttons, menus that close, forms sent once, saying aloud.
"use strict";

// An answer to a form that was refused: «back» comes to an address, not to the browser's own page.
const sent = document.querySelector("[data-history]");
if (sent) history.replaceState(null, "", sent.dataset.history);

function say(text) {
  const place = document.getElementById("say");
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = text; });
}

// Private windows and full disks refuse storage: then nothing is remembered.
function remember(name, value) { try { localStorage.setItem(name, value); } catch { /* refused */ } }
function remembered(name) { try { return localStorage.getItem(name); } catch { return null; } }

function typing(event) {
  const field = event.target.closest("input, select, textarea, [contenteditable]");
  return field !== null && !["checkbox", "radio", "button", "submit"].includes(field.type);
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Over plain HTTP browsers give no clipboard: select the text and use the old command.
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    await copyText(document.getElementById(button.dataset.copy).textContent);
    const label = button.querySelector("span");
    const before = label.textContent;
    label.textContent = "Скопировано";
    say("Скопировано");
    setTimeout(() => { label.textContent = before; }, 1500);
  }
  for (const menu of document.querySelectorAll("details.who[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = document.querySelector("details.who[open]");
  if (event.key === "Escape" && menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// A second click on a slow line must not send the same correction twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const button = form.querySelector("[data-busy]");
  if (button) { button.textContent = button.dataset.busy; say(button.dataset.busy); }
  if (form.method !== "post") return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// What was just decided can be taken back: for ten seconds here, later on the call's own page.
const undo = document.querySelector("[data-undo]");
if (undo) {
  const gone = undo.dataset.undo ? 0 : setTimeout(() => undo.remove(), 10_000);
  document.addEventListener("keydown", (event) => {
    if (typing(event) || event.code !== "KeyZ" || !(event.ctrlKey || event.metaKey)) return;
    if (!undo.isConnected) return;
    event.preventDefault();
    clearTimeout(gone);
    undo.requestSubmit();
  });
}

// What browsers write of a file, of a day and of an empty field is in their own language, not ours.
document.addEventListener("change", (event) => {
  const name = event.target.matches("[data-file]") && event.target.parentElement.querySelector("[data-file-name]");
  if (name) name.textContent = event.target.files[0]?.name ?? "Файл не выбран";
});

for (const button of document.querySelectorAll("[data-pick-day]")) {
  const typed = button.parentElement.querySelector("[data-day]");
  const picked = button.nextElementSibling;
  button.hidden = !picked.showPicker;
  button.addEventListener("click", () => picked.showPicker());
  picked.addEventListener("change", () => {
    typed.value = picked.value.split("-").reverse().join(".");
  });
}

function complaint(field) {
  const { valueMissing, tooShort } = field.validity;
  if (field.matches("[data-day]")) return "День пишется так: 27.11.2026.";
  if (valueMissing && field.type === "file") return "Выберите файл.";
  if (valueMissing && ["checkbox", "radio"].includes(field.type)) return "Отметьте, чтобы продолжить.";
  if (valueMissing) return "Заполните это поле.";
  return tooShort ? `Нужно не меньше ${field.minLength} знаков.` : "Проверьте, что здесь введено.";
}
document.addEventListener("invalid", (event) => {
  const field = event.target;
  field.setCustomValidity("");
  if (!field.validity.valid) field.setCustomValidity(complaint(field));
  const clear = () => field.setCustomValidity("");
  for (const kind of ["input", "change"]) field.addEventListener(kind, clear, { once: true });
}, true);

// Filters apply themselves; the button is for those without scripts.
for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", () => form.requestSubmit());
}
