// A stretch of a recording is kept only after it was played from its beginning to its end.
"use strict";

function watchStretch(part) {
  const audio = part.querySelector("audio");
  const heard = part.querySelector("[data-heard-stretch]");
  if (!heard) return;
  const start = part.querySelector("[data-start]");
  const end = part.querySelector("[data-end]");
  const button = part.querySelector("[data-when-heard]");
  const hint = part.querySelector("[data-until-heard]");
  let reached = null; // how far it was played without a jump, from the start

  function say(isHeard) {
    heard.value = isHeard ? "yes" : "";
    button.disabled = !isHeard;
    if (hint) hint.hidden = isHeard;
  }

  function follow() {
    const at = audio.currentTime;
    const first = Number(start.value);
    const last = Number(end.value);
    if (at <= first + 0.3) reached = at;
    else if (reached !== null && at > reached && at - reached < 1) reached = at;
    else if (reached !== null && at > reached) reached = null;
    if (reached !== null && reached >= Math.min(last, audio.duration) - 0.3) say(true);
  }

  function changed() {
    reached = null;
    say(false);
    const source = audio.src.split("#")[0];
    audio.src = `${source}#t=${start.value},${end.value}`;
  }

  audio.addEventListener("timeupdate", follow);
  audio.addEventListener("play", follow);
  audio.addEventListener("ended", follow);
  audio.addEventListener("pause", follow);
  for (const field of [start, end]) field.addEventListener("change", changed);
}

for (const part of document.querySelectorAll("[data-stretch]")) watchStretch(part);
