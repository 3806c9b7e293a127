// Pages work without this file; it saves a click here and there.
"use strict";

// A choice marked data-submit sends its form when it changes.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
});

// On a phone the menu scrolls sideways; where one is stays in sight.
document.querySelector(".q-nav a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Coming back with the browser's back button makes forms usable again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
