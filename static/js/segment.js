// The builder of a segment's rule: groups of conditions, as JSON in the form, looked at by the server while it changes.
(() => {
  const root = document.querySelector("[data-builder]");
  if (!root) {
    return;
  }
  const { fields, options } = JSON.parse(document.getElementById("builder").textContent);
  const hidden = document.getElementById("id_rule");
  const previewBox = document.getElementById("segment-preview");
  const byName = new Map(fields.map((field) => [field.name, field]));
  const MOST = 50;

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) {
        element.addEventListener(key.slice(2), value);
      } else if (value === true) {
        element.setAttribute(key, "");
      } else if (value !== false && value !== undefined) {
        element.setAttribute(key, value);
      }
    }
    element.append(...children);
    return element;
  };

  const icon = (name) => {
    const svg = document.querySelector(".back-link .icon").cloneNode(true);
    const use = svg.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${name}`));
    return svg;
  };

  const read = () => {
    try {
      const rule = JSON.parse(hidden.value);
      return Array.isArray(rule.rules) ? rule : { match: "all", rules: [] };
    } catch {
      return { match: "all", rules: [] };
    }
  };
  let rule = read();

  // --- Values

  const fieldOf = (condition) => byName.get(condition.field) ?? fields[0];
  const operatorOf = (condition) => {
    const { operators } = fieldOf(condition);
    return operators.find((one) => one.name === condition.op) ?? operators[0];
  };
  const argumentsOf = (condition) => [...fieldOf(condition).arguments, ...operatorOf(condition).arguments];
  const isMissing = (condition) =>
    argumentsOf(condition).some(({ key, optional }) => {
      const value = condition[key];
      return !optional && (value === undefined || value === "" || value === null || value.length === 0);
    });

  /** Keep what fits the field and the operator that were chosen. */
  const tidy = (condition) => {
    condition.field = fieldOf(condition).name;
    condition.op = operatorOf(condition).name;
    const known = new Set(["field", "op", ...argumentsOf(condition).map(({ key }) => key)]);
    for (const key of Object.keys(condition)) {
      if (!known.has(key)) {
        delete condition[key];
      }
    }
    return condition;
  };

  const conditions = (group) => group.rules.flatMap((one) => (one.rules ? conditions(one) : [one]));

  const changed = () => {
    hidden.value = JSON.stringify(rule);
    const all = conditions(rule);
    const isReady = all.length && !all.some(isMissing) && rule.rules.every((one) => !one.rules || one.rules.length);
    if (isReady) {
      document.body.dispatchEvent(new Event("rule-changed"));
    } else {
      const text = all.length ? "Fill in the conditions to see who is in the segment." : "Add a condition to see who is in the segment.";
      previewBox.replaceChildren(make("p", { class: "text-secondary" }, text));
    }
  };

  // --- Inputs of arguments

  let lists = 0;
  const listOf = (values) => {
    lists += 1;
    const list = make("datalist", { id: `hints-${lists}` });
    list.append(...values.map(({ value, label }) => make("option", { value: label === value ? value : label })));
    return list;
  };
  const labelOf = (values, value) => values.find((one) => one.value === value)?.label ?? value;
  const valueOf = (values, text) =>
    values.find((one) => String(one.label).toLowerCase() === text.toLowerCase())?.value ?? text;

  const chips = (condition, { key }, values) => {
    const chosen = () => condition[key] ?? [];
    const list = listOf(values);
    const box = make("div", { class: "chips form-control" });
    const input = make("input", {
      type: "text", list: list.id, "aria-label": "Add a value", autocomplete: "off", maxlength: 200,
      placeholder: "Type a value",
    });
    const add = () => {
      const text = input.value.trim();
      if (text) {
        condition[key] = [...new Set([...chosen(), valueOf(values, text)])];
        input.value = "";
        show();
        changed();
      }
    };
    const show = () => {
      const made = chosen().map((value) =>
        make("span", { class: "chip" }, labelOf(values, value), make("button", {
          type: "button", "aria-label": `Remove ${labelOf(values, value)}`,
          onclick: () => {
            condition[key] = chosen().filter((one) => one !== value);
            show();
            changed();
            input.focus();
          },
        }, icon("x"))));
      input.placeholder = made.length ? "or…" : "Type a value";
      box.replaceChildren(...made, input, list);
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === ",") {
        event.preventDefault();
        add();
        input.focus();
      } else if (event.key === "Backspace" && !input.value && chosen().length) {
        condition[key] = chosen().slice(0, -1);
        show();
        changed();
        input.focus();
      }
    });
    input.addEventListener("change", add);
    box.addEventListener("click", (event) => event.target === box && input.focus());
    show();
    return [box];
  };

  const select = (condition, { key }, values, empty) => {
    const element = make("select", {
      class: "form-select", "aria-label": key,
      onchange: () => {
        condition[key] = Number(element.value) || undefined;
        changed();
      },
    }, make("option", { value: "" }, values.length ? `Choose a ${key}` : empty));
    element.append(...values.map(({ value, label }) => make("option", { value }, label)));
    element.value = condition[key] ?? "";
    return [element];
  };

  const input = (condition, argument) => {
    const { key, widget, label, least, most, optional, default: standard } = argument;
    const isNumber = widget === "number" || widget === "whole";
    const hints = widget === "name" ? options[condition.field] ?? [] : [];
    const list = hints.length ? listOf(hints) : null;
    const element = make("input", {
      class: `form-control is-${widget}`, type: isNumber ? "number" : widget === "date" ? "date" : "text",
      "aria-label": label || key, min: least, max: most, step: widget === "number" ? "any" : undefined,
      placeholder: optional ? standard ?? "ever" : widget === "name" ? "name" : "", list: list?.id, maxlength: isNumber ? undefined : 200,
      autocomplete: "off",
    });
    element.value = condition[key] ?? "";
    element.addEventListener("input", () => {
      const text = element.value.trim();
      condition[key] = text === "" ? undefined : isNumber ? Number(text) : text;
      changed();
    });
    const after = widget === "whole" && label ? [make("span", { class: "argument-label" }, label)] : [];
    const before = widget === "number" && label ? [make("span", { class: "argument-label" }, label)] : [];
    const parts = [...before, element, ...after, ...(list ? [list] : [])];
    return isNumber ? [make("span", { class: "argument" }, ...parts)] : parts;
  };

  const inputsOf = (condition, argument) => {
    if (argument.widget === "list") {
      return chips(condition, argument, options[condition.field] ?? []);
    }
    if (argument.widget === "segment" || argument.widget === "campaign") {
      return select(condition, argument, options[argument.widget] ?? [], `There is no other ${argument.widget} yet`);
    }
    return input(condition, argument);
  };

  // --- Conditions and groups

  const fieldSelect = (condition) => {
    const element = make("select", { class: "form-select is-field", "aria-label": "Field" });
    for (const name of new Set(fields.map(({ group }) => group))) {
      const inGroup = fields.filter(({ group }) => group === name);
      element.append(make("optgroup", { label: name }, ...inGroup.map((field) => make("option", { value: field.name }, field.label))));
    }
    element.value = condition.field;
    element.addEventListener("change", () => {
      for (const key of Object.keys(condition)) {
        delete condition[key];
      }
      tidy(Object.assign(condition, { field: element.value }));
      render(condition);
    });
    return element;
  };

  const operatorSelect = (condition) => {
    const { operators } = fieldOf(condition);
    const element = make("select", { class: "form-select is-operator", "aria-label": "Condition" });
    element.append(...operators.map(({ name, label }) => make("option", { value: name }, label)));
    element.value = condition.op;
    element.addEventListener("change", () => {
      condition.op = element.value;
      tidy(condition);
      render(condition);
    });
    return element;
  };

  let focusOn = null;
  const conditionRow = (group, condition) => {
    tidy(condition);
    const operator = operatorSelect(condition);
    const body = make("div", { class: "condition-body" },
      fieldSelect(condition),
      ...fieldOf(condition).arguments.flatMap((argument) => condition.field === "event" ? [] : inputsOf(condition, argument)),
      operator,
      ...fieldOf(condition).arguments.flatMap((argument) => condition.field === "event" ? inputsOf(condition, argument) : []),
      ...operatorOf(condition).arguments.flatMap((argument) => inputsOf(condition, argument)));
    const row = make("div", { class: "condition", role: "group", "aria-label": "Condition" }, body,
      make("button", {
        class: "btn btn-ghost condition-remove", type: "button", "aria-label": "Remove this condition",
        onclick: () => {
          group.rules.splice(group.rules.indexOf(condition), 1);
          render();
        },
      }, icon("x")));
    if (focusOn === condition) {
      queueMicrotask(() => (row.querySelector("input") ?? operator).focus());
    }
    return row;
  };

  const matchSelect = (group) => {
    const element = make("select", { class: "form-select is-match", "aria-label": "All or any" },
      make("option", { value: "all" }, "all"), make("option", { value: "any" }, "any"));
    element.value = group.match;
    element.addEventListener("change", () => {
      group.match = element.value;
      changed();
    });
    return element;
  };

  const addButton = (group, text, member) =>
    make("button", {
      class: "btn btn-sm", type: "button", disabled: conditions(rule).length >= MOST,
      onclick: () => {
        const made = member();
        group.rules.push(made);
        render(made.rules ? made.rules[0] : made);
      },
    }, icon("plus"), text);

  const newCondition = () => tidy({ field: fields[0].name });

  const groupBox = (group, parent) => {
    const box = make("div", { class: parent ? "group is-inner" : "group", role: "group" });
    const head = make("div", { class: "group-head" }, parent ? "of " : "Subscribers who match ");
    head.replaceChildren(parent ? "Match " : "Match ", matchSelect(group), " of these");
    if (parent) {
      head.append(make("button", {
        class: "btn btn-ghost condition-remove", type: "button", "aria-label": "Remove this group",
        onclick: () => {
          parent.rules.splice(parent.rules.indexOf(group), 1);
          render();
        },
      }, icon("x")));
    }
    const members = group.rules.map((one) => (one.rules ? groupBox(one, group) : conditionRow(group, one)));
    const buttons = make("div", { class: "button-row" }, addButton(group, "Condition", newCondition));
    if (!parent) {
      buttons.append(addButton(group, "Group", () => ({ match: "any", rules: [newCondition()] })));
    }
    box.append(head, ...members, buttons);
    return box;
  };

  const render = (focused = null) => {
    focusOn = focused;
    lists = 0;
    root.replaceChildren(groupBox(rule, null));
    changed();
  };

  // Enter in an input of the builder is for the builder, not for the form.
  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.tagName === "INPUT") {
      event.preventDefault();
    }
  });
  if (!rule.rules.length) {
    rule.rules.push(newCondition());
  }
  document.getElementById("id_site").addEventListener("change", (event) => {
    // The lists and the segments that a rule can name are the website's.
    const url = new URL(location.href);
    url.searchParams.set("site", event.target.value);
    url.searchParams.set("name", document.getElementById("id_name").value);
    url.searchParams.set("rule", hidden.value);
    url.searchParams.delete("suggested");
    location.assign(url);
  });
  // htmx listens once the page is there.
  window.addEventListener("load", () => render());
})();
