// Pictures of the composer: bring a file and choose its part, fetch one from an address, or take one that is there.
(() => {
  const dialog = document.getElementById("picture-dialog");
  if (!dialog) {
    return;
  }
  const MOST = 10 * 1024 * 1024;
  const SHAPES = { icon: [1, 1], badge: [1, 1], image: [2, 1] };
  const part = (name) => dialog.querySelector(`[data-picture-${name}]`);
  const stage = part("stage");
  const image = stage.querySelector("img");
  const zoom = part("zoom");
  const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
  const size = (octets) => (octets < 1e6 ? `${numbers.format(octets / 1e3)} kB` : `${numbers.format(octets / 1e6)} MB`);
  let field = null;
  let kind = "";
  let file = null;
  let place = { left: 0, top: 0, scale: 1, fit: 1 };

  const complain = (text) => {
    part("error").textContent = text;
    part("error").hidden = !text;
  };

  const show = (isCropping) => {
    part("choose").hidden = isCropping;
    part("crop").hidden = !isCropping;
    part("take").hidden = !isCropping;
    complain("");
  };

  const ask = async (url, body) => {
    const headers = { "X-CSRFToken": dialog.dataset.csrf };
    const answer = await fetch(url, { method: "POST", body, headers }).catch(() => null);
    const said = await answer?.json().catch(() => null);
    if (!answer?.ok || !said) {
      throw new Error(said?.error ?? "The server did not take it. Try again in a moment.");
    }
    return said;
  };

  const take = (picture) => {
    const input = field.querySelector("input");
    input.value = picture.url;
    const saved = 1 - picture.octets / picture.original_octets;
    field.querySelector("[data-picture-saving]").textContent =
      `${picture.width} × ${picture.height}, ${size(picture.octets)}` +
      (saved > 0 ? `: ${Math.round(100 * saved)} % less than the ${size(picture.original_octets)} that were brought.` : ".");
    dialog.close();
    for (const name of ["input", "change"]) {
      input.dispatchEvent(new Event(name, { bubbles: true }));
    }
  };

  const entry = (picture) => {
    const item = document.createElement("li");
    const choose = document.createElement("button");
    choose.type = "button";
    choose.title = `${picture.name || "Picture"}, ${size(picture.octets)}`;
    const small = new Image();
    small.src = picture.url;
    small.alt = picture.name || "Picture";
    small.loading = "lazy";
    choose.append(small);
    choose.addEventListener("click", () => take(picture));
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "picture-remove";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `Remove ${picture.name || "this picture"}`);
    remove.addEventListener("click", () =>
      ask(`${dialog.dataset.images}${picture.id}/remove/`).then(() => item.remove(), (error) => complain(error.message)),
    );
    item.append(choose, remove);
    return item;
  };

  const open = async (button) => {
    field = button.closest("[data-picture]");
    kind = field.dataset.picture;
    show(false);
    part("list").replaceChildren();
    dialog.showModal();
    const answer = await fetch(`${dialog.dataset.images}?kind=${kind}`).catch(() => null);
    const said = await answer?.json().catch(() => null);
    part("list").replaceChildren(...(said?.images ?? []).map(entry));
  };

  // --- The part that is shown: the picture covers the stage, moved and zoomed

  const arrange = () => {
    const [width, height] = [stage.clientWidth, stage.clientHeight];
    const scale = place.fit * place.scale;
    const [most, least] = [image.naturalWidth * scale - width, image.naturalHeight * scale - height];
    place.left = Math.min(Math.max(place.left, 0), Math.max(most, 0));
    place.top = Math.min(Math.max(place.top, 0), Math.max(least, 0));
    image.style.width = `${image.naturalWidth * scale}px`;
    image.style.translate = `${-place.left}px ${-place.top}px`;
  };

  const zoomTo = (scale) => {
    const [width, height] = [stage.clientWidth / 2, stage.clientHeight / 2];
    const ratio = scale / place.scale;
    place.left = (place.left + width) * ratio - width;
    place.top = (place.top + height) * ratio - height;
    place.scale = scale;
    arrange();
  };

  const crop = () => {
    const scale = place.fit * place.scale;
    const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    const shares = [place.left / width, place.top / height, stage.clientWidth / width, stage.clientHeight / height];
    return shares.map((share) => Math.min(Math.max(share, 0), 1).toFixed(5)).join(",");
  };

  /** As a data: address: the page's policy lets no blob: pictures in. */
  const contentOf = (chosen) =>
    new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.addEventListener("load", () => resolve(reader.result));
      reader.addEventListener("error", () => reject(reader.error));
      reader.readAsDataURL(chosen);
    });

  const begin = async (chosen) => {
    file = chosen;
    if (!file) {
      return;
    }
    if (file.size > MOST) {
      complain(`The file has ${size(file.size)}; at most ${size(MOST)} are taken. Make it smaller.`);
      return;
    }
    try {
      image.src = await contentOf(file);
      await image.decode();
    } catch {
      complain("This browser cannot show that file. Choose a JPEG, PNG, WebP or GIF picture.");
      return;
    }
    show(true);
    stage.style.aspectRatio = SHAPES[kind].join(" / ");
    stage.classList.toggle("is-square", kind !== "image");
    zoom.value = 1;
    place = { left: 0, top: 0, scale: 1, fit: 1 };
    place.fit = Math.max(stage.clientWidth / image.naturalWidth, stage.clientHeight / image.naturalHeight);
    place.left = (image.naturalWidth * place.fit - stage.clientWidth) / 2;
    place.top = (image.naturalHeight * place.fit - stage.clientHeight) / 2;
    arrange();
    stage.focus();
  };

  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    const start = { x: event.clientX + place.left, y: event.clientY + place.top };
    const move = ({ clientX, clientY }) => {
      place.left = start.x - clientX;
      place.top = start.y - clientY;
      arrange();
    };
    stage.addEventListener("pointermove", move);
    stage.addEventListener("lostpointercapture", () => stage.removeEventListener("pointermove", move), { once: true });
  });
  stage.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] }[event.key];
    if (step) {
      event.preventDefault();
      place.left += step[0];
      place.top += step[1];
      arrange();
    }
  });
  zoom.addEventListener("input", () => zoomTo(Number(zoom.value)));

  // --- Ways to bring one

  part("file").addEventListener("change", ({ target }) => begin(target.files[0]).then(() => (target.value = "")));
  const drop = dialog.querySelector(".picture-drop");
  for (const name of ["dragover", "dragenter"]) {
    drop.addEventListener(name, (event) => (event.preventDefault(), drop.classList.add("is-over")));
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("is-over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("is-over");
    begin(event.dataTransfer.files[0]);
  });

  part("url").addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new URLSearchParams({ kind, url: dialog.querySelector("#picture-address").value });
    await ask(dialog.dataset.fetch, body).then(take, (error) => complain(error.message));
  });

  part("take").addEventListener("click", async ({ target }) => {
    target.disabled = true;
    const query = new URLSearchParams({ kind, name: file.name.slice(-120), crop: crop() });
    await ask(`${dialog.dataset.new}?${query}`, file).then(take, (error) => complain(error.message));
    target.disabled = false;
  });

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-picture-open]");
    if (button) {
      open(button);
    }
  });
})();
