// What test_pages.py asks of a page as a whole; each function gives a list of what is wrong.

/** Controls and pictures that nothing names for who can't see them. */
function nameless() {
  const named = (e) => e.labels?.length || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby")
    || e.textContent.trim();
  const all = document.querySelectorAll("input, textarea, select, button, a, nav, aside, [role=img]");
  return [...all].filter((e) => e.checkVisibility() && !named(e)).map((e) => e.outerHTML);
}

/** Visible text whose contrast to what lies behind it is under 4.5 to 1 (WCAG 2.2, 1.4.3). */
function poorContrast() {
  const parse = (text) => {
    const numbers = text.match(/[\d.]+/g).map(Number);
    return { rgb: numbers.slice(0, 3), alpha: numbers[3] ?? 1 };
  };
  const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.alpha === 1) return colour.rgb;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const e of document.querySelectorAll("body *")) {
    const text = [...e.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!text || !e.checkVisibility({ opacityProperty: true }) || e.closest("svg, noscript, .skip, .reply")) continue;
    const levels = [luminance(parse(getComputedStyle(e).color).rgb), luminance(behind(e))];
    const ratio = (Math.max(...levels) + 0.05) / (Math.min(...levels) + 0.05);
    if (ratio < 4.5) poor.push([e.tagName, e.className, e.textContent.slice(0, 30), ratio.toFixed(2)]);
  }
  return poor;
}

/** Links into the page that lead nowhere. */
function danglingLinks() {
  const links = [...document.querySelectorAll('a[href^="#"]')];
  return links.filter((a) => !document.getElementById(a.hash.slice(1))).map((a) => a.hash);
}

/** What the content security policy would refuse: inline scripts, styles and handlers. */
function inline() {
  const elements = [...document.querySelectorAll("style, script:not([src])")].map((e) => e.outerHTML);
  const attributes = [...document.querySelectorAll("*")].flatMap((e) => [...e.attributes]);
  return [...elements, ...attributes.filter((a) => a.name.startsWith("on")).map((a) => `${a.name}=${a.value}`)];
}
