/*
 * Truepush worker. The line above it says whose it is:
 *   self.TRUEPUSH = {"site_key": …, "sdk_url": …, "vapid_key": …, "name"?: …, "receipts_url"?: …}
 *
 * Every push shows exactly one notification, whatever its bytes: a browser that is pushed to and sees nothing
 * takes the subscription away. What is reported (displayed, clicked, closed) comes after it, never in its way.
 */
(() => {
  "use strict";

  const config = Object(self.TRUEPUSH);
  const sdk = `${config.sdk_url}/sdk/v1`;
  const REPORT_TIME = 3000; // for one request; with all that follows it never more than REPORT_LIMIT
  const REPORT_LIMIT = 4000;
  const MOST_SPREAD = 3; // seconds
  const KEPT = 100;
  const PER_REQUEST = 50;

  // --- Reading a push. Nothing in it is trusted to have any type.

  const text = (value) => (typeof value === "string" || Number.isFinite(value) ? String(value) : undefined);

  function webAddress(value) {
    try {
      const url = new URL(text(value));
      return /^https?:$/.test(url.protocol) ? url : undefined;
    } catch {
      return undefined;
    }
  }

  const address = (value) => Object(webAddress(value)).href;

  /** Takes the receipt token that is meant for the page out of the address. */
  function unmarked(url) {
    const parts = url.search.slice(1).split("&");
    const rest = parts.filter((part) => !part.startsWith("tp_c="));
    if (rest.length < parts.length) {
      url.search = rest.join("&");
    }
    return url.href;
  }

  function payload(event) {
    try {
      return Object(event.data.json());
    } catch {
      // Empty, or not JSON. Safari has then read it itself and offers what it would show.
      return { notification: event.notification };
    }
  }

  function read(event) {
    const { notification, tp } = payload(event);
    const given = Object(notification);
    const target = webAddress(given.navigate) || new URL("/", self.location.origin);
    const receipt = Object(tp);
    const token = receipt.v === 1 ? text(receipt.t) : target.searchParams.get("tp_c");
    const pages = {};
    const actions = [].concat(given.actions || []).slice(0, 2).map((one) => {
      const { action, title, icon, navigate } = Object(one);
      const page = webAddress(navigate);
      pages[action] = page && unmarked(page);
      return { action: `${action}`, title: `${title}`, icon: address(icon) };
    });
    const options = {
      body: text(given.body),
      icon: address(given.icon),
      image: address(given.image),
      badge: address(given.badge),
      tag: text(given.tag),
      lang: text(given.lang),
      silent: given.silent === true,
      requireInteraction: given.requireInteraction === true,
      renotify: given.renotify === true && !!text(given.tag),
      actions,
      data: { url: unmarked(target), pages, token: token && /^[\w-]{1,200}$/.test(token) ? token : "" },
    };
    Object.keys(options).forEach((key) => options[key] === undefined && delete options[key]);
    const spread = receipt.s > 0 && Number.isFinite(receipt.s) ? Math.min(receipt.s, MOST_SPREAD) : 0;
    return { title: text(given.title) || text(config.name) || "New message", options, spread };
  }

  // --- What is kept: receipts the server did not take, and the endpoint (at a change Firefox does not tell it)

  function opened() {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open("truepush", 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("receipts", { autoIncrement: true });
        request.result.createObjectStore("facts");
      };
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }

  /** Resolves to the result of the request that `work` returns, once its transaction is on disk. */
  async function stored(name, mode, work) {
    const database = await opened();
    try {
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction(name, mode);
        const request = work(transaction.objectStore(name));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => reject(transaction.error);
      });
    } finally {
      database.close();
    }
  }

  function keep(receipt) {
    return stored("receipts", "readwrite", (store) => {
      const added = store.add(receipt);
      added.onsuccess = () => store.delete(IDBKeyRange.upperBound(added.result - KEPT)); // the newest hundred
      return added;
    });
  }

  async function sendKept() {
    const range = [null, PER_REQUEST];
    const keys = await stored("receipts", "readonly", (store) => store.getAllKeys(...range));
    const receipts = await stored("receipts", "readonly", (store) => store.getAll(...range));
    const count = Math.min(keys.length, receipts.length);
    if (count && (await taken(receipts.slice(0, count)))) {
      await stored("receipts", "readwrite", (store) => store.delete(IDBKeyRange.upperBound(keys[count - 1])));
      await sendKept();
    }
  }

  // --- Reports

  /** Whether the server need not be told again: it took them, or it never will. */
  async function taken(receipts) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), REPORT_TIME);
    try {
      const request = { method: "POST", credentials: "omit", keepalive: true, signal: stop.signal };
      const { status } = await fetch(config.receipts_url || `${sdk}/receipts`, { ...request, body: JSON.stringify({ receipts }) });
      return status < 500 && status !== 429 && status !== 408;
    } catch {
      return false; // offline, or no answer in time
    } finally {
      clearTimeout(timer);
    }
  }

  /** Best effort within a limit: an event must neither fail nor stay open because of what we count. */
  function bounded(work) {
    const limit = new Promise((resolve) => setTimeout(resolve, REPORT_LIMIT));
    return Promise.race([work.catch(() => {}), limit]);
  }

  async function report(token, kind) {
    if (token && (await taken([{ token, kind }]))) {
      await sendKept();
    } else if (token) {
      await keep({ token, kind });
    }
  }

  /** A large send's browsers report at random within some seconds, so that they do not come back as a storm. */
  async function reportLater(token, spread) {
    const kept = token && spread && (await keep({ token, kind: "displayed" }).then(() => true, () => false));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * spread * 1000));
    await (kept ? sendKept() : report(token, "displayed"));
  }

  // --- Events

  async function onPush(event) {
    const { title, options, spread } = read(event);
    await self.registration.showNotification(title, options);
    await Promise.all([bounded(reportLater(options.data.token, spread)), bounded(noteEndpoint())]);
  }

  async function noteEndpoint() {
    const subscription = await self.registration.pushManager.getSubscription();
    if (subscription) {
      await stored("facts", "readwrite", (store) => store.put(subscription.endpoint, "endpoint"));
    }
  }

  const clicked = new Set();

  async function onClick(event) {
    const { url, token, pages } = Object(event.notification.data);
    event.notification.close();
    clicked.add(token);
    await Promise.all([show(Object(pages)[event.action] || url || self.location.origin), bounded(report(token, "clicked"))]);
  }

  /** Our scope has no pages of its own, so a tab can be focused but not sent elsewhere. */
  async function show(url) {
    const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const tab = tabs.find((client) => unmarked(new URL(client.url)) === url);
    try {
      await (tab ? tab.focus() : self.clients.openWindow(url));
    } catch {
      // The browser took the gesture back (too late, or no window to be had): the click still counts.
    }
  }

  /** Firefox also says "closed" about what was clicked. */
  async function onClose(event) {
    const { token } = Object(event.notification.data);
    if (!clicked.has(token)) {
      await bounded(report(token, "closed"));
    }
  }

  function keyOf({ options }) {
    const text = btoa(String.fromCharCode(...new Uint8Array(Object(options).applicationServerKey)));
    return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  }

  /** Should this fail, the next page of the website finds the change and sends it. */
  async function onChange(event) {
    const known = await stored("facts", "readonly", (store) => store.get("endpoint")).catch(() => undefined);
    const old = event.oldSubscription ? event.oldSubscription.endpoint : known;
    const wanted = { userVisibleOnly: true, applicationServerKey: config.vapid_key };
    const subscription = event.newSubscription || (await self.registration.pushManager.subscribe(wanted));
    const { endpoint, keys } = subscription.toJSON();
    const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const server_key = keyOf(subscription) || config.vapid_key;
    const body = { endpoint, keys, server_key, profile: { language: navigator.language, time_zone } };
    if (old && old !== endpoint) {
      body.old_endpoint = old;
    }
    const headers = { "Content-Type": "application/json" };
    const request = { method: "POST", credentials: "omit", headers, body: JSON.stringify(body) };
    await fetch(`${sdk}/${config.site_key}/subscriptions`, request);
    await noteEndpoint();
  }

  const listen = (name, handler) => self.addEventListener(name, (event) => event.waitUntil(handler(event)));

  self.addEventListener("install", () => self.skipWaiting());
  listen("activate", () => Promise.all([self.clients.claim(), bounded(sendKept())]));
  listen("push", onPush);
  listen("notificationclick", onClick);
  listen("notificationclose", onClose);
  listen("pushsubscriptionchange", onChange);
})();
