// Keeps the part of a page that is alive up to date, and copies texts. Nothing needs it: without
// it a page is the same at every load.
"use strict";

(function () {
  const BUSY = 1000;
  const CALM = 10000;
  const region = document.querySelector("[data-live]");
  const says = document.getElementById("says");
  let told = null;

  function tell(inner) {
    const text = inner ? inner.dataset.says : "";
    if (says && text && told !== null && text !== told) says.textContent = text;
    if (text) told = text;
  }

  function pace() {
    const inner = region.firstElementChild;
    return inner && inner.dataset.busy === "true" ? BUSY : CALM;
  }

  async function refresh() {
    let wait = pace();
    if (!document.hidden) {
      try {
        const answer = await fetch(region.dataset.live, { headers: { accept: "text/html" } });
        if (answer.status === 401 || answer.status === 404) {
          location.reload();
          return;
        }
        if (answer.ok) replace(await answer.text());
        wait = pace();
      } catch {
        wait = CALM;
      }
    }
    setTimeout(refresh, wait);
  }

  function replace(html) {
    const next = document.createElement("template");
    next.innerHTML = html;
    if (next.innerHTML === region.innerHTML.trim()) return;
    const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...region.querySelectorAll("details")].map((d) => d.open);
    const scrolled = [...region.querySelectorAll(".scroll")].map((s) => s.scrollLeft);
    region.replaceChildren(next.content);
    [...region.querySelectorAll("details")].forEach((d, i) => { d.open = open[i] || d.open; });
    [...region.querySelectorAll(".scroll")].forEach((s, i) => { s.scrollLeft = scrolled[i] || 0; });
    if (focused) document.getElementById(focused)?.focus();
    tell(region.firstElementChild);
  }

  if (region) {
    tell(region.firstElementChild);
    setTimeout(refresh, pace());
  }

  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  // Only one of the small forms that open over the page is open at a time.
  document.addEventListener("click", (event) => {
    for (const pop of document.querySelectorAll("details.pop[open]")) {
      if (!pop.contains(event.target)) pop.open = false;
    }
  });

  document.getElementById("summary")?.focus();
})();
