// A list of several choices, each a chip that can be taken away, in place of <select multiple>. The select stays in the
// form and keeps the values; its `data-chips` says what nothing chosen means.
(() => {
  const button = (text, label) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", label);
    return made;
  };

  const setUp = (select) => {
    const box = document.createElement("div");
    box.className = "chips";
    const list = document.createElement("span");
    list.className = "chip-list";
    const adder = document.createElement("select");
    adder.className = "form-select";
    adder.setAttribute("aria-label", `${(select.labels[0]?.querySelector("span") ?? select.labels[0])?.textContent.trim() ?? ""}: add`);
    box.append(list, adder);
    select.hidden = true;
    select.after(box);
    if (select.labels[0]) {
      adder.id = `${select.id}_add`;
      select.labels[0].htmlFor = adder.id;
    }

    const changed = () => select.dispatchEvent(new Event("input", { bubbles: true }));
    const render = () => {
      const chosen = [...select.options].filter((option) => option.selected);
      const rest = [...select.options].filter((option) => !option.selected);
      list.replaceChildren(
        ...chosen.map((option) => {
          const chip = document.createElement("span");
          chip.className = "chip";
          chip.append(option.textContent);
          const remove = button("×", `Take ${option.textContent} away`);
          remove.addEventListener("click", () => {
            option.selected = false;
            render();
            changed();
            adder.focus();
          });
          chip.append(remove);
          return chip;
        }),
      );
      list.hidden = !chosen.length;
      const empty = chosen.length ? "Add a segment" : select.dataset.chips;
      adder.replaceChildren(new Option(empty, ""), ...rest.map((option) => new Option(option.textContent, option.value)));
      adder.disabled = !rest.length && chosen.length > 0;
      adder.hidden = adder.disabled;
    };
    adder.addEventListener("input", (event) => event.stopPropagation());
    adder.addEventListener("change", () => {
      const option = [...select.options].find((one) => one.value === adder.value);
      if (option) {
        option.selected = true;
        render();
        changed();
      }
    });
    select.addEventListener("chips:refresh", render);
    render();
  };

  for (const select of document.querySelectorAll("select[multiple][data-chips]")) {
    setUp(select);
  }
  addEventListener("pageshow", () => {
    for (const select of document.querySelectorAll("select[multiple][data-chips]")) {
      select.dispatchEvent(new Event("chips:refresh"));
    }
  });
})();
