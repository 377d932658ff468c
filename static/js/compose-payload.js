// What travels, as campaigns/delivery/payload.py writes it, so that the composer can count its octets.
globalThis.truepushPayload = (() => {
  const PLACE = /\{\{\s*([\p{L}_][\p{L}\p{N}_.\- ]{0,63}?)\s*(?:\|\s*default\s*:\s*["'“”„‘’]([^"'“”„‘’{}]*)["'“”„‘’]\s*)?\}\}/gu;
  const TOKEN = "x".repeat(58);
  const TAG = "tp-0000000000000000";
  const UTM = ["source", "medium", "campaign", "term", "content"];
  const encoder = new TextEncoder();

  const encode = (text) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

  /** What a recipient reads of whom nothing is known, or of whom `values` are. */
  const filled = (text, values = {}) => text.replace(PLACE, (_, name, fallback) => values[name] || fallback || "");
  const filledAddress = (text, values = {}) =>
    text.replace(PLACE, (_, name, fallback) => encode(values[name] || fallback || ""));

  const quoted = (text) => {
    let made = "";
    let end = 0;
    for (const found of text.matchAll(PLACE)) {
      made += encode(text.slice(end, found.index)) + encode(found[2] ?? "");
      end = found.index + found[0].length;
    }
    return made + encode(text.slice(end));
  };

  /** The page that opens, with what tracking is told. */
  const tracked = (url, utm, values) => {
    const [, base, query = "", fragment = ""] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(filledAddress(url, values));
    const known = new Set(query.split("&").map((pair) => pair.split("=")[0]));
    const added = UTM.filter((name) => utm[name] && !known.has(`utm_${name}`)).map(
      (name) => `utm_${name}=${quoted(utm[name])}`,
    );
    const path = /^https?:\/\/[^/]+$/i.test(base) ? `${base}/` : base;
    const whole = [query, ...added].filter(Boolean).join("&");
    return path + (whole ? `?${whole}` : "") + (fragment ? `#${fragment}` : "");
  };

  const withToken = (url) => {
    const [, base, fragment = ""] = /^([^#]*)(#.*)?$/s.exec(url);
    return `${base}${base.includes("?") ? "&" : "?"}tp_c=${TOKEN}${fragment}`;
  };

  const message = (content) => {
    const page = (url) => withToken(tracked(url, content.utm));
    const notification = {
      title: filled(content.title),
      body: filled(content.body),
      navigate: page(content.url),
      tag: TAG,
    };
    for (const member of ["icon", "image", "badge"]) {
      if (content[member]) {
        notification[member] = filledAddress(content[member]);
      }
    }
    if (content.lang) {
      notification.lang = content.lang;
    }
    const flags = { silent: content.silent, requireInteraction: content.sticky, renotify: content.replaces && !content.silent };
    for (const [member, isSet] of Object.entries(flags)) {
      if (isSet) {
        notification[member] = true;
      }
    }
    if (content.buttons.length) {
      notification.actions = content.buttons.map(({ title, url, icon }, at) => ({
        action: `a${at + 1}`,
        title: filled(title),
        navigate: page(url),
        ...(icon && { icon }),
      }));
    }
    return { web_push: 8030, notification, mutable: true, tp: { v: 1, t: TOKEN, s: 3 } };
  };

  /** The content as it reads in one of its other languages; what that leaves out is as in the default. */
  const inLanguage = (content, lang) => {
    const said = Object.entries(content.translations[lang] ?? {}).filter(([, text]) => text);
    return { ...content, ...Object.fromEntries(said), lang };
  };

  const said = (texts) => Object.fromEntries(Object.entries(texts).filter(([, text]) => text));

  /** What another version sends: what it leaves empty is as in the first, in each language too. */
  const inVersion = (content, at) => {
    const { translations, ...texts } = content.versions[at - 1];
    const languages = [...new Set([...Object.keys(content.translations), ...Object.keys(translations)])];
    const merged = languages.map((lang) => [lang, { ...content.translations[lang], ...said(translations[lang] ?? {}) }]);
    return { ...content, ...said(texts), translations: Object.fromEntries(merged) };
  };

  /** The most octets that any version has in any language. */
  const octets = (content) => {
    const versions = [content, ...content.versions.map((_, at) => inVersion(content, at + 1))];
    const all = versions.flatMap((one) => [one, ...Object.keys(one.translations).map((lang) => inLanguage(one, lang))]);
    return Math.max(...all.map((one) => encoder.encode(JSON.stringify(message(one))).length));
  };

  return { PLACE, filled, filledAddress, tracked, inLanguage, inVersion, octets };
})();
