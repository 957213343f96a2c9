// Calls that go on: the table is asked for anew while the page is looked at.
"use strict";

const live = document.querySelector("[data-live]");

async function refresh() {
  if (document.hidden || live.contains(document.activeElement)) return;
  try {
    const answer = await fetch(live.dataset.live, { headers: { "X-Rows": "1" } });
    if (answer.redirected || !answer.ok) return;
    live.innerHTML = await answer.text();
  } catch { /* the server is away: the next try may find it */ }
}

if (live) setInterval(refresh, 2000);
