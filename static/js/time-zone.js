// A new website is most likely where the person is who adds it: the browser's own time zone is chosen beforehand.
(() => {
  const choice = document.querySelector("select[name=time_zone]");
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (choice && [...choice.options].some((option) => option.value === here)) {
    choice.value = here;
  }
})();
