// Counts down the time for which the slot is held; without it the page says until when, and the server decides anyway.
"use strict";

const left = document.querySelector(".left");
if (left) {
  const clock = left.querySelector("strong");
  const until = Date.now() + Number(left.dataset.seconds) * 1000;
  const show = () => {
    const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    left.classList.toggle("soon", seconds < 60);
    if (seconds === 0) {
      clearInterval(ticking);
      location.replace(left.dataset.then);
    }
  };
  const ticking = setInterval(show, 1000);
  left.hidden = false;
  show();
}
