// Who gets which version: a line for each version of the text, or for each time that is tried.
(() => {
  const part = document.querySelector("[data-ab]");
  if (!part) {
    return;
  }
  const form = part.closest("form");
  const list = part.querySelector("[data-ab-list]");
  const line = part.querySelector("[data-ab-part]").content;
  const problem = part.querySelector("[data-ab-problem]");
  const winner = part.querySelector("[data-ab-winner]");

  /** What each version says differently, for the line of its part. */
  const versions = () => {
    const composer = document.getElementById("compose-form");
    const others = [...composer.querySelectorAll("[data-versions] [data-version]")].map((block) =>
      ["title", "body", "url", "image_url"].map((name) => block.querySelector(`[name=version_${name}]`).value.trim()).find(Boolean) ?? "",
    );
    return [composer.elements.title.value, ...others];
  };
  const times = () => {
    const values = [...form.querySelectorAll("[name=at_other]")].map((field) => field.value).filter(Boolean);
    return form.elements.when.value === "at" && values.length ? [form.elements.at.value, ...values.sort()] : [];
  };

  let wasTried = false;
  const equal = (number) => Array.from({ length: number }, (_, at) => Math.floor(100 / number) + (at < 100 % number ? 1 : 0));

  const check = () => {
    const shares = [...list.querySelectorAll("[name=share]")].map((field) => Number(field.value));
    const sum = shares.reduce((one, other) => one + other, 0);
    problem.textContent = shares.length && sum !== 100 ? `The parts come to ${sum} %. Make it 100 %.` : "";
  };

  const arrange = () => {
    const texts = versions();
    const tried = texts.length > 1 ? texts : times().map((time) => time.replace("T", " "));
    const lines = list.querySelectorAll(".ab-part");
    part.querySelector("[data-ab-parts]").hidden = tried.length < 2;
    if (lines.length !== (tried.length < 2 ? 0 : tried.length)) {
      list.replaceChildren(...(tried.length < 2 ? [] : tried.map(() => line.cloneNode(true))));
      equal(tried.length).forEach((share, at) => {
        const field = list.querySelectorAll("[name=share]")[at];
        if (field) {
          field.value = share;
        }
      });
    }
    [...list.querySelectorAll(".ab-part")].forEach((one, at) => {
      one.querySelector("[data-ab-letter]").textContent = "ABCDE"[at];
      one.querySelector("[name=share]").setAttribute("aria-label", `Per cent for version ${"ABCDE"[at]}`);
      one.querySelector("[data-ab-says]").textContent = tried[at];
    });
    const isOwnTime = form.elements.when.value === "best" || (form.elements.when.value === "at" && form.elements.clock.value === "local");
    winner.hidden = isOwnTime;
    if (isOwnTime) {
      form.elements.winner.checked = false;
    }
    for (const label of part.querySelectorAll("[data-ab-choice]")) {
      label.hidden = !form.elements.winner.checked;
    }
    if (tried.length > 1 && !wasTried) {
      part.closest("details").open = true;
    }
    wasTried = tried.length > 1;
    check();
  };

  form.addEventListener("input", arrange);
  document.getElementById("compose-form").addEventListener("input", arrange);
  form.addEventListener("submit", (event) => {
    if (problem.textContent) {
      event.preventDefault();
      event.stopImmediatePropagation();
      list.querySelector("[name=share]").focus();
    }
  }, { capture: true });
  arrange();
})();
