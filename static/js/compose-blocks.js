// Other languages, other versions of a message, topics: a block of fields for each that the person adds.
(() => {
  const MOST_VERSIONS = 5;

  const blocks = (name, focused, arrange = () => {}) => {
    const list = document.querySelector(`[data-${name}s]`);
    const add = document.querySelector(`[data-${name}-add]`);
    if (!list) {
      return;
    }
    const changed = () => {
      arrange(list, add);
      list.dispatchEvent(new Event("input", { bubbles: true }));
    };
    add.addEventListener("click", () => {
      list.append(document.querySelector(`[data-${name}-blank]`).content.cloneNode(true));
      changed();
      list.lastElementChild.querySelector(focused).focus();
    });
    list.addEventListener("click", ({ target }) => {
      const button = target.closest(`[data-${name}-remove]`);
      if (button) {
        button.closest(`[data-${name}]`).remove();
        changed();
        add.focus();
      }
    });
    arrange(list, add);
  };

  /** Names the versions anew, and lets languages say which one they belong to. */
  const arrangeVersions = (list, add) => {
    const versions = [...list.querySelectorAll("[data-version]")];
    versions.forEach((block, at) => (block.querySelector("[data-version-letter]").textContent = "BCDE"[at] ?? "E"));
    add.hidden = versions.length + 1 >= MOST_VERSIONS;
    arrangeLanguages();
  };

  const arrangeLanguages = () => {
    const known = document.querySelectorAll("[data-versions] [data-version]").length;
    for (const label of document.querySelectorAll("[data-language-version]")) {
      const choice = label.querySelector("select");
      label.hidden = !known && choice.value === "0";
      for (const option of choice.options) {
        option.hidden = Number(option.value) > known && !option.selected;
      }
    }
  };

  blocks("version", "input", arrangeVersions);
  blocks("language", "select", arrangeLanguages);
  blocks("topic", "input"); // of an opt-in prompt
})();
