"use strict";
// What the theme leaves out for readers who use a keyboard, or hear the page.
addEventListener("DOMContentLoaded", () => {
  const all = (selector) => document.querySelectorAll(selector);
  all("p.caption[role=heading]").forEach((e) => e.setAttribute("aria-level", "2"));
  const names = {
    ".sidebar-drawer": "Pages",
    ".toc-drawer": "On this page",
    ".content-icon-container": "This page",
  };
  for (const [selector, name] of Object.entries(names)) {
    all(selector).forEach((e) => {
      if (e.tagName === "DIV") e.setAttribute("role", "navigation");
      e.setAttribute("aria-label", name);
    });
  }
  // What is wider than its box is scrolled by the arrows once it has the focus.
  const scrollable = () => {
    all("pre, .table-wrapper, .cell_output div, math").forEach((e) => {
      const clipped = getComputedStyle(e).overflowX !== "visible";
      if (clipped && e.scrollWidth > e.clientWidth) e.tabIndex = 0;
    });
  };
  scrollable();
  addEventListener("resize", scrollable);
});
