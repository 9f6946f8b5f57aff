// What Material leaves out: a name for the search, and tables that can be scrolled by keyboard.
document$.subscribe(() => {
  document.querySelector("[data-md-component=search]")?.setAttribute("aria-label", "Search");
  requestAnimationFrame(() => {
    for (const part of document.querySelectorAll(".md-typeset__scrollwrap, .highlight code"))
      part.tabIndex = 0;
  });
});
