// Other languages of a message: a block of fields for each that the person adds.
(() => {
  const list = document.querySelector("[data-languages]");
  const blank = document.querySelector("[data-language-blank]");
  const add = document.querySelector("[data-language-add]");
  if (!list) {
    return;
  }
  const changed = () => list.dispatchEvent(new Event("input", { bubbles: true }));

  add.addEventListener("click", () => {
    list.append(blank.content.cloneNode(true));
    const block = list.lastElementChild;
    block.querySelector("select").focus();
    changed();
  });
  list.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-language-remove]");
    if (button) {
      button.closest("[data-language]").remove();
      add.focus();
      changed();
    }
  });
})();
