// Keeps a page up to date while what it shows goes on. The server only says that something has changed; the page is
// then asked for again, and the parts of it that are other than before take the place of the old ones. Without
// JavaScript the page is as it was when it was loaded.
"use strict";

const live = document.querySelector("[data-live]");
if (live && window.EventSource) {
  const source = new EventSource(live.dataset.live);
  const status = document.getElementById("diretta");
  let asking = false;
  let again = false;

  const say = (text) => {
    if (status && status.textContent !== text) status.textContent = text;
  };

  const refresh = async () => {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected || !answer.ok) {
        location.reload();
        return;
      }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-part]")) {
        const other = fresh.getElementById(part.id);
        if (other && other.innerHTML !== part.innerHTML) replace(part, other);
      }
    } finally {
      asking = false;
      if (again) {
        again = false;
        refresh();
      }
    }
  };

  // The focus stays where it was, if what had it is still there.
  const replace = (part, other) => {
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const again = focused && (focused.id ? `#${CSS.escape(focused.id)}` : `a[href="${focused.getAttribute("href")}"]`);
    part.innerHTML = other.innerHTML;
    if (again) part.querySelector(again)?.focus();
  };

  source.addEventListener("open", () => say(live.dataset.following));
  source.addEventListener("error", () => say(live.dataset.away));
  source.addEventListener("cambiata", refresh);
  source.addEventListener("finita", () => {
    source.close();
    say(live.dataset.over);
    refresh();
  });
  addEventListener("pagehide", () => source.close());
}
