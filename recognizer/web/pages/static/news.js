// What is new on the server: the badge, lists that say so, notifications. Asked for while the page
// is seen, or notifications are wanted; an answer that nothing changed is empty.
"use strict";

const NEWS_EVERY_MS = 15_000;
const newsBar = document.querySelector("[data-fresh]");
const silentBar = document.querySelector("[data-silent]");
const newsButton = document.querySelector("[data-notify]");
const listed = document.querySelector("[data-newest]");
let newsTag = "";
let waitingBefore = Number(document.body.dataset.waiting);
let newsTimer = 0;

function wantsNotifications() {
  return "Notification" in window && Notification.permission === "granted" && remembered("notify") === "yes";
}

function showBadge(n) {
  const link = document.querySelector('.nav a[href="/queue"]');
  let badge = link?.querySelector(".badge");
  if (!link) return;
  if (!n) { badge?.remove(); return; }
  if (!badge) { badge = document.createElement("span"); badge.className = "badge"; link.append(badge); }
  badge.textContent = n < 100 ? String(n) : "99+";
  badge.setAttribute("aria-label", `ждут: ${n}`);
}

function notify(text) {
  if (wantsNotifications() && document.hidden) new Notification("Дозвон", { body: text, tag: "queue" });
}

function showNews(news) {
  if (news.waiting > waitingBefore) notify(`В очереди ждут проверки: ${news.waiting}`);
  waitingBefore = news.waiting;
  showBadge(news.waiting);
  if (listed && news.newest > Number(listed.dataset.newest)) {
    document.querySelector("[data-fresh-text]").textContent = "Есть новые звонки.";
    document.querySelector("[data-fresh-link]").href = location.href;
    newsBar.hidden = false;
  }
  const queued = document.querySelector("[data-listed-waiting]");
  if (queued && news.waiting > Number(queued.dataset.listedWaiting)) {
    document.querySelector("[data-fresh-text]").textContent = "В очереди есть новые звонки.";
    document.querySelector("[data-fresh-link]").href = location.href;
    newsBar.hidden = false;
  }
  const silent = news.silent_since
    ? `Новых записей нет с ${news.silent_since}. Проверьте, что запись звонков работает.` : "";
  if (silent && silentBar.hidden) notify(silent);
  silentBar.querySelector("span").textContent = silent;
  silentBar.hidden = !silent;
}

async function askNews() {
  clearTimeout(newsTimer);
  try {
    const answer = await fetch("/news", { headers: newsTag ? { "If-None-Match": newsTag } : {}, cache: "no-store" });
    if (answer.status === 200) { newsTag = answer.headers.get("ETag"); showNews(await answer.json()); }
    if (answer.status === 401) return;
  } catch { /* the line is down: asked again later */ }
  newsTimer = setTimeout(() => { if (!document.hidden || wantsNotifications()) askNews(); }, NEWS_EVERY_MS);
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) askNews(); });
askNews();

if (newsButton && "Notification" in window && Notification.permission !== "denied") {
  const label = newsButton.querySelector("span");
  const show = () => { label.textContent = wantsNotifications() ? "Не сообщать о новых" : "Сообщать о новых в очереди"; };
  newsButton.hidden = false;
  show();
  newsButton.addEventListener("click", async () => {
    if (wantsNotifications()) remember("notify", "no");
    else if (await Notification.requestPermission() === "granted") remember("notify", "yes");
    show();
  });
}
