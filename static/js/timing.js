// When a campaign goes out: shows the fields that a choice needs, and what it comes to.
(() => {
  const part = document.querySelector("[data-timing]");
  if (!part) {
    return;
  }
  const form = part.closest("form");
  const shown = part.querySelector("[data-times]");
  const button = form.querySelector("[data-send-button]");
  const UNITS = { daily: "days", weekly: "weeks", monthly: "months" };
  const value = (name) => form.elements[name].value;
  const show = (name, isShown) => {
    for (const one of part.querySelectorAll(`[data-when-${name}]`)) {
      one.hidden = !isShown;
    }
  };
  let asked = null;
  let soon = 0;

  const arrange = () => {
    const isAhead = value("when") === "at";
    const repeat = value("repeat");
    show("at", isAhead);
    show("local", value("clock") === "local");
    show("repeat", repeat);
    show("weekly", repeat === "weekly");
    show("until", value("end") === "until");
    show("count", value("end") === "count");
    part.querySelector("[data-unit]").textContent = UNITS[repeat] ?? "";
    form.elements.at.required = isAhead;
    form.elements.until.required = isAhead && repeat !== "" && value("end") === "until";
    form.elements.count.required = isAhead && repeat !== "" && value("end") === "count";
    if (button) {
      button.textContent = isAhead ? "Schedule" : "Send now";
    }
  };

  const ask = async () => {
    asked?.abort();
    if (value("when") !== "at" || !value("at")) {
      shown.replaceChildren();
      return;
    }
    asked = new AbortController();
    const fields = new FormData(form);
    fields.delete("csrfmiddlewaretoken");
    try {
      const url = `${part.dataset.timesUrl}?${new URLSearchParams(fields)}`;
      const answer = await fetch(url, { signal: asked.signal });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        shown.replaceChildren(...page.body.children);
      }
    } catch {
      // Another choice was made meanwhile, or nothing answers: the server looks at it again in any case.
    }
  };

  part.addEventListener("input", () => {
    arrange();
    clearTimeout(soon);
    soon = setTimeout(ask, 250);
  });
  arrange();
})();
