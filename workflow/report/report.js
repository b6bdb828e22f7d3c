"use strict";
// Linked panels, search, families, marks and the sortable table. One state, one redraw of what it changed.
(() => {
  const study = JSON.parse(document.getElementById("study").textContent);
  const { models, family, baseline, quiet, styles, measures, panels } = study;
  const parameters = {
    name: "parameters, millions", metric: "parameters", convention: "", benchmark: "", log: true, simulated: false,
    value: study.parameters, low: models.map(() => null), high: models.map(() => null),
  };
  // Where there is no x axis, models stand in the order of their scores.
  const byScore = { name: "models, the highest score first", metric: "models", convention: "", benchmark: "", rank: true, simulated: false };
  const axis = study.x === null ? byScore : measures[study.x];
  const xs = [...(study.x === null ? [byScore] : []), ...measures.filter((measure) => measure.accuracy)];
  if (study.parameters.some((count) => count !== null)) xs.push(parameters);
  const headlines = [...(study.x === null ? [] : [study.x]), ...panels.map((panel) => panel.y)].map((index) => measures[index]);

  const marked = new Set();
  const families = new Set();
  let chosen = axis;
  let shown = models.map(() => true);

  const MINIMUM = 10; // points that a trend takes
  const CROWD = 60; // beyond, intervals are drawn of marked models only
  const REACH = 16; // pixels from the pointer to the model it points at
  const SHAPES = {
    "o": "M-1,0A1,1 0 1,0 1,0A1,1 0 1,0 -1,0Z", "s": "M-.9-.9H.9V.9H-.9Z", "^": "M0-1.1L1 .8H-1Z",
    "D": "M0-1.2L1.2 0L0 1.2L-1.2 0Z", "v": "M0 1.1L1-.8H-1Z", "<": "M-1.1 0L.8-1V1Z", ">": "M1.1 0L-.8-1V1Z",
    "P": "M-.4-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
    "X": "M-1.1-.6L-.6-1.1L0-.5L.6-1.1L1.1-.6L.5 0L1.1.6L.6 1.1L0 .5L-.6 1.1L-1.1.6L-.5 0Z",
  };

  const byId = (id) => document.getElementById(id);
  const escape = (value) => String(value).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const decimal = (value, digits) => value.toFixed(digits).replace("-", "−");
  const number = (value) => {
    if (value === null) return "–";
    return value && Math.abs(value) < 0.01 ? value.toPrecision(2).replace("-", "−") : decimal(value, 3);
  };
  const title = (measure) => measure.name + (measure.simulated ? " (simulated)" : "");
  const pair = (measure) => `${measure.benchmark} ${measure.metric}`;
  const mark = (name) => `<path class="mark" d="${SHAPES[styles[name].marker]}" fill="${styles[name].color}"`;

  // --- scales -----------------------------------------------------------------------------------------

  function ticks(low, high) {
    const raw = (high - low) / 6;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
    const first = Math.ceil(low / step - 1e-9);
    const count = Math.floor(high / step + 1e-9) - first + 1;
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    return Array.from({ length: count }, (_, i) => [(first + i) * step, decimal((first + i) * step, digits)]);
  }

  function logTicks(low, high) {
    const all = [];
    for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
      all.push(...[1, 2, 5].map((factor) => factor * 10 ** power));
    }
    const inside = all.filter((value) => value >= low && value <= high);
    return inside.length < 3 ? ticks(low, high) : inside.map((value) => [value, String(+value.toPrecision(1))]);
  }

  // From a measure's values to pixels start … end, with room at both sides.
  function scale(measure, members, start, end, others = []) {
    const inside = measure.log ? Math.log10 : (value) => value;
    const numbers = members.flatMap((i) => [measure.value[i], measure.low[i], measure.high[i]]).concat(others).filter((v) => v !== null);
    let [low, high] = [Math.min(...numbers), Math.max(...numbers)].map(inside);
    const room = (high - low || Math.abs(high) || 1) * 0.06;
    [low, high] = [low - room, high + room];
    const place = (value) => start + ((inside(value) - low) / (high - low)) * (end - start);
    return { place, ticks: measure.rank ? [] : measure.log ? logTicks(10 ** low, 10 ** high) : ticks(low, high) };
  }

  // --- one panel --------------------------------------------------------------------------------------

  function makePanel(own) {
    const element = document.createElement("div");
    element.innerHTML = `
      <div class="controls"><label class="wide">y <select class="measure" aria-label="y axis"></select></label>
      <label>as <select class="convention" aria-label="convention"></select></label></div>
      <div class="plot"></div><p class="quiet note"></p>`;
    (byId(`panels-${own.figure}`) || byId("panels")).append(element);
    const [choice, convention] = element.querySelectorAll("select");
    const pairs = [...new Map(measures.map((measure) => [pair(measure), measure])).values()];
    choice.innerHTML = pairs.map((m) => `<option value="${escape(pair(m))}">${escape(m.name)}</option>`).join("");
    const panel = { own, element, y: measures[own.y], plot: element.querySelector(".plot"), at: new Map() };

    function offerConventions() {
      choice.value = pair(panel.y);
      const alike = measures.filter((measure) => pair(measure) === pair(panel.y));
      convention.innerHTML = alike.map((m) => `<option>${escape(m.convention)}</option>`).join("");
      convention.value = panel.y.convention;
    }
    function choose(test) {
      panel.y = measures.find((measure) => pair(measure) === choice.value && test(measure));
      offerConventions();
      draw(panel);
    }
    choice.addEventListener("change", () => choose(() => true));
    convention.addEventListener("change", () => choose((measure) => measure.convention === convention.value));
    panel.plot.addEventListener("pointermove", (event) => point(nearest(panel, event), panel));
    panel.plot.addEventListener("pointerleave", () => point(null));
    panel.plot.addEventListener("click", (event) => {
      const model = nearest(panel, event);
      if (model !== null) toggle(model);
      point(model, panel);
    });
    panel.plot.addEventListener("focusin", (event) => {
      const target = event.target.closest(".point");
      if (target) point(Number(target.dataset.model), panel);
    });
    panel.plot.addEventListener("focusout", () => point(null));
    panel.plot.addEventListener("keydown", (event) => walk(panel, event));
    offerConventions();
    return panel;
  }

  // Places of models in the order of a measure, the highest first; equal ones in their order.
  function ranked(y) {
    const order = models.map((_, i) => i).filter((i) => y.value[i] !== null).sort((a, b) => y.value[b] - y.value[a] || a - b);
    const value = models.map(() => null);
    order.forEach((i, place) => { value[i] = place + 1; });
    return { ...byScore, value, low: value.map(() => null), high: value.map(() => null) };
  }

  function draw(panel) {
    const { y, plot } = panel;
    const x = chosen.rank ? ranked(y) : chosen;
    panel.x = x;
    const members = models.map((_, i) => i).filter((i) => x.value[i] !== null && y.value[i] !== null);
    const own = chosen === axis && y === measures[panel.own.y];
    panel.members = members.sort((a, b) => x.value[a] - x.value[b] || y.value[a] - y.value[b]);
    panel.at.clear();
    panel.element.querySelector(".note").textContent = note(panel, own);
    if (!members.length) {
      plot.innerHTML = "<p>No model has a value here; the reasons are under Failures.</p>";
      return;
    }
    const [width, left, right, top, bottom] = [plot.clientWidth || 520, 54, 10, 20, 44];
    const height = Math.round(Math.min(400, Math.max(280, width * 0.75)));
    const across = scale(x, members, left, width - right);
    const lines = own ? panel.own.reference : [];
    const bands = own ? panel.own.bands : [];
    const up = scale(y, members, height - bottom, top, [...lines.map(([, value]) => value), ...bands.flat()]);
    const heights = apart(lines.map(([, value]) => up.place(value) + 4), 13);
    for (const i of members) panel.at.set(i, [across.place(x.value[i]), up.place(y.value[i])]);
    const simulated = x.simulated || y.simulated;
    plot.innerHTML = `
      <svg viewBox="0 0 ${width} ${height}" height="${height}" role="group"
        aria-label="${escape(`${title(y)} against ${title(x)}, ${members.length} models`)}">
      ${bands.map(([low, high]) => `<rect class="band" x="${left}" width="${width - right - left}" y="${up.place(high)}" height="${up.place(low) - up.place(high)}"/>`).join("")}
      ${grid(across, up, width - right, height - bottom, left, top)}
      <text class="label" x="${(left + width - right) / 2}" y="${height - 6}" text-anchor="middle">${escape(x.name)}</text>
      <text class="label" transform="translate(13 ${(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">${escape(`${y.metric.replaceAll("_", " ")}, ${y.convention}`)}</text>
      ${simulated ? `<text class="simulated" x="${left}" y="12">SIMULATED DATA</text>` : ""}
      ${lines.map((line, i) => referenceShape(line, up.place, left, width - right, heights[i])).join("")}
      ${own && panel.own.trend ? trendShapes(panel.own.trend, across.place, up.place) : ""}
      ${members.filter((i) => panel.at.has(baseline[i])).map((i) => arrowShape(panel.at.get(baseline[i]), panel.at.get(i))).join("")}
      ${members.map((i) => pointShape(i, panel, across.place, up.place)).join("")}
      <g class="names"></g></svg>`;
    plot.firstElementChild.classList.toggle("crowded", members.length > CROWD);
    panel.points = new Map([...plot.querySelectorAll(".point")].map((g) => [Number(g.dataset.model), g]));
    panel.points.get(panel.members[0]).tabIndex = 0;
    restyle(panel);
  }

  function grid(across, up, right, bottom, left, top) {
    const vertical = across.ticks.map(([value, text]) => [across.place(value), text])
      .map(([at, text]) => `<path class="grid" d="M${at} ${top}V${bottom}"/><text x="${at}" y="${bottom + 16}" text-anchor="middle">${text}</text>`);
    const horizontal = up.ticks.map(([value, text]) => [up.place(value), text])
      .map(([at, text]) => `<path class="grid" d="M${left} ${at}H${right}"/><text x="${left - 6}" y="${at + 4}" text-anchor="end">${text}</text>`);
    return `${vertical.join("")}${horizontal.join("")}<path class="axis" fill="none" d="M${left} ${top}V${bottom}H${right}"/>`;
  }

  function trendShapes(trend, across, up) {
    const path = (points) => "M" + points.map(([a, b]) => `${across(a)} ${up(b)}`).join("L");
    return `<path class="envelope" d="${path(trend.envelope)}"/>
      ${trend.lines.map((line) => `<path class="published" d="${path(line)}"/>`).join("")}
      <circle class="peak" r="11" cx="${across(trend.peak[0])}" cy="${up(trend.peak[1])}"/>`;
  }

  function referenceShape([name, value], up, left, right, height) {
    return `<path class="reference" d="M${left} ${up(value)}H${right}"/>
      <text class="level" x="${right - 2}" y="${height}" text-anchor="end">${escape(name)}</text>`;
  }

  // Heights moved down, the highest first, until each is a step below the one before.
  function apart(heights, step) {
    const moved = [...heights];
    const order = heights.map((_, i) => i).sort((a, b) => heights[a] - heights[b]);
    order.forEach((i, place) => { if (place) moved[i] = Math.max(moved[i], moved[order[place - 1]] + step); });
    return moved;
  }

  // From a baseline to the model that was trained beside it, short of both marks.
  function arrowShape([fromX, fromY], [toX, toY]) {
    const length = Math.hypot(toX - fromX, toY - fromY);
    if (length < 16) return "";
    const [alongX, alongY] = [(toX - fromX) / length, (toY - fromY) / length];
    const [tipX, tipY] = [toX - 7 * alongX, toY - 7 * alongY];
    const barb = (side) => `${tipX - 7 * alongX - side * 3 * alongY} ${tipY - 7 * alongY + side * 3 * alongX}`;
    return `<path class="arrow" d="M${fromX + 7 * alongX} ${fromY + 7 * alongY}L${tipX} ${tipY}M${barb(1)}L${tipX} ${tipY}L${barb(-1)}"/>`;
  }

  function pointShape(i, panel, across, up) {
    const [left, top] = panel.at.get(i);
    const radius = panel.members.length > CROWD ? 3.5 : 5.5;
    const { x } = panel;
    let bars = x.low[i] === null ? "" : `M${across(x.low[i]) - left} 0H${across(x.high[i]) - left}`;
    if (panel.y.low[i] !== null) bars += `M0 ${up(panel.y.low[i]) - top}V${up(panel.y.high[i]) - top}`;
    return `<g class="point${quiet[i] ? " shown-only" : ""}" data-model="${i}" tabindex="-1" role="button" transform="translate(${left} ${top})"
      aria-label="${escape(`${models[i]}, ${family[i]}: ${panel.x.rank ? "" : `${panel.x.name} ${number(panel.x.value[i])}, `}${panel.y.metric} ${number(panel.y.value[i])}`)}">
      <path class="bars" d="${bars}" stroke="${styles[family[i]].color}"/><circle class="ring" r="10"/>
      ${mark(family[i])} transform="scale(${radius})"/></g>`;
  }

  function note(panel, own) {
    const count = `${panel.members.length} of ${models.length} models have ${chosen.rank ? "a value" : "both values"}.`;
    if (own) return `${count} ${panel.own.note}`;
    const few = panel.members.length < MINIMUM;
    return `${count} No trend is given: ${few ? `fewer than ${MINIMUM} points` : "it is computed for the headline measures against accuracy only"}.`;
  }

  // --- pointing and marking ---------------------------------------------------------------------------

  function nearest(panel, event) {
    const box = panel.plot.getBoundingClientRect();
    let [best, reach] = [null, REACH];
    for (const [i, [left, top]] of panel.at) {
      const distance = Math.hypot(event.clientX - box.left - left, event.clientY - box.top - top);
      if (shown[i] && distance < reach) [best, reach] = [i, distance];
    }
    return best;
  }

  let hot = null;
  function point(model, panel) {
    for (const { points } of all) points?.get(hot)?.classList.remove("hot");
    hot = model;
    byId("tip").hidden = model === null;
    if (model === null) return;
    for (const { points } of all) points?.get(model)?.classList.add("hot");
    const rows = [...new Set([...(chosen.rank ? [] : [chosen]), panel.y, ...headlines])].map((measure) => {
      const interval = measure.low[model] === null ? "" : `${number(measure.low[model])} to ${number(measure.high[model])}`;
      return `<tr><th>${escape(title(measure))}<span class="beside">${escape(measure.convention)}</span></th><td class="value">${number(measure.value[model])}</td><td>${interval}</td></tr>`;
    });
    const tip = byId("tip");
    tip.innerHTML = `<strong>${escape(models[model])}</strong><br>${escape(family[model])}<table>${rows.join("")}</table>`;
    const [box, [left, top]] = [panel.plot.getBoundingClientRect(), panel.at.get(model)];
    const beside = box.left + left + 14;
    const fits = beside + tip.offsetWidth < innerWidth;
    tip.style.left = `${Math.max(4, fits ? beside : Math.min(box.left + left - 14, innerWidth - 4) - tip.offsetWidth)}px`;
    const above = box.top + top - tip.offsetHeight - 14;
    tip.style.top = `${above > 0 ? above : box.top + top + 14}px`;
  }

  function toggle(model) {
    if (!marked.delete(model)) marked.add(model);
    remark();
  }

  function walk(panel, event) {
    const target = event.target.closest(".point");
    if (!target) return;
    const here = Number(target.dataset.model);
    const reachable = panel.members.filter((i) => shown[i] || i === here);
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (step) {
      const next = reachable[(reachable.indexOf(here) + step + reachable.length) % reachable.length];
      target.tabIndex = -1;
      panel.points.get(next).tabIndex = 0;
      panel.points.get(next).focus();
    } else if (event.key === "Enter" || event.key === " ") toggle(here);
    else return;
    event.preventDefault();
  }

  function restyle(panel) {
    if (!panel.at.size) return;
    const svg = panel.plot.firstElementChild;
    svg.classList.toggle("some-chosen", marked.size > 0);
    for (const [i, g] of panel.points) {
      g.classList.toggle("chosen", marked.has(i));
      g.classList.toggle("away", !shown[i]);
      g.setAttribute("aria-pressed", marked.has(i));
    }
    const middle = svg.viewBox.baseVal.width / 2;
    svg.querySelector(".names").innerHTML = [...marked].filter((i) => panel.at.has(i)).map((i) => {
      const [left, top] = panel.at.get(i);
      const end = left > middle;
      return `<text class="name" x="${left + (end ? -10 : 10)}" y="${top - 8}" text-anchor="${end ? "end" : "start"}">${escape(models[i])}</text>`;
    }).join("");
  }

  function remark() {
    all.forEach(restyle);
    rows.forEach((row, i) => {
      row.classList.toggle("chosen", marked.has(i));
      row.querySelector("input").checked = marked.has(i);
    });
    const chips = [...marked].map((i) => `<button type="button" class="chip" data-model="${i}" aria-label="unmark ${escape(models[i])}">${escape(models[i])} ✕</button>`);
    byId("marked").innerHTML = `Marked: ${chips.join("") || "none"}`;
  }

  // --- table ------------------------------------------------------------------------------------------

  const body = byId("scores").tBodies[0];
  const rows = [...body.rows];
  const headers = [...byId("scores").tHead.rows[0].cells];
  const valueOf = (row, column) => row.cells[column].dataset.value;
  const names = new Intl.Collator("en", { numeric: true });

  // Rows without a value stay last in either direction.
  function sortBy(column, descending) {
    const sign = descending ? -1 : 1;
    const ordered = [...rows].sort((a, b) => {
      const [one, other] = [valueOf(a, column), valueOf(b, column)];
      if (one === "" || other === "") return (one === "") - (other === "");
      return sign * (column < 2 ? names.compare(one, other) : Number(one) - Number(other));
    });
    body.append(...ordered);
    headers.forEach((header, i) => {
      if (i === column) header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    });
  }

  function filter() {
    const wanted = byId("search").value.trim().toLowerCase();
    shown = models.map((model, i) =>
      `${model} ${family[i]}`.toLowerCase().includes(wanted) && (!families.size || families.has(family[i])));
    rows.forEach((row, i) => { row.hidden = !shown[i]; });
    byId("shown").textContent = `${shown.filter(Boolean).length} of ${models.length} models`;
    all.forEach(restyle);
  }

  // --- start ------------------------------------------------------------------------------------------

  byId("x-axis").innerHTML = xs.map((measure, i) => `<option value="${i}">${escape(measure.name)}</option>`).join("");
  byId("families").innerHTML = Object.keys(styles).map((name) => `<button type="button" class="chip" aria-pressed="false" data-family="${escape(name)}">
    <svg viewBox="-1.4 -1.4 2.8 2.8" aria-hidden="true">${mark(name)}/></svg>${escape(name || "no family")}</button>`).join("");
  const all = panels.map(makePanel);
  all.forEach(draw);

  byId("x-axis").addEventListener("change", (event) => {
    chosen = xs[Number(event.target.value)];
    all.forEach(draw);
  });
  byId("families").addEventListener("click", (event) => {
    const chip = event.target.closest(".chip");
    if (!chip) return;
    if (!families.delete(chip.dataset.family)) families.add(chip.dataset.family);
    chip.setAttribute("aria-pressed", families.has(chip.dataset.family));
    filter();
  });
  byId("search").addEventListener("input", filter);
  byId("marked").addEventListener("click", (event) => {
    const chip = event.target.closest(".chip");
    if (chip) toggle(Number(chip.dataset.model));
  });
  rows.forEach((row, i) => row.querySelector("input").addEventListener("change", () => toggle(i)));
  headers.forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => {
      const was = header.getAttribute("aria-sort");
      sortBy(column, was ? was === "ascending" : column >= 2);
    });
  });
  byId("sort-by").addEventListener("change", (event) => {
    if (event.target.value === "") body.append(...rows);
    else sortBy(Number(event.target.value), Number(event.target.value) >= 2);
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (byId("tip").hidden) marked.clear();
    point(null);
    remark();
  });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    all.forEach(draw);
  });
})();
