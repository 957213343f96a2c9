// Tables to take away: made as often as wanted, with a sign of how far they are.
"use strict";

async function download(form, button) {
  const sign = form.querySelector("[data-progress]");
  const began = Date.now();
  let nRows = 0;
  let total = 0;
  const show = () => {
    const seconds = Math.round((Date.now() - began) / 1000);
    sign.textContent = total && nRows
      ? `Готово строк: ${Math.min(nRows, total)} из ${total}`
      : `Готовим таблицу, ${seconds} с`;
  };
  const ticking = setInterval(show, 500);
  show();
  for (const each of form.querySelectorAll("button")) each.disabled = true;
  try {
    // Not formAction: of a button without one that is the address of this page.
    const address = button?.getAttribute("formaction") || form.action;
    const answer = await fetch(address, {
      method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" },
    });
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({}));
      throw new Error([said.title, said.advice].filter(Boolean).join(". ") || "Таблица не получилась.");
    }
    total = Number(answer.headers.get("X-Rows") || 0);
    const isText = answer.headers.get("Content-Type").startsWith("text/");
    const parts = [];
    for (const reader = answer.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      if (isText) nRows += value.reduce((n, byte) => n + (byte === 10), 0);
    }
    const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))[1];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(parts, { type: answer.headers.get("Content-Type") }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    sign.textContent = `Таблица готова, звонков: ${total}`;
  } catch (error) {
    sign.textContent = error.name === "TypeError" ? "Связь с сервером прервалась. Повторите." : error.message;
  } finally {
    clearInterval(ticking);
    for (const each of form.querySelectorAll("button")) each.disabled = false;
  }
}

for (const form of document.querySelectorAll("[data-download]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    download(form, event.submitter);
  });
}
