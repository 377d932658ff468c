// What is typed in the composer is kept on the server a moment after it was typed; saving it is another matter.
(() => {
  const form = document.querySelector("form[data-keep]");
  const note = document.querySelector("[data-kept]");
  const start = document.querySelector("[data-start-from]");
  const QUIET = 1500;
  let keepUrl = form.dataset.keep;
  let kept = new URLSearchParams(new FormData(form)).toString();
  let soon = 0;
  let working = Promise.resolve();
  let isOver = false;

  const keep = async () => {
    const content = new URLSearchParams(new FormData(form)).toString();
    if (isOver || content === kept) {
      return;
    }
    try {
      const answer = await fetch(keepUrl, { method: "POST", body: new FormData(form) });
      const said = await answer.json();
      if (!answer.ok) {
        note.textContent = said.error ?? "What you typed could not be kept. Save it soon.";
        return;
      }
      kept = content;
      if (said.page) {
        // The draft has an address now: reloading, saving and going back lead to it.
        keepUrl = said.keep;
        history.replaceState(null, "", said.page);
        form.action = said.page;
      }
      note.textContent = "Kept as typed.";
    } catch {
      note.textContent = "What you typed could not be kept: the server does not answer. It is tried again.";
      later();
    }
  };

  const later = () => {
    clearTimeout(soon);
    soon = setTimeout(() => (working = working.then(keep)), QUIET);
  };

  form.addEventListener("input", later);
  // A save on its way must not be followed by what was typed before it.
  form.addEventListener("submit", () => {
    isOver = true;
    clearTimeout(soon);
  });
  document.addEventListener("visibilitychange", () => document.hidden && (working = working.then(keep)));
  globalThis.truepushKeep = {
    /** Stops keeping, and resolves when nothing is on its way any more. */
    stop: () => {
      isOver = true;
      clearTimeout(soon);
      return working;
    },
  };

  start?.addEventListener("change", () => {
    const starter = document.getElementById("start-form");
    if (start.value) {
      starter.action = start.value;
      starter.submit();
    }
  });
})();
