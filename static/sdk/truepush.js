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
 * Of the visitor: api.addTags, removeTags, setAttributes, track, setExternalId (docs/sdk.md)
 *
 * Elements: data-truepush="subscribe" and "unsubscribe" act on a click, "status" is given text; all of them
 * carry data-truepush-state for the page's style sheet. A page without a subscribe element gets a small bell.
 */
(() => {
  "use strict";

  const VERSION = "1.1.0";
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

  // --- What we keep here: {endpoint, key, subscriber, sent} and what visitor.js adds. Else it dies with the page.

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

  const fail = (error) => (complain(error), become("error"));

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
    const old = [].concat(given.old_workers ?? []).map(String);
    return { title, old, key: given.vapid_key.replace(/=+$/, ""), file: file.href, scope: scope.href };
  }

  async function post(path, body) {
    const request = { method: "POST", credentials: "omit", keepalive: true, body: JSON.stringify(body) };
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(base + path, { ...request, headers });
    const { ok, status } = response;
    if (!ok) {
      throw Object.assign(new Error(`${path} of site ${siteKey} answered ${status}`), { status });
    }
    return response.headers.get("Content-Type")?.includes("json") ? response.json() : {};
  }

  let prompt; // by which the visitor agreed

  /** At most once a day for what the server has already acknowledged. */
  async function tellServer(subscription, key, replaced) {
    const before = recall();
    const { endpoint, keys } = subscription.toJSON();
    const known = before.endpoint === endpoint && before.key === key;
    if (known && !replaced && Math.abs(Date.now() - before.sent) < DAY) {
      return;
    }
    const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const old_endpoint = replaced || (before.endpoint === endpoint ? undefined : before.endpoint);
    const profile = { language: navigator.language, time_zone, sdk: VERSION, prompt };
    const body = { endpoint, keys, server_key: key, old_endpoint, profile };
    try {
      const { subscriber } = await post("subscriptions", body);
      remember({ ...recall(), endpoint, key, subscriber, sent: Date.now() });
    } catch (error) {
      if (!known) {
        throw error; // else the server has had it since an earlier day, and the next page tries again
      }
    }
  }

  // --- What the page knows of its visitor: a file of its own, loaded where something is said

  let visitor = null;

  function say(verb, ...given) {
    const ways = { recall, remember, post, alone, complain };
    visitor = visitor || import(`${base}visitor.js`).then((file) => file.open(ways));
    visitor.then((file) => file[verb](...given)).catch((error) => ((visitor = null), complain(error)));
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

  function keyOf({ options }) {
    const text = btoa(String.fromCharCode(...new Uint8Array(options.applicationServerKey)));
    return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  }

  async function subscriptionOf({ pushManager }, key) {
    const existing = await pushManager.getSubscription();
    if (existing && keyOf(existing) === key) {
      return existing;
    }
    await existing?.unsubscribe(); // made with another key: it can never be sent to again
    const silence = new Error("the browser's push service does not answer");
    const late = new Promise((_, reject) => setTimeout(reject, PATIENCE, silence));
    return Promise.race([pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }), late]);
  }

  /** Subscriptions that came here from another provider: the settings name the files of its workers. */
  async function inherited({ old }) {
    const found = [];
    for (const one of old.length ? await navigator.serviceWorker.getRegistrations() : []) {
      const worker = one.active || one.waiting || one.installing;
      const isOld = worker && old.includes(new URL(worker.scriptURL).pathname);
      found.push(isOld && (await one.pushManager.getSubscription()));
    }
    return found.filter(Boolean);
  }

  // --- Verbs. One tab at a time: a second one renewing the same subscription would undo the first.

  function alone(work) {
    return navigator.locks ? navigator.locks.request(name, work) : work();
  }

  async function connect(settings) {
    const others = await inherited(settings);
    try {
      const registration = await register(settings);
      const own = await subscriptionOf(registration, settings.key);
      for (const other of others) {
        await tellServer(own, settings.key, other.endpoint); // its row is ours from now on
        await other.unsubscribe().catch(() => {}); // the next page tries again
      }
      await tellServer(own, settings.key);
    } catch (error) {
      const [other] = others; // where no new one can be had it stays, known to the server
      await (other ? tellServer(other, keyOf(other)) : Promise.reject(error));
    }
    become("subscribed");
    say("countVisit");
  }

  /** On every page: who is subscribed stays so, with today's key, endpoint and worker. */
  async function resync(settings) {
    const registration = await ours(settings);
    const subscription = await registration?.pushManager.getSubscription();
    if (subscription || recall().endpoint || (await inherited(settings)).length) {
      await connect(settings);
      registration?.update().catch(() => {}); // calls a bad worker back; offline it can wait
    } else {
      become("unsubscribed");
    }
  }

  async function subscribe(by) {
    prompt = `${by} 1`; // its version: texts and looks that people agreed by
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

  let title; // comes with the settings
  let bell; // draws it anew

  function render() {
    for (const element of document.querySelectorAll("[data-truepush]")) {
      element.dataset.truepushState = state;
      if (element.dataset.truepush === "status" && element.textContent !== SAY[state]) {
        element.textContent = SAY[state];
      }
    }
    const wanted = title && (SAY[state] === OFF || state === "error") && document.adoptedStyleSheets;
    if (bell) {
      bell();
    } else if (wanted && !document.querySelector('[data-truepush="subscribe"]')) {
      showBell().catch(complain);
    }
  }

  /** Only where there is something to ask: its code is a file of its own. */
  async function showBell() {
    bell = () => {};
    const { buildBell } = await import(`${base}bell.js`);
    const read = () => ({ state, busy: Boolean(running) });
    bell = buildBell({ title, OFF, SAY, read, ask: () => once(() => subscribe("bell")) });
  }

  function onClick(event) {
    const element = event.composedPath().find((node) => node.dataset?.truepush);
    const wish = element?.dataset.truepush;
    if (wish === "subscribe" || wish === "unsubscribe") {
      event.preventDefault();
      once(wish === "subscribe" ? () => subscribe("element") : unsubscribe);
    }
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
    subscribe: () => once(() => subscribe("page")),
    unsubscribe: () => once(unsubscribe),
    addTags: (tags) => say("addTags", tags),
    removeTags: (tags) => say("removeTags", tags),
    setAttributes: (attributes) => say("setAttributes", attributes),
    track: (name, properties) => say("track", name, properties),
    setExternalId: (externalId, signature) => say("setExternalId", externalId, signature),
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
    title = settings.title;
    if (Notification.permission === "granted") {
      await alone(() => resync(settings)).catch(fail);
    }
    render();
  }

  start().catch(complain); // nobody has asked for anything yet: the state stays what it is
})();
