// The preview of a prompt: a frame with a page of ours, told by messages what to draw, at two widths and in two schemes.
(() => {
  const stage = document.querySelector("[data-stage]");
  const frame = stage.querySelector("[data-stage-frame]");
  const view = stage.querySelector("[data-stage-window]");
  const language = stage.querySelector("[data-stage-language]");
  const problem = stage.querySelector("[data-stage-problem]");
  const WIDTHS = { desktop: 1200, phone: 390 };
  const MOST_SCALE = 0.8;
  const NARROW = 500;
  const name = new Intl.DisplayNames(["en"], { type: "language" });
  let isReady = false;
  let known = null;
  let picture = null;

  const tell = (message) => isReady && frame.contentWindow.postMessage(message, location.origin);

  function draw() {
    if (known) {
      tell({ do: "draw", prompt: known.prompt, site: known.site, languages: language.value ? [language.value] : [] });
    }
  }

  /** The languages of the prompt, with the chosen one kept as long as it is there. */
  function listLanguages() {
    const chosen = language.value;
    const tags = Object.keys(known.prompt.texts);
    language.replaceChildren(...tags.map((tag) => new Option(tag ? name.of(tag) : "Default language", tag)));
    language.value = tags.includes(chosen) ? chosen : "";
    language.parentElement.hidden = tags.length < 2;
  }

  function fit() {
    const width = view.classList.contains("is-phone") ? WIDTHS.phone : WIDTHS.desktop;
    stage.style.setProperty("--stage-scale", Math.min(MOST_SCALE, stage.clientWidth / width));
  }

  function choose(kind, value) {
    for (const button of stage.querySelectorAll(`[data-stage-${kind}]`)) {
      button.setAttribute("aria-pressed", String(button.getAttribute(`data-stage-${kind}`) === value));
    }
    view.classList.toggle(kind === "width" ? "is-phone" : "is-dark", value === "phone" || value === "dark");
    fit();
    draw();
  }

  addEventListener("message", ({ origin, source, data }) => {
    if (origin === location.origin && source === frame.contentWindow && data?.do === "ready") {
      isReady = true;
      tell({ do: "picture", file: picture });
      draw();
    }
  });

  // The editor's form says what it has become; a prompt's own page has it written in the page.
  document.addEventListener("prompt-changed", ({ detail }) => {
    const isSame = JSON.stringify(detail) === JSON.stringify(known); // somebody may be trying what is drawn
    problem.hidden = !detail.problem;
    problem.textContent = detail.problem ?? "";
    if (!detail.problem && !isSame) {
      known = detail;
      listLanguages();
      draw();
    }
  });
  document.addEventListener("prompt-language", ({ detail }) => {
    if ([...language.options].some(({ value }) => value === detail) && language.value !== detail) {
      language.value = detail;
      draw();
    }
  });

  stage.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    for (const kind of ["width", "scheme"]) {
      const value = button?.getAttribute(`data-stage-${kind}`);
      if (value) {
        choose(kind, value);
      }
    }
    if (button?.hasAttribute("data-stage-again")) {
      draw();
    }
  });
  language.addEventListener("change", draw);
  stage.querySelector("[data-stage-picture]").addEventListener("change", ({ target }) => {
    picture = target.files[0] ?? null;
    tell({ do: "picture", file: picture });
  });
  new ResizeObserver(fit).observe(stage);
  choose("width", stage.clientWidth < NARROW ? "phone" : "desktop");
  const written = document.getElementById("stage-data");
  if (written) {
    known = JSON.parse(written.textContent);
    listLanguages();
  }
  frame.contentWindow.postMessage({ do: "hello" }, location.origin); // it may have been ready before anybody listened
})();
