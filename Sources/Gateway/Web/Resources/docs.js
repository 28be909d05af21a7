/** Renders `/openapi.json` for reading: operations by tag, parameters, bodies, answers, and the schemas they name. */

import { byId, el } from "/assets/common.js";

const METHODS = ["get", "post", "put", "delete"];
let api = null;
/** What each tier does: its names, and a row per feature. */
let tiers;

/** Follows a `$ref` inside the document. */
function resolve(value) {
  if (!value?.$ref) return value;
  return value.$ref.slice(2).split("/").reduce((at, key) => at?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], api);
}

const code = (text) => el("code", { textContent: text });
const example = (value, label) => el("pre", { className: "example", tabIndex: 0, "aria-label": label },
  code(JSON.stringify(value, null, 2)));

/** Text with `code` in back quotes. */
function prose(text = "") {
  return text.split("`").map((part, index) => (index % 2 ? code(part) : part));
}

/** A path that may break after each slash. */
const breakable = (path) => path.split(/(?<=\/)/).flatMap((part) => [part, el("wbr")]);

const anchor = (...parts) => parts.join("-").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "").toLowerCase();

/** A schema in a few words, as nodes; names of schemas are links. */
function typeOf(schema) {
  if (!schema) return ["any"];
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return [el("a", { href: `#${anchor("schema", name)}`, textContent: name })];
  }
  if (schema.type === "array") return ["list of ", ...typeOf(schema.items)];
  if (schema.additionalProperties) return ["map of ", ...typeOf(schema.additionalProperties)];
  if (schema.const !== undefined) return [code(JSON.stringify(schema.const))];
  if (schema.enum) return schema.enum.flatMap((value, index) => [index ? ", " : "", code(JSON.stringify(value))]);
  return [schema.type ?? "any"];
}

function limitsOf(schema) {
  const { minimum, maximum, minLength, maxLength, maxItems } = schema ?? {};
  const range = (low, high, unit) => (high === undefined ? `from ${low}${unit}`
    : low === undefined ? `up to ${high}${unit}` : `${low}–${high}${unit}`);
  if (minLength !== undefined || maxLength !== undefined) return range(minLength, maxLength, " bytes");
  if (maxItems !== undefined) return range(undefined, maxItems, " entries");
  if (maximum !== undefined || minimum > 0) return range(minimum, maximum, "");
  return "";
}

/** What is said of a value: description, limits, default. */
function remarks(schema, description) {
  const words = description ?? schema?.description;
  const preset = schema?.default === undefined ? "" : `default ${JSON.stringify(schema.default)}`;
  const parts = [words, words?.includes("bytes") ? "" : limitsOf(schema), preset];
  return prose(parts.filter(Boolean).map((part) => part.replace(/\.$/, "")).join("; "));
}

function table(head, lines, className = "schema-list") {
  return el("div", { className: "scroll-x" }, el("table", { className },
    el("thead", {}, el("tr", {}, head.map((text) => el("th", { scope: "col", textContent: text })))),
    el("tbody", {}, lines.map((cells) => el("tr", {}, cells.map((cell) => el("td", {}, cell)))))));
}

/** The fields of an object schema; objects inside are listed with their path. */
function fields(schema, prefix = "") {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
    const inner = value.type === "array" ? value.items : value.additionalProperties ?? value;
    const line = [code(prefix + name + (required.has(name) ? "" : "?")), typeOf(value), remarks(value)];
    const suffix = value.type === "array" ? "[]." : value.additionalProperties ? ".*." : ".";
    return [line, ...(inner?.properties ? fields(inner, `${prefix}${name}${suffix}`) : [])];
  });
}

const FIELD_HEAD = ["Field", "Type", "Meaning"];

function bodyOf(content) {
  return Object.entries(content ?? {}).flatMap(([type, media]) => {
    const parts = [];
    if (media.schema?.properties) parts.push(table(FIELD_HEAD, fields(media.schema)));
    if (media.example !== undefined) parts.push(example(media.example, "Example"));
    const head = media.schema ? typeOf(media.schema) : [type];
    return [el("p", { className: "small" }, head), ...parts];
  });
}

function operationCard(path, method, operation, shared) {
  const parameters = [...(shared ?? []), ...(operation.parameters ?? [])].map(resolve);
  const body = el("div", { className: "operation-body" });
  if (operation.description) body.append(el("p", {}, prose(operation.description)));
  if (operation.security?.length > 0) {
    const names = [...new Set(operation.security.flatMap((each) => Object.keys(each)))];
    body.append(el("p", { className: "small muted" }, "Where the node asks for it: ",
      names.map((name, index) => [index ? " or " : "", securityText(api.components.securitySchemes[name])]).flat()));
  }
  if (parameters.length > 0) {
    const lines = parameters.map((each) => [
      code(each.name + (each.required ? "" : "?")), each.in, typeOf(each.schema), remarks(each.schema, each.description),
    ]);
    body.append(el("h4", { textContent: "Parameters" }), table(["Name", "In", "Type", "Meaning"], lines, "parameters"));
  }
  if (operation.requestBody) {
    const title = operation.requestBody.required ? "Body" : "Body (may be left out)";
    body.append(el("h4", { textContent: title }), ...bodyOf(operation.requestBody.content));
  }
  const answers = Object.entries(operation.responses).map(([status, each]) => [status, resolve(each)]);
  const bodies = (content) => Object.entries(content ?? {})
    .flatMap(([type, { schema }]) => (schema ? typeOf(schema) : [type, " "]));
  const lines = answers.map(([status, answer]) => [code(status), prose(answer.description), bodies(answer.content)]);
  body.append(el("h4", { textContent: "Answers" }), table(["Status", "Meaning", "Body"], lines, "answers"));
  const examples = answers.map(([, answer]) => answer.content?.["application/json"]?.example);
  const shown = examples.find((each) => each !== undefined);
  if (shown !== undefined) body.append(example(shown, "Example answer"));
  const summary = el("summary", {},
    el("span", { className: `verb ${method}`, textContent: method.toUpperCase() }),
    el("span", { className: "path", textContent: path }),
    el("span", { className: "what", textContent: operation.summary }));
  const card = { className: "card operation", id: anchor(method, path), "data-path": path, "data-method": method };
  return el("details", card, summary, body);
}

function securityText(scheme) {
  if (scheme.type === "http") return code("Authorization: Bearer …");
  return code(scheme.in === "header" ? `${scheme.name}: …` : `?${scheme.name}=…`);
}

function render() {
  byId("version").textContent = `Version ${api.info.version}`;
  byId("about").replaceChildren(...api.info.description.split("\n\n").map((text) => el("p", {}, prose(text))));
  for (const tag of api.tags) {
    const cards = Object.entries(api.paths).flatMap(([path, item]) => METHODS
      .filter((method) => item[method]?.tags.includes(tag.name))
      .map((method) => operationCard(path, method, item[method], item.parameters)));
    byId("operations").append(el("section", { id: anchor("tag", tag.name), "aria-label": tag.name },
      el("h2", { textContent: tag.name }),
      el("p", { className: "muted lead", textContent: tag.description }),
      cards));
    byId("docs-links").append(el("h2", { textContent: tag.name }), ...cards.map(contentsLink));
  }
  byId("schemas").append(...Object.entries(api.components.schemas).map(([name, schema]) => schemaSection(name, schema)));
  byId("tier-table").replaceChildren(table(
    ["Feature", "Mitigates", ...tiers.tiers],
    tiers.rows.map(({ feature, mitigates, tiers: cells }) => [feature, mitigates, ...cells]), "tiers",
  ));
  byId("tiers").hidden = false;
  byId("docs-links").append(el("h2", { textContent: "More" }),
    el("a", { href: "#websocket", textContent: "WebSocket protocol" }),
    el("a", { href: "#tiers", textContent: "Tiers" }),
    el("a", { href: "#script", textContent: "From a browser" }),
    el("a", { href: "#schemas-title", textContent: "Schemas" }));
  openTarget();
}

function contentsLink(card) {
  const { method, path } = card.dataset;
  return el("a", { href: `#${card.id}` },
    el("b", { textContent: method === "delete" ? "DEL" : method.toUpperCase() }),
    el("span", {}, breakable(path)));
}

function schemaSection(name, schema) {
  const section = el("section", { id: anchor("schema", name) }, el("h3", { textContent: name }));
  if (!schema.properties) section.append(el("p", {}, typeOf(schema), ": ", remarks(schema)));
  else if (schema.description) section.append(el("p", {}, prose(schema.description)));
  if (schema.properties) section.append(table(FIELD_HEAD, fields(schema)));
  return section;
}

/** A link to an operation opens it. */
function openTarget() {
  const target = location.hash && byId(location.hash.slice(1));
  if (!target) return;
  if (target.tagName === "DETAILS") target.open = true;
  target.scrollIntoView();
}

window.addEventListener("hashchange", openTarget);
const wide = window.matchMedia("(min-width: 60.01rem)");
const unfold = () => (byId("docs-contents").open = wide.matches);
wide.addEventListener("change", unfold);
unfold();

try {
  [api, tiers] = await Promise.all(["/openapi.json", "/assets/tiers.json"].map(async (path) => {
    const response = await fetch(path);
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.json();
  }));
  render();
} catch (error) {
  byId("trouble").hidden = false;
  byId("trouble").textContent = `The description of the API could not be loaded (${error.message}). Reload to try again.`;
}
