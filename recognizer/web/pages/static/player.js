// Plays a recording: the picture is a slider, words and stretches are buttons that jump.
"use strict";

function timecode(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function startPlayer(card) {
  const audio = card.querySelector("audio");
  const wave = card.querySelector(".wave");
  const head = card.querySelector(".playhead");
  const now = card.querySelector("[data-now]");
  const problem = card.querySelector("[data-player-problem]");
  const duration = Number(card.dataset.duration);
  const phrase = card.dataset.phraseStart === undefined
    ? null
    : { start: Number(card.dataset.phraseStart), end: Number(card.dataset.phraseEnd) };
  const words = [...document.querySelectorAll(".word[data-seek]")];
  let stopAt = Infinity;

  function show() {
    const at = Math.min(audio.currentTime, duration);
    head.style.left = `${(100 * at) / duration}%`;
    now.textContent = timecode(at);
    wave.setAttribute("aria-valuenow", at.toFixed(1));
    wave.setAttribute("aria-valuetext", timecode(at));
    let current = null;
    if (!audio.paused) {
      for (const word of words) if (Number(word.dataset.seek) <= at + 0.01) current = word;
    }
    for (const word of words) word.classList.toggle("now", word === current);
    if (at >= stopAt) { audio.pause(); stopAt = Infinity; }
  }

  function follow() {
    show();
    if (!audio.paused) requestAnimationFrame(follow);
  }

  function seek(at, { play = false, until = Infinity } = {}) {
    stopAt = until;
    audio.currentTime = Math.max(0, Math.min(at, duration));
    show();
    if (play) start();
  }

  async function start() {
    problem.textContent = "";
    if (audio.error) audio.load();
    try {
      await audio.play();
    } catch (error) {
      if (error.name !== "AbortError") {
        problem.textContent = "Запись не проигрывается. Обновите страницу; если не поможет, она удалена с сервера.";
      }
    }
  }

  function toggle() {
    if (audio.paused) {
      stopAt = Infinity;
      if (audio.currentTime >= duration - 0.05) audio.currentTime = 0;
      start();
    } else {
      audio.pause();
    }
  }

  function playPhrase() {
    if (phrase) seek(Math.max(0, phrase.start - 0.15), { play: true, until: phrase.end + 0.2 });
  }

  // What was listened to may be a sample, and may mark a contact.
  audio.addEventListener("playing", () => {
    for (const field of document.querySelectorAll("[data-heard]")) field.value = "yes";
  });
  audio.addEventListener("play", () => { card.classList.add("playing"); follow(); });
  audio.addEventListener("pause", () => { card.classList.remove("playing"); show(); });
  audio.addEventListener("seeked", show);
  card.querySelector("[data-play]").addEventListener("click", toggle);
  const speed = card.querySelector("[data-speed]");
  const kept = remembered("speed");
  if ([...speed.options].some((option) => option.value === kept)) speed.value = kept;
  audio.defaultPlaybackRate = audio.playbackRate = Number(speed.value);
  speed.addEventListener("change", () => {
    audio.defaultPlaybackRate = audio.playbackRate = Number(speed.value);
    remember("speed", speed.value);
  });

  function seekToPointer(event) {
    const box = wave.getBoundingClientRect();
    seek(((event.clientX - box.left) / box.width) * duration);
  }
  wave.addEventListener("pointerdown", (event) => {
    wave.setPointerCapture(event.pointerId);
    seekToPointer(event);
  });
  wave.addEventListener("pointermove", (event) => { if (event.buttons) seekToPointer(event); });
  wave.addEventListener("pointerup", () => start());
  wave.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -5, PageUp: 5 };
    if (event.key in steps) seek(audio.currentTime + steps[event.key]);
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(duration);
    else if (event.key === "Enter") toggle();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  document.addEventListener("click", (event) => {
    const jump = event.target.closest("[data-seek]");
    if (jump) seek(Number(jump.dataset.seek), { play: true });
    if (event.target.closest("[data-play-phrase]")) playPhrase();
  });
  document.addEventListener("keydown", (event) => {
    if (typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.code === "Space" && !event.target.closest("button, a, summary")) {
      event.preventDefault();
      toggle();
    } else if (event.code === "KeyP") {
      playPhrase();
    }
  });
  show();
}

for (const card of document.querySelectorAll("[data-player]")) startPlayer(card);
