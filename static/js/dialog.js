// <button command="show-modal" commandfor="id"> for browsers that do not know invoker commands yet.
(() => {
  if ("command" in HTMLButtonElement.prototype) {
    return;
  }
  const ACTIONS = { "show-modal": "showModal", close: "close" };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[commandfor]");
    const action = button && ACTIONS[button.getAttribute("command")];
    if (action) {
      document.getElementById(button.getAttribute("commandfor"))[action]();
    }
  });
})();
