// How many the chosen segments reach, counted anew when the choice changes.
(() => {
  const shown = document.querySelector("[data-reach]");
  if (!shown) {
    return;
  }
  const form = shown.closest("form");
  const ASKED = ["site", "segment", "excluded", "dormant_days", "had"];
  const AGAIN = 2000;
  let asked = null;
  let last = null;
  let waiting = 0;

  const ask = async () => {
    const fields = [...new FormData(form)].filter(([name]) => ASKED.includes(name));
    const query = new URLSearchParams([...fields, ["campaign", shown.dataset.campaign]]).toString();
    if (query === last) {
      return;
    }
    last = query;
    asked?.abort();
    asked = new AbortController();
    clearTimeout(waiting);
    try {
      const answer = await fetch(`${shown.dataset.reach}?${query}`, { signal: asked.signal });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        shown.replaceChildren(...page.body.childNodes);
        const total = shown.querySelector("[data-total]")?.dataset.total;
        for (const label of total ? document.querySelectorAll("[data-reach-label]") : []) {
          label.textContent = `Send to ${total}`;
        }
        const title = document.querySelector("[data-reach-title]");
        if (title && total) {
          title.textContent = `Send to ${total}?`;
        }
        if (shown.querySelector("[data-busy]")) {
          last = null;
          waiting = setTimeout(ask, AGAIN);
        }
      }
    } catch {
      last = null; // another choice was made meanwhile, or nothing answers
    }
  };

  form.addEventListener("input", ({ target }) => ASKED.includes(target.name) && ask());
  ask();
})();
