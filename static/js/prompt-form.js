// The editor of a prompt: shows what goes with its kind, fills texts of a language in, warns of what cannot be read, and
// has the server say what visitors would get of it, for the preview.
(() => {
  const WAIT = 200;
  const form = document.querySelector("[data-prompt-form]");
  const { positions, shown_texts, with_topics, words } = JSON.parse(document.getElementById("prompt-words").textContent);
  const field = (name) => form.elements.namedItem(name);
  const kind = () => field("kind").value;
  /** What we say in a language; most kinds say the same. */
  function wordsFor(language, of = kind()) {
    const known = words[language] ?? words[language.split("-")[0]] ?? words.en;
    return known[of] ?? known.box;
  }

  // --- What goes with the kind

  function arrange() {
    const shown = {
      topics: with_topics.includes(kind()),
      position: positions[kind()].length > 1,
      asks: kind() !== "bell" && kind() !== "button",
    };
    for (const part of form.querySelectorAll("[data-for]")) {
      part.hidden = !shown[part.dataset.for];
    }
    for (const part of form.querySelectorAll("[data-text]")) {
      part.hidden = !shown_texts[kind()].includes(part.dataset.text);
    }
    const { options } = field("position");
    for (const option of options) {
      option.hidden = option.disabled = !positions[kind()].includes(option.value);
    }
    if (field("position").selectedOptions[0]?.disabled) {
      field("position").value = positions[kind()][0];
    }
  }

  /** Texts of ours that nobody has changed follow the kind; what somebody wrote stays. */
  function rewrite(before, now) {
    const blocks = [["", field("language").value], ...[...form.querySelectorAll("[data-language]")]
      .map((block) => [block, block.querySelector("[data-words-of]").value])];
    for (const [block, language] of blocks.filter(([, language]) => language)) {
      for (const [name, text] of Object.entries(wordsFor(language, before))) {
        const input = block ? block.querySelector(`[name=translation_${name}]`) : field(name);
        if (input.value === text) {
          input.value = wordsFor(language, now)[name];
        }
      }
    }
  }

  let last = kind();
  field("kind").addEventListener("change", () => {
    rewrite(last, kind());
    last = kind();
    arrange();
  });

  // --- Texts of a language, as soon as it is chosen

  let language = field("language").value;
  field("language").addEventListener("change", () => {
    const [before, now] = [wordsFor(language), wordsFor(field("language").value)];
    language = field("language").value;
    for (const name of Object.keys(now)) {
      if (!field(name).value || field(name).value === before[name]) {
        field(name).value = now[name];
      }
    }
  });
  form.addEventListener("change", ({ target }) => {
    const tag = target.matches("[data-words-of]") && target.value;
    const known = tag && (words[tag] ?? words[tag.split("-")[0]]) && wordsFor(tag);
    const inputs = known ? Object.keys(known).map((name) =>
      [target.closest("[data-language]").querySelector(`[name=translation_${name}]`), known[name]]) : [];
    if (inputs.length && inputs.every(([input]) => !input.value || isOurs(input))) {
      inputs.forEach(([input, text]) => (input.value = text));
    }
  });
  const isOurs = ({ name, value }) => Object.values(words).some((one) =>
    Object.values(one).some((texts) => texts[name.replace("translation_", "")] === value));

  // --- Colours that can be read (WCAG 2.2, 1.4.3 and 1.4.11)

  function luminance(colour) {
    const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
    const [r, g, b] = parts.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  function contrast(one, other) {
    const [more, less] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (more + 0.05) / (less + 0.05);
  }

  function warn() {
    const isOwn = field("own_colours").checked;
    for (const part of form.querySelectorAll("[data-own-colour]")) {
      part.hidden = !isOwn;
    }
    const [accent, paper, ink] = ["accent", "paper", "ink"].map((name) => field(name).value);
    const grounds = isOwn ? [paper] : ["#ffffff", "#1d2939"];
    const said = [];
    if (isOwn && contrast(ink, paper) < 4.5) {
      said.push(`The text on its background has a contrast of ${contrast(ink, paper).toFixed(1)}; readable is 4.5 and more.`);
    }
    // The text on the button is black or white, whichever can be read better: that is 4.5 on every colour.
    const least = Math.min(...grounds.map((ground) => contrast(accent, ground)));
    if (least < 3) {
      said.push(`The button hardly stands out from ${isOwn ? "the background" : "a light or a dark background"} (${least.toFixed(1)}; 3 and more does).`);
    }
    const place = form.querySelector("[data-contrast]");
    place.hidden = !said.length;
    place.querySelector("span").textContent = said.join(" ");
  }

  // --- The preview

  let timer = 0;
  let asked = 0;

  async function preview() {
    const mine = (asked += 1);
    let detail = { problem: "The preview cannot be drawn: the server does not answer." };
    try {
      const answer = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form) });
      detail = answer.ok ? await answer.json() : { problem: `The preview cannot be drawn (${answer.status}).` };
    } catch {
      // as said above
    }
    if (mine === asked) {
      document.dispatchEvent(new CustomEvent("prompt-changed", { detail }));
    }
  }

  function changed() {
    warn();
    clearTimeout(timer);
    timer = setTimeout(preview, WAIT);
  }

  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("focusin", ({ target }) => {
    const block = target.closest("[data-language]");
    const isDefault = target.closest("[data-default-words]");
    if (block || isDefault) {
      const detail = block ? block.querySelector("[data-words-of]").value : "";
      document.dispatchEvent(new CustomEvent("prompt-language", { detail }));
    }
  });
  form.addEventListener("input", ({ target }) => target.matches("[data-languages]") && arrange()); // one was added
  arrange();
  changed();
})();
