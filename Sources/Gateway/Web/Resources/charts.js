/** Small charts drawn as SVG by hand: lines over the last two minutes, and bars. */

import { el, svg } from "/assets/common.js";
import { t } from "/assets/texts.js";

const POINTS = 120; // one per second
const HEIGHT = 160; // as in the style sheet; the width is the card's
const LEFT = 56;
const BOTTOM = 20;
const TOP = 8;

/** The smallest of 1, 2, 4, 5 times a power of ten that is not below `value`. */
export function niceCeiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

/** One chart in a card: a title, a legend with the newest values, and one line per series; null is a hole. */
export class LineChart {
  #format;
  #axis;
  #least;
  #values;
  #drawing = svg("svg", { class: "chart", role: "img" });
  #now = [];

  /** `format` writes a value in the legend, `axis` one beside the grid; the scale reaches at least to `least`. */
  constructor(title, series, { format, axis, least }) {
    this.#format = format;
    this.#axis = axis;
    this.#least = least;
    this.#values = series.map(() => []);
    this.#drawing.setAttribute("aria-label", t("chart_label", { title }));
    const legend = el("ul", { className: "legend" }, series.map((name, index) => {
      this.#now[index] = el("b", { textContent: "–" });
      return el("li", {}, el("i", { "aria-hidden": "true" }), `${name} `, this.#now[index]);
    }));
    const head = el("div", { className: "chart-head" }, el("h2", { textContent: title }), legend);
    this.element = el("section", { className: "card" }, head, this.#drawing);
    new ResizeObserver(() => this.#draw()).observe(this.#drawing);
  }

  /** Adds one value per series, or nulls while nothing is known. */
  push(values) {
    values.forEach((value, index) => {
      this.#values[index].push(value);
      if (this.#values[index].length > POINTS) this.#values[index].shift();
      this.#now[index].textContent = value === null ? "–" : this.#format(value);
    });
    this.#draw();
  }

  #draw() {
    const width = Math.max(200, Math.round(this.#drawing.getBoundingClientRect().width));
    this.#drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const top = niceCeiling(Math.max(this.#least, ...this.#values.flat().filter((value) => value !== null)));
    const x = (index, length) => LEFT + ((POINTS - length + index) / (POINTS - 1)) * (width - LEFT - 4);
    const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
    const parts = [];
    for (const share of [0, 0.5, 1]) {
      const at = y(top * share);
      parts.push(svg("line", { class: "grid", x1: LEFT, x2: width, y1: at, y2: at }));
      parts.push(label(this.#axis(top * share), LEFT - 8, at + 4, "end"));
    }
    parts.push(label(t("two_minutes"), LEFT, HEIGHT - 4, "start"), label(t("now"), width, HEIGHT - 4, "end"));
    this.#values.forEach((values, index) => {
      const group = svg("g", { class: `series${index}` });
      for (const run of runs(values)) {
        const points = run.map(([at, value]) => `${x(at, values.length).toFixed(1)},${y(value).toFixed(1)}`);
        const floor = [run[0], run.at(-1)].map(([at]) => `${x(at, values.length).toFixed(1)},${y(0)}`);
        group.append(
          svg("polygon", { class: "area", points: [floor[0], ...points, floor[1]].join(" ") }),
          svg("polyline", { class: "line", points: points.join(" ") }),
        );
      }
      parts.push(group);
    });
    this.#drawing.replaceChildren(...parts);
  }
}

function label(text, x, y, anchor) {
  const element = svg("text", { x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}

/** Stretches without holes, as lists of [index, value]. */
function runs(values) {
  const all = [];
  values.forEach((value, index) => {
    if (value === null) return;
    if (index === 0 || values[index - 1] === null) all.push([]);
    all.at(-1).push([index, value]);
  });
  return all;
}

/** A bar filled to `share` (0–1); amber from 0.7, red from 0.9. */
export function bar(share, title) {
  const filled = Math.max(0, Math.min(1, share || 0));
  const kind = filled >= 0.9 ? "bad" : filled >= 0.7 ? "warn" : "";
  const drawing = svg("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img" },
    svg("rect", { class: "track", width: 100, height: 8, rx: 2 }),
    svg("rect", { class: `fill ${kind}`, width: filled * 100, height: 8, rx: 2 }));
  drawing.setAttribute("aria-label", t("bar_label", { title, n: Math.round(filled * 100) }));
  return drawing;
}
