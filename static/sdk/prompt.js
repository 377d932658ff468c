/*
 * Truepush prompts: draws one. The loader imports this file where something is to be shown, the console's preview always.
 *
 *   draw({prompt, languages, site, state, into?}, {accept(tags), dismiss(), topics(tags), unsubscribe(), tags()})
 *     -> {close(), update({state, busy})}
 *
 * `prompt` is one of settings.json's, or of kind "ios". `accept` and `unsubscribe` resolve to the state they led to,
 * `tags` to those that the subscriber has. No markup is parsed and no style attribute set: a strict content security
 * policy allows it. What the page's own style sheet says does not reach inside.
 */
const WORDS = {
  title: "Get notifications from {site}",
  text: "Be the first to hear what is new. You can turn it off at any time.",
  allow: "Allow", later: "Not now",
  bell: "Notifications from {site}",
  on: "Notifications are on.", off: "Notifications are off.", stop: "Turn off", save: "Save",
  topics: "What would you like to hear about?",
  thanks: "Thank you. Notifications are on.",
  blocked: "Notifications are blocked. You can allow them in the browser's settings for this website.",
  failed: "That did not work. Please try again later.",
  close: "Close",
  ios: "Tap Share, choose Add to Home Screen, open the app from there and turn on notifications.",
  dialog: "Choose Allow in the browser's dialog.",
};
const RIGHT_TO_LEFT = /^(ar|fa|he|ur)\b/;
const BELL = "M12 2a7 7 0 0 0-7 7v5l-2 4h18l-2-4V9a7 7 0 0 0-7-7Zm-3 18a3 3 0 0 0 6 0Z";
const CROSS = "m6 6 12 12M18 6 6 18";
const SAID = 4000; // what a prompt says at the end stands so long
const PLACES = /^(top|bottom)(-left|-right)?$|^centre$/;

export function element(tag, attributes = {}, ...children) {
  const kind = tag === "svg" || tag === "path" ? "2000/svg" : "1999/xhtml";
  const made = document.createElementNS(`http://www.w3.org/${kind}`, tag);
  for (const [key, value] of Object.entries(attributes)) {
    value !== undefined && made.setAttribute(key, value);
  }
  made.append(...children.filter(Boolean));
  return made;
}

const picture = (d, kind) =>
  element("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: kind }, element("path", { d }));

/** The first of the visitor's languages that there are texts for: in full, by its first part, else "", the default's. */
function languageOf(texts, own, languages) {
  const known = Object.keys(texts).map((key) => [key, String(key || own).toLowerCase()]);
  for (const wanted of languages.map((one) => String(one).toLowerCase())) {
    const found = known.find(([, one]) => one === wanted) ?? known.find(([, one]) => one === wanted.split("-")[0]);
    if (found) {
      return found[0];
    }
  }
  return "";
}

function wordsOf(prompt, languages, site) {
  const texts = Object(prompt.texts);
  const own = String(prompt.language ?? "");
  const key = languageOf(texts, own, languages);
  const given = { ...Object(texts[""]), ...Object(texts[key]) };
  const word = (name) => String(given[name] ?? WORDS[name]).replaceAll("{site}", site);
  return { language: key || own, word };
}

/** Checkboxes of the topics; `chosen()` are the tags of those that are ticked. */
function topicList(prompt, language, word, tags) {
  const topics = [].concat(prompt.topics ?? []).map(Object).filter((one) => one.tag);
  const boxes = topics.map(({ tag, label, on }) => {
    const names = Object(label);
    const box = element("input", { type: "checkbox", value: tag });
    box.checked = tags ? tags.includes(tag) : on !== false;
    return [box, element("label", {}, box, element("span", { dir: "auto" }, String(names[language] || names[""] || tag)))];
  });
  const legend = element("legend", {}, word("topics"));
  const list = boxes.length ? element("fieldset", {}, legend, ...boxes.map(([, label]) => label)) : undefined;
  return { list, chosen: () => boxes.filter(([box]) => box.checked).map(([box]) => box.value) };
}

/** The host on the page with what is drawn in it; the page can neither style nor be styled by it. */
function hostOf({ prompt, languages, site, into }) {
  const { language, word } = wordsOf(prompt, languages, site);
  const look = Object(prompt.look);
  const place = PLACES.test(look.position) ? look.position : { bar: "top", bell: "bottom-right" }[prompt.kind] || "top";
  const host = element(prompt.kind === "bell" ? "truepush-bell" : "truepush-prompt", {
    "data-kind": prompt.kind,
    "data-place": into ? "inline" : place,
    lang: language || undefined,
    dir: RIGHT_TO_LEFT.test(language) ? "rtl" : language ? "ltr" : undefined,
  });
  const shadow = host.attachShadow({ mode: "open" });
  shadow.adoptedStyleSheets = [new CSSStyleSheet()];
  shadow.adoptedStyleSheets[0].replaceSync(STYLE + coloursOf(look));
  const root = element("div", { class: "root" }); // what the page says of the host is inherited no further
  shadow.append(root);
  (into || document.body).append(host);
  return { host, shadow, root, language, word, logo: String(look.logo || "") };
}

function button(text, kind, act) {
  const made = element("button", { type: "button", class: kind }, text);
  made.addEventListener("click", act);
  return made;
}

function logoOf(address) {
  if (!/^https?:/.test(address)) {
    return picture(BELL, "logo");
  }
  const made = element("img", { src: address, alt: "", class: "logo", width: "48", height: "48" });
  made.addEventListener("error", () => made.replaceWith(picture(BELL, "logo")));
  return made;
}

/** Box, bar, topics, and what iOS needs to be told: text, a yes and a no. */
function drawCard(given, { accept, dismiss }) {
  const { prompt } = given;
  const { host, shadow, root, language, word, logo } = hostOf(given);
  const isModal = prompt.kind !== "bar" && host.dataset.place === "centre";
  const before = document.activeElement;
  const { list, chosen } = topicList(prompt, language, word);
  const message = element("p", { role: "status" });
  let isAnswered = false; // what is closed after a yes is no "no"
  /** The focus goes back if it was in here, or nowhere since; not from what the visitor has turned to. */
  function leave(hadFocus = isModal) {
    if (!host.isConnected) {
      return; // closed before
    }
    const { activeElement } = document;
    document.removeEventListener("keydown", onKey);
    host.remove();
    (activeElement === host || (hadFocus && activeElement === document.body)) && before?.isConnected && before.focus();
  }
  function decline() {
    leave();
    isAnswered || dismiss();
  }
  const later = button(word(prompt.kind === "ios" ? "close" : "later"), "later", decline);
  const allow = prompt.kind === "ios" ? undefined : button(word("allow"), "allow", agree);
  const text = element("div", { class: "words" },
    element("h2", { id: "title", dir: "auto" }, word("title")),
    element("p", { id: "text", dir: "auto" }, word(prompt.kind === "ios" ? "ios" : "text")));
  const about = { "aria-labelledby": "title", "aria-describedby": "text" };
  const role = prompt.kind === "bar" ? { role: "region" } : { role: "dialog", "aria-modal": isModal ? "true" : undefined };
  const card = element("section", { class: "card", ...role, ...about },
    element("div", { class: "head" }, logoOf(logo), text), list, message,
    element("div", { class: "acts" }, later, allow));

  async function agree() {
    const hasFocus = shadow.activeElement === allow;
    isAnswered = allow.disabled = true;
    card.setAttribute("aria-busy", "true");
    const state = await accept(chosen());
    const end = { subscribed: "thanks", blocked: "blocked", error: "failed" }[state];
    if (!end) {
      leave(hasFocus);
      return;
    }
    card.removeAttribute("aria-busy");
    message.textContent = word(end);
    later.textContent = word("close");
    allow.remove();
    hasFocus && [document.body, host].includes(document.activeElement) && later.focus(); // disabled it lost the focus
    state === "error" || setTimeout(leave, SAID);
  }

  function onKey(event) {
    if (event.key === "Escape" && !event.defaultPrevented) {
      decline();
    } else if (event.key === "Tab" && isModal) {
      const all = [...root.querySelectorAll("button:enabled, input")];
      const end = event.shiftKey ? all[0] : all.at(-1);
      if (shadow.activeElement === end || !shadow.activeElement) {
        event.preventDefault();
        (event.shiftKey ? all.at(-1) : all[0])?.focus();
      }
    }
  }

  root.append(isModal ? element("div", { class: "veil" }) : "", card);
  document.addEventListener("keydown", onKey);
  isModal && (allow || later).focus();
  return { close: leave, update() {} };
}

/** Dims the page while the browser's own dialog is open. */
function drawBackdrop(given) {
  const { host, root, word } = hostOf(given);
  const veil = element("div", { class: "veil", role: "status" },
    element("h2", { dir: "auto" }, word("title")),
    element("p", { dir: "auto" }, word("text")),
    element("p", { class: "hint" }, word("dialog")));
  const onKey = ({ key }) => key === "Escape" && leave();
  function leave() {
    document.removeEventListener("keydown", onKey);
    host.remove();
  }
  veil.addEventListener("click", leave); // a browser may keep its dialog small and quiet, and never answer
  document.addEventListener("keydown", onKey);
  root.append(veil);
  return { close: leave, update() {} };
}

/** The bell, and a button in the page's own place: the state, the topics and the way out. */
function drawSwitch(given, handlers) {
  const { prompt } = given;
  const { host, root, language, word } = hostOf(given);
  const isBell = prompt.kind === "bell";
  const opener = isBell
    ? element("button", { type: "button", class: "bell", "aria-label": word("bell"), title: word("bell") }, picture(BELL))
    : element("button", { type: "button", class: "allow" });
  const message = element("p", { role: "status", class: "said" });
  const panel = element("section", { class: "card panel", role: "dialog", "aria-label": word("bell") });
  panel.hidden = true;
  let now = { state: given.state, busy: false };

  const isOn = () => now.state === "subscribed";
  const isOff = () => ["default", "unsubscribed", "error", "ios"].includes(now.state);
  let timer = 0;

  function sayFor(name) {
    message.textContent = name ? word(name) : "";
    clearTimeout(timer);
    timer = name ? setTimeout(sayFor, 2 * SAID) : 0;
  }

  async function open() {
    const hasTopics = [].concat(prompt.topics ?? []).length && now.state !== "ios";
    const tags = isOn() && hasTopics ? await handlers.tags() : undefined;
    const isKnown = hasTopics && (!isOn() || tags); // what is not known cannot be saved either
    const { list, chosen } = topicList(isKnown ? prompt : {}, language, word, tags);
    const act = (name, kind, work) => button(word(name), kind, async () => {
      shut();
      sayFor({ subscribed: "on", blocked: "blocked", error: "failed", unsubscribed: "off", default: "off" }[await work()]);
    });
    const acts = isOn()
      ? [act("stop", "later", handlers.unsubscribe), list && act("save", "allow", async () => (handlers.topics(chosen()), "subscribed"))]
      : [act("allow", "allow", () => handlers.accept(chosen()))];
    const words = now.state === "ios" ? "ios" : isOn() ? "on" : "text";
    const cross = element("button", { type: "button", class: "cross", "aria-label": word("close") }, picture(CROSS, "line"));
    cross.addEventListener("click", shut);
    panel.replaceChildren(cross, element("p", { dir: "auto" }, word(words)), list ?? "",
      element("div", { class: "acts" }, ...(now.state === "ios" ? [] : acts)));
    sayFor();
    panel.hidden = false;
    opener.setAttribute("aria-expanded", "true");
    (panel.querySelector("input, .acts button") || cross).focus();
  }

  function shut() {
    panel.hidden = true;
    opener.setAttribute("aria-expanded", "false");
    opener.focus();
  }

  opener.addEventListener("click", async () => {
    if (!panel.hidden) {
      shut();
    } else if (isOn() || now.state === "ios" || [].concat(prompt.topics ?? []).length) {
      await open();
    } else {
      sayFor({ subscribed: "on", blocked: "blocked", error: "failed" }[await handlers.accept([])]);
    }
  });
  host.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") {
      return;
    }
    if (!panel.hidden) {
      shut();
    } else if (message.textContent) {
      sayFor();
    } else if (isBell) {
      host.remove(); // for this page
    }
  });

  function update(next) {
    now = { ...now, ...next };
    opener.hidden = !(isOn() || isOff());
    opener.setAttribute("aria-busy", String(Boolean(now.busy)));
    opener.classList.toggle("on", isOn());
    if (!isBell) {
      opener.textContent = word(isOn() ? "on" : "allow");
    }
  }

  root.append(message, panel, opener);
  opener.setAttribute("aria-expanded", "false");
  update({});
  return { close: () => host.remove(), update };
}

export function draw(given, handlers) {
  const { kind } = given.prompt;
  const made = { backdrop: drawBackdrop, bell: drawSwitch, button: drawSwitch }[kind] || drawCard;
  return made(given, handlers);
}

// --- How they look

const STYLE = `
  :host { display: block !important; --paper: #fff; --ink: #1d2939; --accent: #155eef; --on: #fff; --line: #0002; }
  .root { all: initial; font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink); }
  @media (prefers-color-scheme: dark) {
    :host { --paper: #1d2939; --ink: #f2f4f7; --accent: #84adff; --on: #101828; --line: #fff3; } }
  * { box-sizing: border-box; }
  [hidden] { display: none !important; }
  h2, p, fieldset { margin: 0; padding: 0; border: 0; }
  h2 { font-size: 17px; line-height: 1.3; font-weight: 650; overflow-wrap: anywhere; }
  p { overflow-wrap: anywhere; }
  .card { position: fixed; z-index: 2147483001; display: grid; gap: 16px; width: min(420px, calc(100vw - 24px));
    max-height: calc(100vh - 24px); overflow: auto; padding: 20px; border-radius: 14px;
    color: var(--ink); background: var(--paper); box-shadow: 0 0 0 1px var(--line), 0 12px 40px #0004; }
  .head { display: flex; gap: 14px; align-items: flex-start; }
  .words { display: grid; gap: 4px; min-width: 0; }
  .logo { flex: none; width: 48px; height: 48px; border-radius: 10px; object-fit: contain; }
  svg.logo { padding: 10px; color: var(--on); background: var(--accent); }
  svg { display: block; fill: currentColor; }
  svg.line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; }
  .acts { display: flex; flex-wrap: wrap; gap: 8px; justify-content: flex-end; }
  .acts:empty, p:not([role]):empty { display: none; }
  p[role=status]:empty { position: absolute; }
  button { font: inherit; cursor: pointer; border: 0; }
  .allow, .later { min-height: 44px; padding: 8px 18px; border-radius: 10px; font-weight: 600; }
  .allow { color: var(--on); background: var(--accent); }
  .later { color: inherit; background: transparent; box-shadow: inset 0 0 0 1px var(--line); }
  .allow:hover { filter: brightness(1.08); }
  .later:hover, .cross:hover { background: var(--line); }
  button:disabled, [aria-busy=true] > .acts, button[aria-busy=true] { opacity: .6; cursor: default; }
  button:focus-visible, input:focus-visible { outline: 3px solid #2e90fa; outline-offset: 2px; }
  legend { padding: 0 0 8px; font-weight: 600; }
  label { display: flex; gap: 10px; align-items: center; min-height: 36px; cursor: pointer; }
  input { width: 20px; height: 20px; margin: 0; accent-color: var(--accent); }
  :host([data-place^=top]) .card { top: 12px; }
  :host([data-place^=bottom]) .card { bottom: 12px; }
  :host([data-place=top]) .card, :host([data-place=bottom]) .card { left: 50%; transform: translateX(-50%); }
  :host([data-place$=left]) .card { left: 12px; }
  :host([data-place$=right]) .card { right: 12px; }
  :host([data-place=centre]) .card { top: 50%; left: 50%; transform: translate(-50%, -50%); }
  :host([data-kind=bar]) .card { left: 0; right: 0; width: auto; max-width: none; transform: none; border-radius: 0;
    grid-template-columns: minmax(0, 1fr) auto; align-items: center; padding: 12px 20px; }
  :host([data-kind=bar][data-place=top]) .card { top: 0; }
  :host([data-kind=bar][data-place=bottom]) .card { bottom: 0; }
  :host([data-kind=bar]) .head { align-items: center; }
  .veil { position: fixed; z-index: 2147483000; inset: 0; background: #000a; }
  :host([data-kind=backdrop]) .veil { background: #000d; display: grid; gap: 8px; align-content: end; justify-items: center;
    padding: 0 24px 15vh; color: #fff; text-align: center; }
  :host([data-kind=backdrop]) h2 { font-size: 24px; }
  .hint { opacity: .8; }
  :host([data-kind=bell]) .root { position: fixed; z-index: 2147483000; bottom: 16px; display: flex; gap: 12px;
    align-items: flex-end; }
  :host([data-kind=bell][data-place=bottom-right]) .root { right: 16px; }
  :host([data-kind=bell][data-place=bottom-left]) .root { left: 16px; flex-direction: row-reverse; }
  :host([data-kind=bell]) .panel { bottom: 76px; width: min(320px, calc(100vw - 32px)); }
  :host([data-kind=bell][data-place=bottom-right]) .panel { right: 16px; left: auto; }
  :host([data-kind=bell][data-place=bottom-left]) .panel { left: 16px; }
  .bell { width: 48px; height: 48px; padding: 12px; border-radius: 50%; color: var(--on); background: var(--accent);
    box-shadow: 0 2px 10px #0005; }
  .bell.on { color: var(--ink); background: var(--paper); box-shadow: 0 0 0 1px var(--line), 0 2px 10px #0003; }
  .said:not(:empty) { max-width: 240px; padding: 10px 14px; border-radius: 10px; color: var(--ink);
    background: var(--paper); box-shadow: 0 0 0 1px var(--line), 0 2px 10px #0003; }
  .panel > p { padding-inline-end: 32px; }
  .cross { position: absolute; top: 10px; inset-inline-end: 10px; width: 32px; height: 32px; padding: 6px;
    border-radius: 8px; color: inherit; background: transparent; }
  :host([data-place=inline]) { display: inline-block !important; }
  :host([data-place=inline]) .root { position: relative; display: inline-block; }
  :host([data-place=inline]) .panel { position: absolute; top: calc(100% + 8px); inset-inline-start: 0; width: 300px; }
  @media (max-width: 560px) {
    :host(:not([data-place=inline])) .card:not(.panel) { left: 12px; right: 12px; width: auto; transform: none; }
    :host([data-place=centre]) .card:not(.panel) { top: auto; bottom: 12px; }
    :host([data-kind=bar]) .card { left: 0 !important; right: 0 !important; grid-template-columns: minmax(0, 1fr); }
    .acts > * { flex: 1; } }
  @media (prefers-reduced-motion: no-preference) {
    .card, .veil { animation: come .18s ease-out; }
    @keyframes come { from { opacity: 0; } } }
  @media print { :host { display: none !important; } }`;

const hex = (value) => (/^#[0-9a-f]{6}$/i.test(value) ? value : "");

/** WCAG 2.2's relative luminance of #rrggbb. */
function luminance(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Whichever of black and white is read better on it: above 0.179 that is black. */
const readableOn = (colour) => (luminance(colour) > 0.179 ? "#000" : "#fff");

function coloursOf(look) {
  const { accent, ink, paper } = { accent: hex(look.accent), ink: hex(look.ink), paper: hex(look.paper) };
  const lines = [
    accent && `--accent: ${accent}; --on: ${readableOn(accent)};`,
    paper && `--paper: ${paper}; --ink: ${ink || readableOn(paper)};`,
    paper && `--line: ${readableOn(paper) === "#000" ? "#0002" : "#fff3"};`,
  ].filter(Boolean);
  return lines.length ? `:host { ${lines.join(" ")} }` : "";
}
