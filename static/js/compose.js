// The composer: a live preview, octets against the limit, and a draft that is saved before anything is sent.
(() => {
  const form = document.querySelector("form[data-compose]");
  if (!form) {
    return;
  }
  const { filled, filledAddress, tracked, inLanguage, inVersion, octets } = truepushPayload;
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

  const inBlock = (block, prefix) => (name) => block.querySelector(`[name=${prefix}_${name}]`).value.trim();
  /** Of one version: A is 0. */
  const translations = (version) =>
    Object.fromEntries(
      [...form.querySelectorAll("[data-language]")]
        .map((block) => inBlock(block, "translation"))
        .filter((text) => Number(text("variant")) === version)
        .map((text) => [text("language"), { title: text("title"), body: text("body"), url: text("url") }]),
    );
  const versions = () =>
    [...form.querySelectorAll("[data-version]")].map((block, at) => {
      const text = inBlock(block, "version");
      return {
        title: text("title").replace(/\s+/g, " "),
        body: text("body").replace(/\r\n/g, "\n"),
        url: text("url"),
        image: text("image_url"),
        translations: translations(at + 1),
      };
    });
  const utm = () =>
    Object.fromEntries(["source", "medium", "campaign", "term", "content"].map((name) => [name, line(`utm_${name}`)]));

  /** What the fields say, as a message. */
  const written = () => ({
    title: title(),
    body: field("body"),
    url: field("url"),
    icon: iconInUse(),
    image: field("image_url"),
    badge: field("badge_url"),
    buttons: buttons().map(([title, url, icon]) => ({ title, url, icon })),
    silent: form.elements.silent.checked,
    sticky: form.elements.sticky.checked,
    replaces: line("replaces"),
    utm: utm(),
    translations: translations(0),
    versions: versions(),
  });

  // As far as it can be said (campaigns/previews.py); the person is somebody whose values and language are shown.
  const platforms = JSON.parse(document.getElementById("platforms").textContent);
  const platformChoice = document.querySelector("[data-preview-platform]");
  const platform = () => platforms.find(({ name }) => name === platformChoice.value) ?? platforms[0];
  let person = { language: "", values: {} };

  const cut = (text, most) => {
    const signs = [...text];
    return signs.length > most ? `${signs.slice(0, most - 1).join("").trimEnd()}…` : text;
  };

  const showText = (name, text, placeholder) => {
    part(name).textContent = cut(text, platform()[name]) || placeholder;
    part(name).classList.toggle("placeholder-text", !text);
  };

  const showSite = () => {
    const chosen = form.elements.site?.selectedOptions?.[0];
    const host = part("host");
    const choices = ["segment", "excluded"].flatMap((name) => [...(form.elements[name]?.options ?? [])]);
    const isSaved = chosen?.defaultSelected && host.dataset.origin;
    host.textContent = isSaved || !chosen?.value ? host.dataset.origin || "your website" : chosen.textContent.trim();
    // The number on the button belongs to the website and the segments that were saved.
    const days = [...(form.elements.dormant_days?.options ?? [])];
    const isOther =
      (chosen && !chosen.defaultSelected) ||
      [...choices, ...days].some((one) => one.selected !== one.defaultSelected) ||
      form.elements.had.checked !== form.elements.had.defaultChecked;
    for (const button of document.querySelectorAll("[data-needs-site]")) {
      button.disabled = isOther;
    }
  };

  const showPicture = (name, url) => {
    const image = part(name);
    if (image.dataset.shown === url) {
      return;
    }
    image.dataset.shown = url;
    image.hidden = true;
    if (isAddress(url)) {
      image.src = url;
    }
  };
  const isAddress = (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);

  const showPictures = () => {
    const seen = showVersions(written());
    showPicture("icon", iconInUse());
    showPicture("image", filledAddress(seen.image, person.values));
  };

  /** Which version is looked at, and sent to one's own browser. */
  const showVersions = (message) => {
    const choice = document.querySelector("[data-preview-version]");
    const letters = [..."ABCDE"].slice(0, message.versions.length + 1);
    const chosen = Number(choice.value) < letters.length ? choice.value : "0";
    choice.replaceChildren(...letters.map((letter, at) => new Option(letter, at)));
    choice.value = chosen || "0";
    choice.parentElement.hidden = letters.length < 2;
    for (const field of document.querySelectorAll("[data-test-version]")) {
      field.value = choice.value;
    }
    return choice.value === "0" ? message : inVersion(message, Number(choice.value));
  };

  const showButtons = (message) => {
    const shown = message.buttons.slice(0, platform().buttons);
    const texts = JSON.stringify(shown.map(({ title, icon }) => [filled(title, person.values), icon]));
    if (part("buttons").dataset.shown === texts) {
      return;
    }
    part("buttons").dataset.shown = texts;
    const made = shown.map(({ title, icon }) => {
      const button = document.createElement("span");
      button.textContent = filled(title, person.values);
      if (platform().has_button_icons && isAddress(icon)) {
        const image = new Image(16, 16);
        image.alt = "";
        image.src = icon;
        button.prepend(image);
      }
      return button;
    });
    part("buttons").replaceChildren(...made);
  };

  /** The page that a click opens, where that is not what was typed. */
  const showTracked = (message) => {
    const note = document.querySelector("[data-tracked]");
    const address = message.url && Object.values(message.utm).some(Boolean) ? tracked(message.url, message.utm, person.values) : "";
    note.hidden = !address;
    note.querySelector("[data-tracked-address]").textContent = address;
  };

  /** The language of these that the person reads: exactly theirs, else a wider one. */
  const spoken = (codes) => {
    for (let language = person.language; language; language = language.split("-").slice(0, -1).join("-")) {
      if (codes.includes(language)) {
        return language;
      }
    }
    return "";
  };

  const showPlatform = (message) => {
    const { name, has_image, icon, note, buttons: most } = platform();
    const shape = document.querySelector("[data-notification]");
    shape.dataset.platform = name;
    shape.dataset.icon = icon;
    part("image").classList.toggle("is-left-out", !has_image);
    part("via").textContent = name.startsWith("chrome") ? "via Chrome · " : name === "firefox" ? "via Firefox · " : "";
    const missing = [message.image && !has_image && "the large image", message.buttons.length > most && "the buttons"].filter(Boolean);
    document.querySelector("[data-preview-note]").textContent =
      `An estimate.${missing.length ? ` It leaves out ${missing.join(" and ")}.` : ""} ${note}`;
  };

  /** In which languages it can be looked at. */
  const showLanguages = (message) => {
    const choice = document.querySelector("[data-preview-language]");
    const codes = Object.keys(message.translations);
    const names = Object.fromEntries(
      [...form.querySelectorAll("[name=translation_language]")].map((select) => [select.value, select.selectedOptions[0]?.textContent]),
    );
    const chosen = codes.includes(choice.value) ? choice.value : "";
    choice.replaceChildren(new Option("Default language", ""), ...codes.map((code) => new Option(names[code], code)));
    choice.value = chosen;
    choice.parentElement.hidden = !codes.length;
    const read = chosen || spoken(codes);
    return read ? inLanguage(message, read) : message;
  };

  const showSize = (message) => {
    const used = octets(message);
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
          if (!(input instanceof HTMLElement)) {
            continue;
          }
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
    const message = written();
    const seen = showLanguages(showVersions(message));
    showPlatform(seen);
    showText("title", filled(seen.title, person.values), "Title");
    showText("body", filled(seen.body, person.values), "Your message");
    showSite();
    showSize(message);
    showButtons(seen);
    showTracked(seen);
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
    await truepushKeep.stop();
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
  document.querySelector("[data-preview-language]").addEventListener("change", show);
  document.querySelector("[data-preview-version]").addEventListener("change", () => {
    show();
    showPictures();
  });
  platformChoice.addEventListener("change", show);

  const personForm = document.querySelector("[data-preview-person]");
  const showPerson = async (id) => {
    const site = form.elements.site?.value ?? "";
    const query = new URLSearchParams({ site, external_id: id });
    const answer = await fetch(`${personForm.dataset.previewPerson}?${query}`).catch(() => null);
    const said = (await answer?.json().catch(() => null)) ?? { error: "The server does not answer. Try again." };
    person = said.error ? { language: "", values: {} } : said;
    document.querySelector("[data-preview-who]").textContent = said.error ?? said.who;
    document.querySelector("[data-preview-language]").value = "";
    show();
    showPictures();
  };
  personForm.addEventListener("submit", (event) => {
    event.preventDefault();
    showPerson(personForm.elements.external_id.value.trim());
  });
  personForm.querySelector("[data-preview-anybody]").addEventListener("click", () => showPerson(""));
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
