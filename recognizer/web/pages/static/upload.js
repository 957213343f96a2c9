// Recordings dropped or picked go up three at a time; each line says how far it is, and what
// happened if it did not work. What the server sends back is its own escaped HTML.
"use strict";

const form = document.querySelector("[data-upload]");
const zone = document.querySelector("[data-drop]");
const picker = form.querySelector("input[type=file]");
const list = document.querySelector("[data-results]");
const blank = document.getElementById("uploading");
const token = document.querySelector("meta[name=csrf-token]").content;
const maxBytes = Number(form.dataset.maxBytes);
const MAX_AT_ONCE = 3;
const SLOW_MS = 30_000;
const SILENT_MS = 45_000;
const waiting = [];
let uploading = 0;

function lineFor(file) {
  const line = blank.content.firstElementChild.cloneNode(true);
  line.querySelector("[data-name]").textContent = file.name;
  list.prepend(line);
  document.querySelector("[data-nothing-yet]")?.setAttribute("hidden", "");
  return line;
}

function state(line, title, detail = "") {
  line.querySelector("[data-state]").textContent = title;
  line.querySelector("[data-detail]").textContent = detail;
}

function failed(line, file, title, detail, { again = true, signIn = false } = {}) {
  line.classList.add("tint-error");
  line.querySelector("progress").hidden = true;
  line.querySelector("[data-cancel]").hidden = true;
  state(line, title, detail);
  const wasCounted = Boolean(line.dataset.counted);
  if (wasCounted) count({ failed: 1 });
  delete line.dataset.counted;
  const repeat = line.querySelector("[data-again]");
  repeat.hidden = !again;
  repeat.onclick = () => {
    const isOfBatch = wasCounted && batch.failed > 0;
    if (isOfBatch) batch.failed -= 1;
    line.remove();
    add(file, isOfBatch);
    offerAll();
  };
  line.querySelector("[data-sign-in]").hidden = !signIn;
  offerAll();
  say(`${file.name}: ${title}`);
}

// A server that was restarted fails all that was on its way: one press sends them again.
const againAll = document.querySelector("[data-again-all]");
const again = () => [...list.querySelectorAll("[data-again]:not([hidden])")];
function offerAll() { againAll.hidden = again().length < 2; }
againAll.addEventListener("click", () => { for (const repeat of again().reverse()) repeat.click(); });

function add(file, isAgain = false) {
  const line = lineFor(file);
  if (file.size === 0) {
    failed(line, file, "Файл пустой", "В нём нет звука. Проверьте, что запись закончилась.", { again: false });
  } else if (file.size > maxBytes) {
    const limit = Math.floor(maxBytes / 1048576);
    failed(line, file, "Файл слишком большой",
      `Можно до ${limit} МБ. Сохраните запись в MP3 или OGG и загрузите ещё раз.`, { again: false });
  } else {
    const item = { file, line, query: new URLSearchParams(new FormData(form)) };
    item.query.delete("file");
    item.query.delete("csrf");
    item.query.set("name", file.name);
    line.querySelector("[data-cancel]").onclick = () => cancel(item);
    state(line, "Ждёт отправки");
    waiting.push(item);
    line.dataset.counted = "yes";
    count({ total: isAgain ? 0 : 1 });
    sendNext();
  }
}

// How many of what was dropped now are done, and whose calls they were: the next drop is another's.
const batch = { total: 0, done: 0, failed: 0 };
function count(change) {
  if (batch.done + batch.failed >= batch.total) Object.assign(batch, { total: 0, done: 0, failed: 0 });
  for (const [name, n] of Object.entries(change)) batch[name] += n;
  const place = document.querySelector("[data-count]");
  place.hidden = batch.total < 2;
  place.textContent = `Готово ${batch.done} из ${batch.total}` + (batch.failed ? `, не получилось: ${batch.failed}` : "");
}

function cancel(item) {
  const place = waiting.indexOf(item);
  if (place >= 0) waiting.splice(place, 1);
  item.request?.abort();
  item.line.remove();
  if (item.line.dataset.counted) count({ total: -1 });
}

function sendNext() {
  while (uploading < MAX_AT_ONCE && waiting.length > 0) send(waiting.shift());
}

function send(item) {
  const { file, line, query } = item;
  const request = new XMLHttpRequest();
  const bar = line.querySelector("progress");
  let silence;
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(() => { item.silent = true; request.abort(); }, SILENT_MS);
  };
  item.request = request;
  uploading += 1;
  request.open("PUT", `/uploads?${query}`);
  request.setRequestHeader("X-CSRF-Token", token);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.upload.onprogress = (event) => {
    alive();
    bar.value = event.loaded / file.size;
    state(line, "Отправляется", `${Math.round((100 * event.loaded) / file.size)} %`);
  };
  request.onload = () => received(item, request);
  request.onerror = () => failed(line, file, "Связь с сервером прервалась",
    "Файл не загружен. Проверьте сеть и нажмите «Повторить».");
  request.onabort = () => {
    if (item.silent) failed(line, file, "Сервер перестал отвечать", "Файл не загружен. Нажмите «Повторить».");
  };
  request.onloadend = () => { clearTimeout(silence); uploading -= 1; sendNext(); };
  alive();
  state(line, "Отправляется", "0 %");
  request.send(file);
}

function received(item, request) {
  const { file, line } = item;
  if (request.status === 200) {
    item.address = JSON.parse(request.responseText).address;
    line.querySelector("[data-cancel]").hidden = true;
    line.querySelector("progress").removeAttribute("value");
    state(line, "Ждёт очереди");
    follow(item, Date.now(), 400);
    return;
  }
  let said = {};
  try { said = JSON.parse(request.responseText); } catch { /* not our answer: a proxy's page */ }
  if (request.status === 401) {
    failed(line, file, "Сеанс закончился", "Войдите снова и нажмите «Повторить».", { signIn: true });
  } else if (request.status === 503 || request.status === 429) {
    const wait = Number(request.getResponseHeader("Retry-After") || 10);
    state(line, "Сервер занят", `Отправим ещё раз через ${wait} с.`);
    setTimeout(() => { waiting.push(item); sendNext(); }, wait * 1000);
  } else {
    failed(line, file, said.title || "Файл не принят", said.advice || "Попробуйте ещё раз; если повторится, сообщите администратору.");
  }
}

async function follow(item, since, pause) {
  const { line, file } = item;
  let answer;
  try {
    answer = await fetch(item.address, { headers: { Accept: "text/html" } });
  } catch {
    state(line, "Нет связи с сервером", "Файл уже на сервере. Ждём, когда связь вернётся…");
    setTimeout(() => follow(item, since, 3000), 3000);
    return;
  }
  if (answer.status === 401) {
    failed(line, file, "Сеанс закончился", "Файл на сервере; войдите снова, результат будет в списке.", { again: false, signIn: true });
  } else if (answer.status === 200) {
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    const done = holder.content.firstElementChild;
    line.replaceWith(done);
    if (item.query) count({ done: 1 });
    say(`${file.name}: ${done.querySelector("h2").textContent}`);
  } else if (answer.status === 202) {
    const now = await answer.json();
    const slow = Date.now() - since > SLOW_MS;
    state(line, now.title, slow
      ? "Дольше обычного. Можно не ждать: результат появится в этом списке."
      : now.detail);
    setTimeout(() => follow(item, since, Math.min(pause * 1.3, 3000)), pause);
  } else if (answer.status >= 500) {
    state(line, "Сервер отвечает с ошибкой", "Файл уже на сервере. Ждём…");
    setTimeout(() => follow(item, since, 3000), 3000);
  } else {
    failed(line, file, "Результат не найден", "Сервер не помнит этот файл. Нажмите «Повторить».");
  }
}

form.addEventListener("submit", (event) => event.preventDefault());
picker.addEventListener("change", () => {
  for (const file of picker.files) add(file);
  picker.value = "";
  nextClient();
});
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
}
for (const kind of ["dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    if (kind === "drop" || event.relatedTarget === null) zone.classList.remove("over");
  });
}
// «Чей звонок» is said of one drop only: left there, it would take the next client's calls along.
function nextClient() { form.querySelector("[name=whose]").value = ""; }

async function addEntry(entry) {
  if (entry.isFile) { add(await new Promise((done, failed) => entry.file(done, failed))); return; }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (some.length === 0) return;
    for (const one of some) await addEntry(one);
  }
}

document.addEventListener("drop", async (event) => {
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.some((entry) => entry.isDirectory)) {
    for (const entry of entries) await addEntry(entry);
  } else {
    for (const file of event.dataTransfer.files) add(file);
  }
  nextClient();
});
window.addEventListener("beforeunload", (event) => {
  if (uploading > 0 || waiting.length > 0) event.preventDefault();
});

// Lines that were still being recognised when the page was loaded.
for (const line of list.querySelectorAll("[data-address]")) {
  follow({ line, file: { name: line.dataset.name }, address: line.dataset.address }, Date.now(), 400);
}
