// A text chosen from the list is put into its field, where nothing was typed yet or after asking.
"use strict";
for (const list of document.querySelectorAll("select[data-fills]")) {
  const field = document.getElementById(list.dataset.fills);
  list.addEventListener("change", () => {
    if (field && list.value) {
      field.value = field.value.trim() ? `${field.value.trim()}\n\n${list.value}` : list.value;
      field.focus();
    }
  });
}
