// Emoji and placeholders for the composer's texts: a small list that opens beside the field and writes at the cursor.
(() => {
  const GROUPS = {
    "Offers": "🎉 🎁 🛍️ 🛒 💸 💰 🏷️ 🔥 ⚡ ⏰ ⏳ 🚀 ✨ ⭐ 🌟 💥 🎯 🏆 🥇 💎 🆕 🆓 💯 🔝 📣 📢 🔔 💳 📦 🚚",
    "Faces": "😀 😃 😄 😁 😆 😅 😂 🤣 🙂 😉 😊 😍 🥰 😘 😋 😎 🤩 🥳 🤔 😮 😱 😢 😭 😡 😴 🤗 🙄 😇 🤯 🫶",
    "Hands and hearts": "👍 👎 👏 🙌 👋 🤝 🙏 💪 👉 👈 👆 👇 ✌️ 🤞 👌 ❤️ 🧡 💛 💚 💙 💜 🖤 🤍 💔 💕 💖",
    "Signs": "✅ ❌ ❗ ❓ ‼️ ⚠️ ℹ️ ➡️ ⬅️ ⬆️ ⬇️ 🔄 🔒 🔓 🔑 🔍 ✏️ 📌 📍 📅 🕒 📈 📉 💡 📱 💻 🎥 🎧 📷 📰",
    "Food": "🍎 🍓 🍋 🍇 🥑 🍅 🌶️ 🍞 🧀 🍕 🍔 🍟 🌮 🍣 🍜 🍰 🎂 🍪 🍫 🍿 ☕ 🍵 🍺 🍷 🥂 🍹",
    "Places and nature": "☀️ 🌤️ 🌧️ ❄️ 🌈 🌊 🌸 🌹 🌻 🌲 🌴 🍁 🎄 🎃 🐶 🐱 🦄 🐻 🐝 🦋 ✈️ 🚗 🚲 🏠 🏖️ ⛰️ 🗺️ ⚽ 🏀 🎮",
  };
  let field = null;

  const insert = (text) => {
    const most = field.maxLength > 0 ? field.maxLength : Infinity;
    if (field.value.length + text.length <= most) {
      field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    field.focus();
  };

  const emojiList = () => {
    const list = document.querySelector("[data-emoji]");
    if (list.childElementCount) {
      return;
    }
    for (const [name, signs] of Object.entries(GROUPS)) {
      const head = document.createElement("h3");
      head.textContent = name;
      const row = document.createElement("div");
      row.className = "emoji-row";
      for (const sign of signs.split(" ")) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = button.dataset.text = sign;
        row.append(button);
      }
      list.append(head, row);
    }
  };

  /** Beside its button, inside the window. */
  const place = (list, button) => {
    const at = button.getBoundingClientRect();
    const width = Math.min(340, innerWidth - 16);
    const below = innerHeight - at.bottom > 320 || at.top < 320;
    list.style.width = `${width}px`;
    list.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
    list.style.top = below ? `${at.bottom + 4}px` : "auto";
    list.style.bottom = below ? "auto" : `${innerHeight - at.top + 4}px`;
  };

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-insert]");
    if (button) {
      field = button.closest(".field").querySelector("input, textarea");
      emojiList();
      const list = document.querySelector(button.dataset.insert);
      list.showPopover();
      place(list, button);
      return;
    }
    const choice = target.closest("[data-insert-list] [data-text]");
    if (choice && field) {
      choice.closest("[popover]").hidePopover();
      insert(choice.dataset.text);
    }
  });
})();
