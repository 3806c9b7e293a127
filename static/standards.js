// The editor asks while people write, and says what is wrong beside the line it is on. Without script the form does.
"use strict";
const form = document.querySelector("form[data-validate]");
if (form) {
  const field = form.querySelector("textarea");
  const told = document.getElementById("mistakes");
  let waiting, asked = 0;
  const goTo = (line) => {
    const lines = field.value.split("\n"), start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    field.focus();
    field.setSelectionRange(start, start + (lines[line - 1] || "").length);
    field.scrollTop = (line - 4) * (field.scrollHeight / lines.length);
  };
  const tell = (found) => {
    told.replaceChildren(...found.mistakes.map((mistake) => {
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.className = "q-plain";
      button.textContent = form.dataset.line.replace("#", mistake.line);
      button.addEventListener("click", () => goTo(mistake.line));
      item.append(button, ` ${mistake.path ? mistake.path + ": " : ""}${mistake.problem}`);
      return item;
    }));
    if (found.valid) {
      const item = document.createElement("li");
      item.textContent = form.dataset.valid;
      told.replaceChildren(item);
    }
    field.setAttribute("aria-invalid", String(!found.valid));
  };
  const ask = async () => {
    const number = ++asked, answer = await fetch(form.dataset.validate, {method: "POST", body: new FormData(form)});
    if (answer.ok && number === asked) tell(await answer.json());
  };
  field.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, 400); });
}
// The form asks for the checked part of its page while people write; without script the button brings it.
const live = document.querySelector("form[data-live]");
if (live) {
  const told = document.getElementById("checked");
  let waiting, asked = 0;
  const ask = async () => {
    const number = ++asked, answer = await fetch(live.dataset.live, {method: "POST", body: new FormData(live)});
    if (answer.ok && number === asked) told.innerHTML = await answer.text();
  };
  live.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, 500); });
}
// A page that waits for work looks how far it is, and shows what was found once it is there. Without script a link does.
const wait = document.querySelector("[data-wait-for]");
if (wait) {
  const look = async () => {
    const answer = await fetch(wait.dataset.waitFor).catch(() => null);
    const told = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
    const still = told && told.querySelector("[data-wait-for]");
    if (told && !still) location.reload();
    else if (still && still.textContent !== wait.textContent) wait.replaceChildren(...still.childNodes);
    setTimeout(look, 2000);
  };
  setTimeout(look, 1000);
}
