// Counts down how long held slots still are. Without JavaScript the page shows how long it was when it was loaded.
"use strict";

const held = document.querySelectorAll("time[data-until]");

const count = () => {
  for (const each of held) {
    const left = Math.floor((Date.parse(each.dataset.until) - Date.now()) / 1000);
    each.textContent =
      left > 0 ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : each.dataset.over;
  }
};

if (held.length) {
  count();
  setInterval(count, 1000);
}
