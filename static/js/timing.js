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
  // Each other time that is tried is a version of its own (js/ab.js).
  const MOST_OTHERS = 4;
  const others = {
    list: part.querySelector("[data-others]"),
    add: part.querySelector("[data-other-add]"),
    blank: part.querySelector("[data-other-blank]").content,
  };
  others.add.addEventListener("click", () => {
    others.list.append(others.blank.cloneNode(true));
    others.list.lastElementChild.querySelector("input").focus();
    arrange();
  });
  others.list.addEventListener("click", ({ target }) => {
    if (target.closest("[data-other-remove]")) {
      target.closest(".timing-other").remove();
      others.add.focus();
      others.list.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });
  let asked = null;
  let soon = 0;

  const arrange = () => {
    const isBest = value("when") === "best";
    const isAhead = value("when") === "at" || isBest;
    const repeat = value("repeat");
    show("at", isAhead);
    show("best", isBest);
    show("clock", !isBest);
    show("local", !isBest && value("clock") === "local");
    part.querySelector("[data-at-label]").textContent = isBest ? "From" : "Date and time";
    others.add.hidden = others.list.children.length >= MOST_OTHERS;
    show("repeat", repeat);
    show("weekly", repeat === "weekly");
    show("until", value("end") === "until");
    show("count", value("end") === "count");
    part.querySelector("[data-unit]").textContent = UNITS[repeat] ?? "";
    form.elements.at.required = isAhead && !isBest;
    form.elements.until.required = isAhead && repeat !== "" && value("end") === "until";
    form.elements.count.required = isAhead && repeat !== "" && value("end") === "count";
    if (button) {
      button.textContent = isAhead ? "Schedule" : "Send now";
    }
  };

  const ask = async () => {
    asked?.abort();
    if (value("when") === "now" || (value("when") === "at" && !value("at"))) {
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
