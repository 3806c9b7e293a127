/* Draws the figures one looks at with Plotly, once the page can be read. Whatever fails leaves the page as it was. */
"use strict";
(function () {
  const { nonce, dataset: { plotly } } = document.currentScript;

  /* Plotly adds two style elements while it loads. Our policy asks every style for the nonce of this answer; the
     script runs with that nonce already, so what it makes may carry it, too. */
  function lendNonce() {
    const create = document.createElement;
    document.createElement = function (name, ...more) {
      const made = create.call(this, name, ...more);
      if (String(name).toLowerCase() === "style") made.nonce = nonce;
      return made;
    };
  }

  let loading;
  function load() {
    loading ||= new Promise((resolve, reject) => {
      lendNonce();
      const script = document.createElement("script");
      Object.assign(script, { src: plotly, nonce, onload: resolve, onerror: reject });
      document.head.append(script);
    });
    return loading;
  }

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(name).trim();
    return { ink: read("--ink"), quiet: read("--ink-3"), line: read("--line"), paper: read("--paper") };
  }

  function tint(figure) {
    const c = colours();
    const layout = figure.layout;
    layout.paper_bgcolor = layout.plot_bgcolor = c.paper;
    layout.font = { ...layout.font, color: c.ink, size: 12, family: getComputedStyle(document.body).fontFamily };
    for (const axis of ["xaxis", "yaxis"]) {
      layout[axis] = { ...layout[axis], gridcolor: c.line, linecolor: c.quiet, zerolinecolor: c.line };
    }
    // A share lies between 0 and 100 %, whatever room Plotly would leave around it.
    if (layout.yaxis.tickformat.endsWith("%")) layout.yaxis.autorangeoptions = { clipmin: 0, clipmax: 1.01 };
    for (const trace of figure.data) {
      trace.line = { ...trace.line, color: c.ink };
    }
    for (const shape of layout.shapes || []) {
      shape.line = { ...shape.line, color: c.ink };
    }
    return figure;
  }

  async function draw(box) {
    const answer = await fetch(box.dataset.figure, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const figure = tint(await answer.json());
    if (!figure.data.some((trace) => trace.y.some((value) => value !== null))) return;
    await load();
    box.hidden = false;
    box.parentElement.classList.add("is-drawn");
    await window.Plotly.newPlot(box, figure.data, figure.layout, { displayModeBar: false, responsive: true });
  }

  function leave(box) {
    box.hidden = true;
    box.parentElement.classList.remove("is-drawn");
  }

  function start(box) {
    box.dataset.drawing = "";
    draw(box).catch(() => leave(box)).finally(() => { delete box.dataset.drawing; });
  }

  // Plotly is large: it is fetched when a figure comes into view, and each is drawn then. A hidden figure is nowhere,
  // so its place is watched instead.
  window.addEventListener("load", () => {
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries.filter((one) => one.isIntersecting)) {
        seen.unobserve(entry.target);
        start(entry.target.querySelector("[data-figure]"));
      }
    }, { rootMargin: "100px" });
    for (const box of document.querySelectorAll("[data-figure]")) seen.observe(box.parentElement);
  });
})();
