// Many calls on one screen: choosing them, and listening to those that chance has named.
"use strict";

const together = document.querySelector("[data-together-form]");

if (together) {
  const boxes = [...together.querySelectorAll("input[name=call]")];
  const all = together.querySelector("[data-all]");
  const sure = together.querySelector("input[name=sure]");
  const player = new Audio();
  let playing = null;

  function count() {
    const n = boxes.filter((box) => box.checked).length;
    all.checked = n === boxes.length;
    all.indeterminate = n > 0 && n < boxes.length;
    together.querySelector("[data-chosen]").textContent = `выбрано: ${n}`;
  }
  together.addEventListener("change", (event) => {
    if (event.target === all) for (const box of boxes) box.checked = all.checked;
    // What was asked twice for other calls is not asked for these.
    if (event.target.type === "checkbox") {
      sure.value = "";
      for (const button of together.querySelectorAll(".armed")) button.classList.remove("armed");
    }
    count();
  });
  count();

  function label(button, text) { button.querySelector("span").textContent = text; }

  function heard(button) {
    const call = button.dataset.listen;
    if (together.querySelector(`input[name=heard][value="${call}"]`)) return;
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "heard", value: call });
    const chip = document.createElement("span");
    chip.className = "chip tint-person";
    chip.textContent = "прослушано";
    button.after(field, " ", chip);
  }

  player.addEventListener("playing", () => { if (playing) { heard(playing); label(playing, "Остановить"); } });
  player.addEventListener("pause", () => { if (playing) label(playing, "Послушать ещё раз"); });
  player.addEventListener("error", () => { if (playing) say("Запись не проигрывается"); });
  together.addEventListener("click", (event) => {
    const button = event.target.closest("[data-listen]");
    if (!button) return;
    if (playing === button && !player.paused) { player.pause(); return; }
    player.pause();
    playing = button;
    player.src = `/calls/${button.dataset.listen}/audio.wav`;
    player.defaultPlaybackRate = player.playbackRate = Number(remembered("speed")) || 1;
    player.play().catch(() => label(button, "Не проигрывается"));
  });
}
