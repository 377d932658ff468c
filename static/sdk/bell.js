/*
 * Truepush bell: a small button for pages that have no element of their own to subscribe with.
 * No markup is parsed and no style attribute set: a strict content security policy allows it.
 */
const STYLE = `
  :host { all: initial; position: fixed; right: 16px; bottom: 16px; z-index: 2147483000; display: flex;
    gap: 12px; align-items: center; font: 14px/1.4 system-ui, sans-serif; --ink: #fff; --paper: #1d2939; }
  button { width: 48px; height: 48px; padding: 12px; border: 0; border-radius: 50%; cursor: pointer;
    color: var(--ink); background: var(--paper); box-shadow: 0 2px 10px #0005; }
  button:focus-visible { outline: 3px solid #2e90fa; outline-offset: 3px; }
  button[aria-busy=true] { opacity: .6; }
  p { margin: 0; max-width: 240px; border-radius: 8px; color: var(--ink); background: var(--paper); }
  p:not(:empty) { padding: 10px 14px; } [hidden] { display: none; } svg { fill: currentColor; }
  @media (prefers-color-scheme: dark) { :host { --ink: #1d2939; --paper: #f2f4f7; } }
  @media print { :host { display: none; } }`;
const SHAPE = "M12 2a7 7 0 0 0-7 7v5l-2 4h18l-2-4V9a7 7 0 0 0-7-7Zm-3 18a3 3 0 0 0 6 0Z";

function element(tag, attributes, ...children) {
  const kind = tag === "svg" || tag === "path" ? "2000/svg" : "1999/xhtml";
  const made = document.createElementNS(`http://www.w3.org/${kind}`, tag);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.append(...children);
  return made;
}

/** Adds the bell to the page and returns what draws it anew; `read` tells the state and whether work is going on. */
export function buildBell({ title, OFF, SAY, read, ask }) {
  const host = element("truepush-bell", {});
  const message = element("p", { role: "status" });
  const shape = element("path", { d: SHAPE });
  const icon = element("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, shape);
  const label = `Get notifications from ${title}`;
  const button = element("button", { type: "button", "aria-label": label, title: label }, icon);
  let asked = false;
  let dismissed = false;

  function render() {
    const { state, busy } = read();
    const off = SAY[state] === OFF;
    const done = asked && !busy && !off;
    const replaced = dismissed || document.querySelector('[data-truepush="subscribe"]');
    button.hidden = Boolean(replaced) || !(off || state === "error");
    button.setAttribute("aria-busy", String(busy));
    message.textContent = done ? SAY[state] : "";
    asked = asked && !done; // said once
    done && setTimeout(render, 8000);
  }

  button.addEventListener("click", () => {
    asked = true;
    ask();
  });
  host.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      dismissed = !message.textContent; // first what is said, then the bell itself for this page
      render();
    }
  });
  const root = host.attachShadow({ mode: "open" });
  root.append(message, button);
  root.adoptedStyleSheets = [new CSSStyleSheet()];
  root.adoptedStyleSheets[0].replaceSync(STYLE);
  document.body.append(host);
  render();
  return render;
}
