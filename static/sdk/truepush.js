/*
 * Truepush loader: asks on a click, keeps the subscription known to the server, tells the page how it stands.
 *
 *   window.truepush = window.truepush || [];
 *   truepush.push((api) => api.on("state", (state) => …));
 *
 * api.state()         unsupported | blocked | default | subscribed | unsubscribed | error
 * api.subscribe()     only while a click or key press is being handled; resolves to the state, never rejects
 * api.unsubscribe()   resolves to the state, never rejects
 * api.on("state" | "error", handler)   returns a function that ends it
 *
 * Elements: data-truepush="subscribe" and "unsubscribe" act on a click, "status" is given text; all of them
 * carry data-truepush-state for the page's style sheet. A page without a subscribe element gets a small bell.
 */
(() => {
  "use strict";

  const DAY = 24 * 60 * 60 * 1000;
  const PATIENCE = 30 * 1000; // without its push service a browser may leave subscribe() open for ever
  const OFF = "Notifications are off.";
  const SAY = {
    unsupported: "This browser cannot show notifications from this website.",
    blocked: "Notifications are blocked. You can allow them in the browser's settings for this website.",
    default: OFF,
    subscribed: "Notifications are on.",
    unsubscribed: OFF,
    error: "That did not work. Please try again later.",
  };

  const script = document.currentScript || document.querySelector('script[src*="/sdk/v1/"]');
  const [base, siteKey] = /^https?:.+\/sdk\/v1\/([^/?#]+)\/(?=truepush\.js)/.exec(script?.src) || [];
  const queue = window.truepush; // or an element of the page with that id
  if (!base || (queue?.push && !Array.isArray(queue))) {
    return; // the snippet is on the page twice, and the first one serves both
  }

  // --- What we keep here: {endpoint, key, subscriber, sent}. Where storage is blocked it dies with the page.

  const name = `truepush:${siteKey}`;
  let record = {};

  function recall() {
    try {
      record = Object(JSON.parse(localStorage.getItem(name)));
    } catch {} // blocked, or written by someone else: what this page knows is all there is
    return record;
  }

  function remember(next) {
    record = next;
    try {
      localStorage.setItem(name, JSON.stringify(next));
    } catch {} // blocked or full: the next page sends the subscription again
  }

  // --- State and events

  const handlers = new Map([["state", new Set()], ["error", new Set()]]);
  let state = firstState();

  function firstState() {
    try {
      if (!window.Notification || !window.PushManager || !navigator.serviceWorker) {
        return "unsupported";
      }
    } catch {
      return "unsupported"; // a sandboxed frame refuses the question itself
    }
    if (Notification.permission !== "granted") {
      return Notification.permission === "denied" ? "blocked" : "default";
    }
    return recall().endpoint ? "subscribed" : "unsubscribed";
  }

  /** An error of the page's own code stays the page's own: seen in its console, harmless to ours. */
  function call(handler, value) {
    try {
      handler(value);
    } catch (error) {
      Promise.reject(error);
    }
  }

  function become(next) {
    if (state !== next) {
      state = next;
      render();
      handlers.get("state").forEach((handler) => call(handler, state));
    }
    return state;
  }

  function complain(error) {
    console.warn(`Truepush: ${error.message}`);
    handlers.get("error").forEach((handler) => call(handler, error));
  }

  function fail(error) {
    complain(error);
    return become("error");
  }

  // --- The server. No cookies, ever.

  let loading = null;
  const loadSettings = () => (loading = loading || fetchSettings().catch((error) => {
    loading = null; // the next click may find the server again
    throw error;
  }));

  /** Only named values are read, and each is made what it must be: nothing else in there can matter. */
  async function fetchSettings() {
    const response = await fetch(`${base}settings.json`, { credentials: "omit" });
    const given = response.ok ? Object(await response.json()) : {};
    const worker = Object(given.worker);
    const file = new URL(String(worker.path || "/truepush/worker.js"), location.origin);
    const scope = new URL(String(worker.scope || "/truepush/"), location.origin);
    file.searchParams.set("k", siteKey);
    const foreign = file.origin !== location.origin || scope.origin !== location.origin;
    if (typeof given.vapid_key !== "string" || foreign) {
      throw new Error(`no usable settings for site ${siteKey} here (answer ${response.status})`);
    }
    const title = String(given.name || location.hostname);
    return { title, key: given.vapid_key.replace(/=+$/, ""), file: file.href, scope: scope.href };
  }

  async function post(path, body) {
    const request = { method: "POST", credentials: "omit", keepalive: true, body: JSON.stringify(body) };
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(base + path, { ...request, headers });
    if (!response.ok) {
      throw new Error(`${path} of site ${siteKey} answered ${response.status}`);
    }
    return response.status === 204 ? {} : response.json();
  }

  /** At most once a day for what the server has already acknowledged. */
  async function tellServer(subscription, key) {
    const before = recall();
    const { endpoint, keys } = subscription.toJSON();
    const known = before.endpoint === endpoint && before.key === key;
    if (known && Math.abs(Date.now() - before.sent) < DAY) {
      return;
    }
    const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const old_endpoint = before.endpoint === endpoint ? undefined : before.endpoint;
    const body = { endpoint, keys, old_endpoint, profile: { language: navigator.language, time_zone } };
    try {
      const { subscriber } = await post("subscriptions", body);
      remember({ endpoint, key, subscriber, sent: Date.now() });
    } catch (error) {
      if (!known) {
        throw error; // else the server has had it since an earlier day, and the next page tries again
      }
    }
  }

  // --- The browser's part: our worker in its own scope, and its subscription

  /** Where ours is missing getRegistration() answers with the page's own worker: the scope must be equal. */
  async function ours({ scope }) {
    const registration = await navigator.serviceWorker.getRegistration(scope);
    return registration?.scope === scope ? registration : undefined;
  }

  /** Only if needed: in Chromium it waits for seconds behind the update that the page before asked for. */
  async function register({ file, scope }) {
    const present = await ours({ scope });
    if (present?.active?.scriptURL === file) {
      return present;
    }
    const registration = await navigator.serviceWorker.register(file, { scope, updateViaCache: "none" });
    const worker = registration.installing || registration.waiting;
    while (!registration.active) {
      if (worker.state === "redundant") {
        throw new Error(`the worker ${file} did not start`);
      }
      await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
    }
    return registration;
  }

  function madeWith(key, { options }) {
    const text = btoa(String.fromCharCode(...new Uint8Array(options.applicationServerKey)));
    return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "") === key;
  }

  async function subscriptionOf({ pushManager }, key) {
    const existing = await pushManager.getSubscription();
    if (existing && madeWith(key, existing)) {
      return existing;
    }
    await existing?.unsubscribe(); // made with another key: it can never be sent to again
    const silence = new Error("the browser's push service does not answer");
    const late = new Promise((resolve, reject) => setTimeout(reject, PATIENCE, silence));
    const wanted = { userVisibleOnly: true, applicationServerKey: key };
    return Promise.race([pushManager.subscribe(wanted), late]);
  }

  // --- Verbs. One tab at a time: a second one renewing the same subscription would undo the first.

  function alone(work) {
    return navigator.locks ? navigator.locks.request(name, work) : work();
  }

  async function connect(settings) {
    const registration = await register(settings);
    await tellServer(await subscriptionOf(registration, settings.key), settings.key);
    become("subscribed");
  }

  /** On every page: who is subscribed stays so, with today's key, endpoint and worker. */
  async function resync(settings) {
    const registration = await ours(settings);
    if ((await registration?.pushManager.getSubscription()) || recall().endpoint) {
      await connect(settings);
      registration?.update().catch(() => {}); // calls a bad worker back; offline it can wait
    } else {
      become("unsubscribed");
    }
  }

  async function subscribe() {
    if (navigator.userActivation?.isActive === false) {
      console.warn("Truepush: subscribe() works only while a click or key press is being handled");
      return state;
    }
    const permission = await Notification.requestPermission(); // first of all, while the gesture counts
    if (permission !== "granted") {
      return become(permission === "denied" ? "blocked" : "default");
    }
    await alone(async () => connect(await loadSettings()));
    return state;
  }

  async function unsubscribe() {
    const settings = await loadSettings();
    await alone(async () => {
      const { endpoint, subscriber } = recall();
      const subscription = await (await ours(settings))?.pushManager.getSubscription();
      await subscription?.unsubscribe();
      remember({});
      if (endpoint && subscriber) {
        // The browser has let go: should this be lost, the push service answers "gone" to the next message.
        post("unsubscribe", { endpoint, subscriber }).catch(() => {});
      }
    });
    return become(firstState());
  }

  let running = null;

  /** A second click joins the first. */
  async function once(verb) {
    if (state === "unsupported") {
      return state;
    }
    running = running || verb().catch(fail).finally(() => {
      running = null;
      render();
    });
    render();
    return running;
  }

  // --- The page

  function render() {
    for (const element of document.querySelectorAll("[data-truepush]")) {
      element.dataset.truepushState = state;
      if (element.dataset.truepush === "status" && element.textContent !== SAY[state]) {
        element.textContent = SAY[state];
      }
    }
    bell && renderBell();
  }

  function onClick(event) {
    const element = event.composedPath().find((node) => node.dataset?.truepush);
    const wish = element?.dataset.truepush;
    if (wish === "subscribe" || wish === "unsubscribe") {
      event.preventDefault();
      once(wish === "subscribe" ? subscribe : unsubscribe);
    }
  }

  // --- The bell. No markup is parsed and no style attribute set: a strict content security policy allows it.

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
  let bell = null;

  function element(tag, attributes, ...children) {
    const kind = tag === "svg" || tag === "path" ? "2000/svg" : "1999/xhtml";
    const made = document.createElementNS(`http://www.w3.org/${kind}`, tag);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.append(...children);
    return made;
  }

  function buildBell(title) {
    const host = element("truepush-bell", {});
    const message = element("p", { role: "status" });
    const shape = element("path", { d: SHAPE });
    const icon = element("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, shape);
    const label = `Get notifications from ${title}`;
    const button = element("button", { type: "button", "aria-label": label, title: label }, icon);
    bell = { button, message, asked: false, dismissed: false };
    button.addEventListener("click", () => {
      bell.asked = true;
      once(subscribe);
    });
    host.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        bell.dismissed = !message.textContent; // first what is said, then the bell itself for this page
        renderBell();
      }
    });
    const root = host.attachShadow({ mode: "open" });
    root.append(message, button);
    root.adoptedStyleSheets = [new CSSStyleSheet()];
    root.adoptedStyleSheets[0].replaceSync(STYLE);
    document.body.append(host);
    renderBell();
  }

  function renderBell() {
    const off = SAY[state] === OFF;
    const done = bell.asked && !running && !off;
    const replaced = bell.dismissed || document.querySelector('[data-truepush="subscribe"]');
    bell.button.hidden = Boolean(replaced) || !(off || state === "error");
    bell.button.setAttribute("aria-busy", String(Boolean(running)));
    bell.message.textContent = done ? SAY[state] : "";
    bell.asked = bell.asked && !done; // said once
    done && setTimeout(renderBell, 8000);
  }

  /** Clicks that arrive as a page address: Safari opens `navigate` by itself, tp_c and all. */
  async function reportClick() {
    const parts = location.search.slice(1).split("&");
    const mark = parts.find((part) => part.startsWith("tp_c="));
    if (!mark) {
      return;
    }
    const rest = parts.filter((part) => !part.startsWith("tp_c=")).join("&");
    history.replaceState(history.state, "", location.pathname + (rest && `?${rest}`) + location.hash);
    const token = mark.slice(5);
    if (/^[\w-]{1,200}$/.test(token)) {
      const body = JSON.stringify({ receipts: [{ token, kind: "clicked" }] });
      const request = { method: "POST", mode: "no-cors", credentials: "omit", keepalive: true, body };
      fetch(new URL("../receipts", base), request).catch(() => {});
    }
  }

  // --- Start

  const api = Object.freeze({
    state: () => state,
    subscribe: () => once(subscribe),
    unsubscribe: () => once(unsubscribe),
    on(event, handler) {
      handlers.get(event)?.add(handler);
      return () => handlers.get(event)?.delete(handler);
    },
  });

  async function start() {
    const run = (task) => typeof task === "function" && call(task, api);
    window.truepush = { push: (...tasks) => tasks.forEach(run) };
    document.addEventListener("click", onClick);
    (Array.isArray(queue) ? queue : []).forEach(run);
    reportClick().catch(complain);
    if (document.readyState === "loading") {
      await new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve));
    }
    render();
    if (state === "unsupported" || state === "blocked") {
      return;
    }
    const settings = await loadSettings();
    if (document.adoptedStyleSheets) {
      buildBell(settings.title);
    }
    if (Notification.permission === "granted") {
      await alone(() => resync(settings)).catch(fail);
    }
  }

  start().catch(complain); // nobody has asked for anything yet: the state stays what it is
})();
