// Hands over to the next host at once. Not when someone came back with the Back button: the token is used up then.
(() => {
  const [visit] = performance.getEntriesByType("navigation");
  const form = document.querySelector("form[data-auto-submit]");
  if (form && visit?.type !== "back_forward") {
    form.submit();
  }
})();
