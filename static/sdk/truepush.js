/*
 * Truepush loader: asks, keeps the subscription known to the server, tells the page how it stands (docs/sdk.md).
 *
 *   window.truepush = window.truepush || [];
 *   truepush.push((api) => api.on("state", (state) => …));
 *
 * state()   unsupported | blocked | default | subscribed | unsubscribed | error
 * subscribe() (only while a click or key press is being handled), unsubscribe(), showPrompt(): resolve to the state
 * on("state" | "error" | "prompt", handler)   returns a function that ends it
 *
 * Elements: data-truepush="subscribe" and "unsubscribe" act on a click, "status" is given text; all of them
 * carry data-truepush-state for the page's style sheet.
 */
(() => {
  "use strict";

  const VERSION = "1.3.0";
  const PARTS = {}; // content hashes, filled in where this is served: one copy of a module for all websites
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
  let wishes = {}; // what the page gave to Init: id, language, autoPrompt, consent

  function recall() {
    try {
      record = Object(JSON.parse(localStorage.getItem(name)) || record);
    } catch {} // blocked, or written by someone else: what this page knows is all there is
    return record;
  }

  /** Of who refused the refusal alone is kept, and of a subscription what it takes to end it. */
  function remember(next) {
    const { consent: said, endpoint, subscriber } = next;
    record = said === false ? { consent: said, endpoint, subscriber } : next;
    try {
      consent(record) === "required" || localStorage.setItem(name, JSON.stringify(record));
    } catch {} // blocked or full: the next page sends the subscription again
  }

  // --- Consent: a page that asks for it first has nothing kept, asked or told before

  function consent({ consent: said } = recall()) {
    return said === undefined ? (wishes.consent === "required" ? "required" : "not required") : said ? "given" : "refused";
  }

  const isSilent = (of) => ["required", "refused"].includes(consent(of));

  // --- State and events

  const handlers = new Map(["state", "error", "prompt"].map((event) => [event, new Set()]));
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
    const prompts = Array.isArray(given.prompts) ? given.prompts : undefined;
    return { title, old, prompts, key: given.vapid_key.replace(/=+$/, ""), file: file.href, scope: scope.href };
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

  /** The address of a file that is loaded where it is needed. */
  const part = (file) => `${base}../../a/${PARTS[file]}/${file}.js`;

  // --- The funnel: steps of a prompt, told together by a file of its own; 0 are the page's own elements and code

  let agreedBy; // the prompt

  function note(step, { id = 0, version = 1 } = Object(agreedBy)) {
    if (isSilent()) {
      return;
    }
    handlers.get("prompt").forEach((handler) => call(handler, { prompt: id, version, step }));
    const page = location.pathname; // the file may come when it is another
    load("funnel").then((tell) => tell(page, { prompt: id, version, step })).catch(() => {});
  }

  // --- Files that are loaded where something is to be done: what asks, the subscription, what is said of its visitor

  const opened = new Map();

  /** What the file makes of the ways into this one; should it not come, the next call tries again. */
  function load(file, more) {
    const own = { base, recall, remember, post, alone, complain, isSilent, load, version: VERSION };
    const ways = { ...more, ...own, agreedBy: () => nameOf(agreedBy) };
    opened.has(file) || opened.set(file, import(part(file)).then((module) => module.open?.(ways) ?? module));
    return opened.get(file).catch((error) => (opened.delete(file), Promise.reject(error)));
  }

  const say = (verb, ...given) => load("visitor").then((file) => file[verb](...given)).catch(complain);

  /** Whose texts and looks the visitor saw who agreed. */
  const nameOf = (prompt) => prompt && (prompt.id ? `${prompt.kind} ${prompt.id}.${prompt.version}` : `${prompt.kind} 1`);

  // --- Verbs. One tab at a time: a second one renewing the same subscription would undo the first.

  async function alone(work) {
    return navigator.locks ? navigator.locks.request(name, work) : work();
  }

  /** `isFree`: a browser that opens its dialog without a gesture, for a prompt that was designed so. */
  async function subscribe(prompt, isFree) {
    agreedBy = prompt;
    if (isSilent()) {
      console.warn("Truepush: subscribe() waits for setConsent(true)");
      return state;
    }
    if (!isFree && navigator.userActivation?.isActive === false) {
      console.warn("Truepush: subscribe() works only while a click or key press is being handled");
      return state;
    }
    const isAsked = Notification.permission === "default";
    const asked = Notification.requestPermission(); // first of all, while the gesture counts
    isAsked && note("native");
    const permission = await asked;
    isAsked && note(permission === "default" ? "closed" : permission);
    if (permission !== "granted") {
      return become(permission === "denied" ? "blocked" : "default");
    }
    if (!(await alone(async () => (await load("connect")).connect(await loadSettings())))) {
      return become(firstState());
    }
    state === "subscribed" || note("subscribed");
    say("countVisit");
    return become("subscribed");
  }

  async function resync(settings) {
    const isOn = await (await load("connect")).resync(settings);
    become(isOn ? "subscribed" : "unsubscribed");
    isOn && say("countVisit");
  }

  async function unsubscribe() {
    const settings = await loadSettings();
    await alone(async () => (await load("connect")).end(settings));
    return become(firstState());
  }

  /** A refusal ends what there is, and what was being made of it; should that fail, with the next page. */
  const leave = () => alone(() => recall().endpoint).then((found) => found && unsubscribe()).catch(complain);

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

  let asker; // what asks, and what stands on the page to be switched on and off

  function render() {
    for (const element of document.querySelectorAll("[data-truepush]")) {
      element.dataset.truepushState = state;
      if (element.dataset.truepush === "status" && element.textContent !== SAY[state]) {
        element.textContent = SAY[state];
      }
    }
    asker?.render();
  }

  /** On iOS only a website on the Home Screen can push, and only a page with a manifest can be put there. */
  function isBeforeHomeScreen() {
    const [, version] = /OS (\d+[._]\d+)/.exec(navigator.userAgent) || [];
    const isNew = !version || parseFloat(version.replace("_", ".")) >= 16.4; // an iPad calls itself a Mac
    return state === "unsupported" && navigator.standalone === false && isNew && document.querySelector("link[rel=manifest]");
  }

  async function openAsker(settings) {
    const ios = isBeforeHomeScreen();
    const hasOwn = !settings.prompts && document.querySelector('[data-truepush="subscribe"]');
    if (asker || hasOwn || settings.prompts?.length === 0 || !document.adoptedStyleSheets) {
      return;
    }
    const read = () => ({ state, busy: Boolean(running), ios, silent: isSilent() });
    const verbs = { unsubscribe: api.unsubscribe, subscribe: (...given) => once(() => subscribe(...given)) };
    asker = await load("ask", { settings, wishes, read, ...verbs, say, tags: api.getTags, note });
  }

  function onClick(event) {
    const element = event.composedPath().find((node) => node.dataset?.truepush);
    const wish = element?.dataset.truepush;
    if (wish === "subscribe" || wish === "unsubscribe") {
      event.preventDefault();
      once(wish === "subscribe" ? () => subscribe({ kind: "element" }) : unsubscribe);
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
    Init,
    state: () => state,
    subscribe: () => once(() => subscribe({ kind: "page" })),
    unsubscribe: () => once(unsubscribe),
    showPrompt: async () => (await atRest().catch(() => {}), asker ? asker.showPrompt() : state),
    consent,
    setConsent,
    GetSubscriberId: async () => (await atRest().catch(() => {}), recall().id ?? null),
    addTags: (tags) => void say("addTags", tags),
    removeTags: (tags) => void say("removeTags", tags),
    getTags: () => say("getTags"),
    setAttributes: (attributes) => void say("setAttributes", attributes),
    track: (name, properties) => void say("track", name, properties),
    setExternalId: (externalId, signature) => void say("setExternalId", externalId, signature),
    on(event, handler) {
      handlers.get(event)?.add(handler);
      return () => handlers.get(event)?.delete(handler);
    },
  });

  /** For what the snippet does not say: {id, language, autoPrompt, consent}. `done` hears of the start, or its error. */
  function Init(options, done) {
    wishes = { ...wishes, ...options };
    const isOther = wishes.id && wishes.id !== siteKey && new Error(`Init names ${wishes.id}, the snippet ${siteKey}`);
    isOther && complain(isOther);
    const end = (error) => typeof done === "function" && call(done, isOther || error);
    return atRest().then(() => end(null), end).then(() => state);
  }

  /** true begins what had to wait; false ends the subscription and forgets all but the refusal. */
  async function setConsent(isGiven) {
    if (isGiven) {
      const waited = isSilent();
      remember({ ...recall(), consent: true });
      started = waited ? started?.catch(() => {}).then(proceed) : started; // none yet: the start to come finds it
    } else {
      remember({ ...recall(), consent: false });
      render();
      await leave();
    }
    await atRest().catch(complain);
    return state;
  }

  /** What comes behind it is a task of its own: on a slow telephone none may keep the page waiting for long. */
  const moment = () => new Promise((resolve) => setTimeout(resolve));

  async function proceed() {
    await moment();
    render();
    consent() === "refused" && (await leave());
    if (isSilent() || state === "blocked" || (state === "unsupported" && !isBeforeHomeScreen())) {
      return;
    }
    await moment();
    const settings = await loadSettings();
    if (window.Notification?.permission === "granted") {
      await alone(() => resync(settings)).catch(fail);
    }
    await openAsker(settings);
    render();
  }

  async function start() {
    const run = (task) => typeof task === "function" && call(task, api);
    window.truepush = { ...api, push: (...tasks) => tasks.forEach(run) };
    document.addEventListener("click", onClick);
    (Array.isArray(queue) ? queue : []).forEach(run);
    reportClick().catch(complain);
    if (document.readyState === "loading") {
      await new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve));
    }
    location.hash === "#truepush-check" && import(`${part("doctor")}#${base}`).catch(complain);
    await proceed();
  }

  let started = null;
  const atRest = () => Promise.resolve().then(() => started); // what is pushed before hears of the start, too
  started = start();
  started.catch(complain); // nobody has asked for anything yet: the state stays what it is
})();
