// The composer: a live preview, octets against the limit, and a draft that is saved before anything is sent.
(() => {
  const form = document.querySelector("form[data-compose]");
  if (!form) {
    return;
  }
  const ICON_KEY = ',"icon":""'.length;
  const HAS_PATH = /^https?:\/\/[^/?#]+\//i;
  const encoder = new TextEncoder();
  const numbers = new Intl.NumberFormat("en");
  const part = (name) => document.querySelector(`[data-preview="${name}"]`);
  const field = (name) => form.elements[name]?.value.replace(/\r\n/g, "\n").trim() ?? "";
  const line = (name) => field(name).replace(/\s+/g, " ");
  const title = () => line("title");
  const buttons = () =>
    [1, 2]
      .map((number) => ["title", "url", "icon"].map((part) => line(`button${number}_${part}`)))
      .filter(([text]) => text);
  const iconInUse = () => field("icon_url") || part("icon").dataset.siteIcon;

  const octets = (text) => encoder.encode(JSON.stringify(text)).length - 2;

  const payloadOctets = () => {
    const icon = iconInUse();
    const url = field("url");
    // The overhead already counts the shortest address, "/"; one without a path is given it.
    const address = octets(url) - (HAS_PATH.test(url) ? 1 : 0);
    const text = octets(title()) + octets(field("body")) + address;
    return Number(form.dataset.overhead) + text + (icon ? ICON_KEY + octets(icon) : 0) + optionOctets();
  };

  // As campaigns/delivery/payload.py writes them; each button has its own receipt token.
  const TOKEN = "?tp_c=".length + 58;
  const BUTTON = '{"action":"a1","title":"","navigate":""}'.length;
  const optionOctets = () => {
    const list = buttons();
    let sum = list.length ? ',"actions":[]'.length + list.length - 1 : 0;
    for (const [text, url, icon] of list) {
      sum += BUTTON + TOKEN + octets(text) + octets(url) + (HAS_PATH.test(url) ? 0 : 1);
      sum += icon ? ICON_KEY + octets(icon) : 0;
    }
    for (const name of ["image", "badge"]) {
      const url = field(`${name}_url`);
      sum += url ? `,"${name}":""`.length + octets(url) : 0;
    }
    sum += form.elements.silent.checked ? ',"silent":true'.length : 0;
    sum += form.elements.sticky.checked ? ',"requireInteraction":true'.length : 0;
    return sum;
  };

  const showText = (name, text, placeholder) => {
    part(name).textContent = text || placeholder;
    part(name).classList.toggle("placeholder-text", !text);
  };

  const showSite = () => {
    const chosen = form.elements.site?.selectedOptions?.[0];
    const host = part("host");
    const segment = form.elements.segment?.selectedOptions?.[0];
    const isSaved = chosen?.defaultSelected && host.dataset.origin;
    host.textContent = isSaved || !chosen?.value ? host.dataset.origin || "your website" : chosen.textContent.trim();
    // The number on the button belongs to the website and the segment that were saved.
    for (const button of document.querySelectorAll("[data-needs-site]")) {
      button.disabled = [chosen, segment].some((option) => option && !option.defaultSelected);
    }
  };

  const showPicture = (name, url) => {
    const image = part(name);
    if (image.dataset.shown === url) {
      return;
    }
    image.dataset.shown = url;
    image.hidden = true;
    if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) {
      image.src = url;
    }
  };

  const showPictures = () => {
    showPicture("icon", iconInUse());
    showPicture("image", field("image_url"));
  };

  const showButtons = () => {
    const made = buttons().map(([text]) => {
      const button = document.createElement("span");
      button.textContent = text;
      return button;
    });
    part("buttons").replaceChildren(...made);
  };

  const showSize = () => {
    const used = payloadOctets();
    const limit = Number(form.dataset.payloadMax);
    const over = used - limit;
    const size = document.querySelector("[data-size]");
    size.hidden = false;
    size.classList.toggle("is-over", over > 0);
    size.querySelector("progress").value = Math.min(used, limit);
    size.querySelector("[data-size-figures]").textContent = `${numbers.format(used)} of ${numbers.format(limit)} bytes`;
    size.querySelector("[data-size-problem]").textContent =
      over > 0 ? `Too long by ${numbers.format(over)} bytes: shorten the message or the URL.` : "";
    showBridged(used);
  };

  const showBridged = (used) => {
    const over = used - Number(form.dataset.bridgedMax);
    document.querySelector("[data-size-note]").textContent =
      over > 0 && used <= Number(form.dataset.payloadMax)
        ? `Firefox on Android takes ${numbers.format(over)} bytes less and will not show it; other browsers will.`
        : "";
  };

  // Who is signed out while writing comes back from the sign-in with empty hands: what was written is put back.
  const KEPT = "truepush:compose";
  const keep = () => sessionStorage.setItem(KEPT, JSON.stringify([location.pathname, content()]));
  const putBack = () => {
    const [path, text] = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    sessionStorage.removeItem(KEPT);
    if (path === location.pathname && document.referrer.endsWith("/enter/")) {
      for (const [name, value] of new URLSearchParams(text)) {
        if (name !== "csrfmiddlewaretoken") {
          const input = form.elements[name];
          input.type === "checkbox" ? (input.checked = true) : (input.value = value);
        }
      }
    }
  };

  const content = () => new URLSearchParams(new FormData(form)).toString();
  const saved = content();
  putBack();
  const isUnsaved = () => content() !== saved;

  const show = () => {
    showText("title", title(), "Title");
    showText("body", field("body"), "Your message");
    showSite();
    showSize();
    showButtons();
    for (const note of document.querySelectorAll("[data-unsaved]")) {
      note.hidden = !isUnsaved();
    }
    for (const copy of document.querySelectorAll("[data-title-copy]")) {
      copy.textContent = title();
    }
  };

  /** Answers whether the draft was taken: the server redirects then, and shows the form again if not. */
  const save = async () => {
    const body = new FormData(form);
    body.set("action", "save");
    const answer = await fetch(location.pathname, { method: "POST", body });
    return answer.ok && answer.redirected;
  };

  // What is on the screen is what goes out.
  const saveThenSend = async (event) => {
    event.preventDefault(); // saved even if unchanged here: another tab may have written something else meanwhile
    const sender = event.target;
    const isTaken = await save().catch(() => false);
    if (isTaken) {
      sender.submit();
    } else {
      form.requestSubmit(form.querySelector("[name=action][value=save]")); // the page then says what is wrong
    }
  };

  for (const name of ["icon", "image"]) {
    part(name).addEventListener("load", ({ target }) => (target.hidden = false));
  }
  form.addEventListener("submit", keep);
  form.addEventListener("input", show);
  form.addEventListener("change", showPictures); // not at every key: each half-typed address would be fetched
  for (const sender of document.querySelectorAll("form[data-save-first]")) {
    sender.addEventListener("submit", saveThenSend);
  }
  const refresh = () => {
    show();
    showPictures();
  };
  addEventListener("pageshow", refresh); // browsers fill the fields in again only after this script
  refresh();
})();
