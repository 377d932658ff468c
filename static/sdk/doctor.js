/*
 * Truepush doctor: looks at an installation from inside of the page, for whoever opened it with #truepush-check.
 *
 * It changes nothing; its report goes to the clipboard only, and names no endpoint and no secret. PROVIDERS is above.
 */
const [, base, siteKey] = /#(.+\/sdk\/v1\/([^/]+)\/)$/.exec(import.meta.url); // the loader's, which imports this
const sdk = new URL(base).origin;
const LOADER = /\/sdk\/v1\/([\w-]+)\/truepush\.js/;
const SCRIPT = /^(text|application)\/(x-)?(javascript|ecmascript)$/;
const PATIENCE = 8000;
const MOST_WORKERS = 8;
const HOUR = 3600 * 1000;
const ORDER = ["problem", "warning", "unknown", "good"];
const SIGNS = { problem: "×", warning: "!", unknown: "?", good: "✓" };

const finding = (state) => (title, found = "", remedy = "") => ({ state, title, found, remedy });
const [problem, warning, unknown, good] = ORDER.map(finding);

// --- What the page's policies stopped, also before this file came where the browser tells of that

const stopped = new Map();
const tried = new Set(); // files of the page that this check itself wanted to read

function noteViolation({ disposition, effectiveDirective, blockedURI, blockedURL, originalPolicy: policy }) {
  const blocked = String(blockedURI ?? blockedURL ?? "");
  if (disposition === "enforce" && !(effectiveDirective === "connect-src" && tried.has(blocked))) {
    stopped.set(`${effectiveDirective} ${blocked}`, { directive: effectiveDirective, blocked, policy });
  }
}

document.addEventListener("securitypolicyviolation", noteViolation);
if (window.ReportingObserver) {
  const note = (reports) => reports.forEach(({ body }) => noteViolation(body));
  new ReportingObserver(note, { types: ["csp-violation"], buffered: true }).observe();
}

const WIDER = { "script-src-elem": ["script-src"], "worker-src": ["child-src", "script-src"] };
const BY_NONCE = "With 'strict-dynamic' hosts count for nothing: give the snippet's element the page's nonce.";
const directiveOf = (policy, name) => // [name, source, …]
  String(policy).toLowerCase().split(";").map((one) => one.trim().split(/\s+/)).find(([first]) => first === name);

/** Others' violations are counted only: what a page keeps out is its own affair. */
function policies({ scriptPath }) {
  const mine = ({ blocked }) => blocked.startsWith(sdk) || blocked.startsWith(location.origin + scriptPath);
  const all = [...stopped.values()];
  const ours = all.filter(mine);
  if (!ours.length) {
    const others = all.length ? ` ${all.length} of other things.` : "";
    return [good("No policy stopped anything of ours", `Content-Security-Policy violations: none of ours.${others}`)];
  }
  return ours.map(({ directive, blocked, policy }) => {
    const source = blocked.startsWith(sdk) ? sdk : "'self'";
    // A browser names what it would go by; the page may have a wider one only: a new one then needs what that one has.
    const chain = [directive, ...(WIDER[directive] ?? []), "default-src"];
    const there = chain.find((one) => directiveOf(policy, one)) ?? directive;
    const wanted = directive.replace("-elem", "");
    const remedy = [directive, wanted].includes(there)
      ? `Add ${source} to ${there} in the page's Content-Security-Policy.`
      : `Add to the page's Content-Security-Policy: ${wanted} with what ${there} has, and ${source}.`;
    const isByNonce = wanted === "script-src" && directiveOf(policy, there)?.includes("'strict-dynamic'");
    const title = "The Content-Security-Policy stopped a request";
    return problem(title, `${directive}: ${blocked}`, isByNonce ? BY_NONCE : remedy);
  });
}

// --- The page and the browser

function snippet() {
  const keys = [...document.scripts].map(({ src }) => LOADER.exec(src)?.[1]).filter(Boolean);
  const foreign = keys.filter((key) => key !== siteKey);
  const found = [good("The snippet is loaded", `Site key ${siteKey}`)];
  if (foreign.length) {
    const remedy = "Keep the snippet of the website that this page is, and take the other out.";
    return [warning("The page has two websites' snippets", [siteKey, ...foreign].join(", "), remedy)];
  }
  return keys.length > 1 ? [warning("The snippet is there twice", "", "Take one out; the first serves both.")] : found;
}

function providerOf(text) {
  const lower = text.toLowerCase();
  return Object.keys(PROVIDERS).find((name) => PROVIDERS[name].some((mark) => lower.includes(mark)));
}

function others() {
  const names = new Set([...document.scripts].map(({ src }) => providerOf(src)).filter(Boolean));
  const remedy = "Two providers ask the visitor twice. When you have moved, take the other one's script out.";
  return [...names].map((name) => warning(`${name} is on the page too`, "", remedy));
}

function secure() {
  return window.isSecureContext
    ? [good("The page is secure", location.origin)]
    : [problem("The page is not secure", location.origin, "Browsers allow push on https only: let the page answer there.")];
}

function support() {
  const needed = { "service workers": "serviceWorker" in navigator, "the Push API": "PushManager" in window };
  const missing = Object.entries({ ...needed, notifications: "Notification" in window }).filter(([, there]) => !there);
  if (!missing.length) {
    return [good("This browser can do push")];
  }
  const names = missing.map(([name]) => name).join(", ");
  const remedy = /iP(hone|ad|od)/.test(navigator.userAgent)
    ? "On iPhone and iPad the website must be on the Home Screen, and opened from there."
    : "Use another browser, and no private window.";
  return [problem("This browser cannot do push here", `Missing: ${names}`, remedy)];
}

function permission() {
  const found = window.Notification?.permission ?? "none";
  const says = {
    granted: good("Notifications are allowed"),
    default: good("Nobody was asked yet", "", "Subscribe to see the rest."),
    denied: problem("Notifications are blocked", "The visitor, or the browser by itself, said no.",
      "Allow them in the browser's settings for this website: the sign beside its address."),
  };
  return [says[found] ?? unknown("There is no permission to read", found)];
}

function storage() {
  try {
    localStorage.setItem("truepush:check", "1");
    localStorage.removeItem("truepush:check");
    return [good("Storage can be used", window.indexedDB ? "" : "IndexedDB is missing.")];
  } catch (error) {
    const remedy = "Subscribing works, but each page tells the server anew. Allow the website to keep data.";
    return [warning("Storage cannot be used", error.name, remedy)];
  }
}

function recordOf() {
  try {
    return Object(JSON.parse(localStorage.getItem(`truepush:${siteKey}`)));
  } catch {
    return {};
  }
}

// --- The server

/** What is known of the website, and a finding of how that came. */
async function readSettings() {
  const asked = await fetch(`${base}settings.json`, { credentials: "omit" }).catch(() => null);
  const given = asked?.ok ? Object(await asked.json().catch(() => null)) : {};
  const { path = "/truepush/worker.js", scope = "/truepush/" } = Object(given.worker);
  const settings = { key: given.vapid_key, scriptPath: path, scope: new URL(scope, location.origin).href };
  const blocked = `Nothing came from ${sdk}: a policy, a blocker in this browser, or the network.`;
  const why = asked ? `It answered ${asked.status}` : blocked;
  const remedy = asked ? "Copy the snippet from the console again." : "Try without extensions; look at the policy below.";
  const state = settings.key
    ? good("The settings are read", `${given.name}, from ${sdk}`)
    : problem("The settings could not be read", why, remedy);
  return { settings, state };
}

/** A call that is sure to be refused: may the page read why, then its address is one of the website's. */
async function registered({ key }) {
  const headers = { "Content-Type": "application/json" };
  const request = { method: "POST", credentials: "omit", headers, body: "{}" };
  const answer = key && (await fetch(`${base}subscriptions`, request).catch(() => null));
  if (answer) {
    return [good("The address is registered", location.origin)];
  }
  const remedy = `In the console, edit the website and give ${location.origin} as its address, or open the right one.`;
  return key
    ? [problem("This address may not make calls", `${location.origin} is none of the website's addresses.`, remedy)]
    : [unknown("The address was not looked at", "There are no settings to go by.")];
}

// --- Workers and subscriptions

/** Answers nothing where a policy, a worker of the page or the network is against it. */
function read(address) {
  tried.add(address);
  return fetch(address, { redirect: "manual", cache: "no-store" }).catch(() => null);
}

const scriptOf = ({ active, waiting, installing }) => (active ?? waiting ?? installing)?.scriptURL ?? "";

async function file({ scriptPath }) {
  const address = `${location.origin}${scriptPath}?k=${encodeURIComponent(siteKey)}`;
  const answer = await read(address);
  const remedy = "Put the worker file from the console there.";
  const type = answer?.headers.get("Content-Type")?.split(";")[0].trim().toLowerCase() ?? "";
  if (!answer) {
    return [unknown("The worker file could not be read", scriptPath, "A policy stops reading it; that does no harm.")];
  }
  if (answer.type === "opaqueredirect") {
    return [problem("The worker file leads on", scriptPath, "Let it answer by itself: browsers follow no redirect here.")];
  }
  if (!answer.ok || !SCRIPT.test(type)) {
    return [problem("There is no worker file", `${scriptPath}: ${answer.status} ${type}`, remedy)];
  }
  return (await answer.text()).includes(`${sdk}/w/${siteKey}.js`)
    ? [good("The worker file is in its place", scriptPath)]
    : [problem("The worker file is not this website's", `${scriptPath} does not import ${sdk}/w/${siteKey}.js`, remedy)];
}

/** Workers are known by their address, and by what their file says if this page may read it. */
async function describe(registration, mine) {
  const script = scriptOf(registration);
  const text = mine || !script ? "" : (await (await read(script))?.text()) ?? "";
  const where = `${new URL(script || registration.scope).pathname}, scope ${new URL(registration.scope).pathname}`;
  return { registration, mine, script, where, provider: mine ? "" : providerOf(script + text) };
}

async function known({ scope }) {
  const all = (await navigator.serviceWorker?.getRegistrations?.()) ?? [];
  return Promise.all(all.slice(0, MOST_WORKERS).map((one) => describe(one, one.scope === scope)));
}

function ours({ scriptPath }, workers) {
  const own = workers.find(({ mine }) => mine);
  if (!own) {
    return [good("Our worker is not registered yet", "It is with the first subscription in this browser.")];
  }
  const path = new URL(own.script || location.href).pathname;
  if (path !== scriptPath) {
    return [warning("Another worker is in our scope", own.where, "It is replaced with the next subscription.")];
  }
  return own.registration.active
    ? [good("Our worker is active", own.where)]
    : [problem("Our worker does not start", own.where, "Look at the worker file, and its policy (script-src).")];
}

function rest(workers) {
  return workers.filter(({ mine }) => !mine).map(({ where, provider }) => {
    const remedy = "Its subscribers can be imported; until then leave its file where it is.";
    return provider
      ? warning(`A worker of ${provider} is registered`, where, remedy)
      : good("Another worker lives beside ours", where);
  });
}

function keyOf({ options }) {
  const octets = new Uint8Array(options?.applicationServerKey ?? []);
  return btoa(String.fromCharCode(...octets)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

async function subscriptions({ key }, workers) {
  const found = [];
  for (const { registration, mine, where } of workers) {
    const one = await registration.pushManager?.getSubscription().catch(() => null);
    if (one && !mine) {
      found.push(warning("This browser has another subscription", `${where}; server key ${keyOf(one) || "none"}`));
    } else if (mine) {
      found.push(...(one ? subscribed(one, key) : [good("This browser is not subscribed")]));
    }
  }
  return found;
}

function subscribed(subscription, key) {
  const { endpoint, sent } = recordOf();
  const made = keyOf(subscription);
  const isSame = made === String(key).replace(/=+$/, "");
  const hours = Math.round((Date.now() - sent) / HOUR);
  return [
    isSame
      ? good("The subscription is of the website's key", made)
      : warning("The subscription is of another key", `${made}, not ${key}`, "It is renewed with the next page."),
    endpoint === subscription.endpoint
      ? good("The server knows the subscription", hours ? `Told ${hours} h ago` : "Told within the hour")
      : warning("The server may not know the subscription", "", "Open another page; it is told then."),
  ];
}

// --- All of it

const within = (work, title) => {
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, [unknown(title, "It took too long.")]));
  const failed = (error) => [unknown(title, String(error.name ?? error))];
  return Promise.race([Promise.resolve().then(work).catch(failed), late]);
};

async function examine() {
  const { settings, state } = await readSettings();
  const workers = await Promise.race([known(settings), new Promise((resolve) => setTimeout(resolve, PATIENCE, []))]);
  const parts = await Promise.all([
    within(snippet, "Snippet"),
    [state],
    within(() => registered(settings), "Address"),
    within(secure, "Secure context"),
    within(support, "Browser"),
    within(permission, "Permission"),
    within(storage, "Storage"),
    within(() => file(settings), "Worker file"),
    within(() => ours(settings, workers), "Our worker"),
    within(() => rest(workers), "Other workers"),
    within(() => subscriptions(settings, workers), "Subscription"),
    within(others, "Other providers"),
  ]);
  const all = [...parts.flat(), ...policies(settings)];
  return all.sort((one, two) => ORDER.indexOf(one.state) - ORDER.indexOf(two.state));
}

function reportOf(findings) {
  const textOf = ({ state, title, found, remedy }) => [`[${state}] ${title}`, found, remedy].filter(Boolean).join(" | ");
  const page = location.origin + location.pathname;
  return ["Truepush check", page, navigator.userAgent, new Date().toISOString(), ...findings.map(textOf)].join("\n");
}

// --- The panel. No markup is parsed and no style attribute set: a strict content security policy allows it.

const COLOURS = ORDER.map((state) => `.${state} b { background: var(--${state}); }`).join(" ");
const STYLE = `
  :host { all: initial; position: fixed; inset: auto 16px 16px auto; z-index: 2147483001; color-scheme: light dark;
    font: 14px/1.45 system-ui, sans-serif; --ink: #1d2939; --soft: #5d6b82; --paper: #fff; --line: #1d29391f;
    --problem: #b42318; --warning: #93540a; --unknown: #5d6b82; --good: #067647; }
  section { display: flex; flex-direction: column; width: min(420px, 100vw - 32px); max-height: min(640px, 100vh - 32px);
    border: 1px solid var(--line); border-radius: 12px; color: var(--ink); background: var(--paper);
    box-shadow: 0 16px 48px #0005; box-sizing: border-box; overflow: hidden; outline: 0; }
  header, footer { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; padding: 14px 16px; }
  header { justify-content: space-between; border-bottom: 1px solid var(--line); }
  footer { border-top: 1px solid var(--line); }
  h2, h3, p, ul { margin: 0; padding: 0; } h2 { font-size: 15px; } h3 { font-size: 14px; font-weight: 600; }
  header p, li p { font-size: 13px; color: var(--soft); overflow-wrap: anywhere; } li p + p { color: var(--ink); }
  ul { list-style: none; overflow: auto; } li { display: grid; grid-template-columns: 20px minmax(0, 1fr); gap: 10px;
    padding: 10px 16px; } li + li { border-top: 1px solid var(--line); }
  b { display: grid; place-items: center; width: 20px; height: 20px; border-radius: 50%; color: var(--paper);
    font-size: 12px; line-height: 1; }
  ${COLOURS}
  button { padding: 6px 12px; border: 1px solid var(--line); border-radius: 8px; color: inherit; background: none;
    font: inherit; cursor: pointer; } button:hover { background: var(--line); }
  button:focus-visible { outline: 2px solid #2e90fa; outline-offset: 1px; }
  textarea { width: 100%; height: 96px; box-sizing: border-box; font: 12px/1.4 ui-monospace, monospace; }
  @media (prefers-color-scheme: dark) { :host { --ink: #f2f4f7; --soft: #a5b0c2; --paper: #161d29; --line: #f2f4f726;
    --problem: #fda29b; --warning: #fec84b; --unknown: #a5b0c2; --good: #75e0a7; } }
  @media print { :host { display: none; } }`;

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.append(...children);
  return made;
}

function itemOf({ state, title, found, remedy }) {
  const sign = element("b", { role: "img", "aria-label": state }, SIGNS[state]);
  const texts = [found, remedy].filter(Boolean).map((text) => element("p", {}, text));
  return element("li", { class: state }, sign, element("div", {}, element("h3", {}, title), ...texts));
}

function open() {
  document.querySelector("truepush-doctor")?.remove();
  const host = element("truepush-doctor", {});
  const says = element("p", { role: "status" });
  const list = element("ul", {});
  const copy = element("button", { type: "button" }, "Copy report");
  const again = element("button", { type: "button" }, "Check again");
  const close = element("button", { type: "button" }, "Close");
  const title = element("h2", { id: "title" }, "Truepush check");
  const footer = element("footer", {}, copy, again);
  const panel = element("section", { role: "dialog", "aria-labelledby": "title", tabindex: "-1" });
  let findings = [];
  let busy = false; // a button that is disabled would lose the focus, and Escape with it

  async function look() {
    if (busy) {
      return;
    }
    busy = true;
    says.textContent = "Looking…";
    findings = await examine();
    const many = (state) => findings.filter((one) => one.state === state).length;
    const [bad, hints] = [many("problem"), many("warning") + many("unknown")];
    says.textContent = bad || hints ? `${bad} problem${bad === 1 ? "" : "s"}, ${hints} to look at` : "All is well";
    list.replaceChildren(...findings.map(itemOf));
    busy = false;
  }

  async function copyReport() {
    const text = reportOf(findings);
    try {
      await navigator.clipboard.writeText(text);
      copy.textContent = "Copied";
    } catch {
      const field = element("textarea", { readonly: "", "aria-label": "Report" }, text);
      footer.replaceChildren(copy, again, field);
      field.select();
      copy.textContent = "Press Ctrl+C";
    }
  }

  copy.addEventListener("click", copyReport);
  again.addEventListener("click", look);
  close.addEventListener("click", () => host.remove());
  host.addEventListener("keydown", ({ key }) => key === "Escape" && host.remove());
  panel.append(element("header", {}, element("div", {}, title, says), close), list, footer);
  const root = host.attachShadow({ mode: "open" });
  root.append(panel);
  root.adoptedStyleSheets = [new CSSStyleSheet()];
  root.adoptedStyleSheets[0].replaceSync(STYLE);
  document.body.append(host);
  panel.focus();
  look();
}

open();
