/** Renders `/openapi.json` for reading: operations by tag, parameters, bodies, answers, and the schemas they name. */

import { byId, el } from "/assets/common.js";

const METHODS = ["get", "post", "put", "delete"];
let api = null;

/** Follows a `$ref` inside the document. */
function resolve(value) {
  if (!value?.$ref) return value;
  return value.$ref.slice(2).split("/").reduce((at, key) => at?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], api);
}

/** Text with `code` in back quotes. */
function prose(text = "") {
  return text.split("`").map((part, index) => (index % 2 ? el("code", { textContent: part }) : part));
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
  if (schema.type === "object" && schema.additionalProperties) return ["map of ", ...typeOf(schema.additionalProperties)];
  if (schema.const !== undefined) return [el("code", { textContent: JSON.stringify(schema.const) })];
  if (schema.enum) return schema.enum.flatMap((value, index) => [index ? ", " : "", el("code", { textContent: JSON.stringify(value) })]);
  return [schema.type ?? "any"];
}

function limitsOf(schema) {
  const { minimum, maximum, minLength, maxLength, maxItems } = schema ?? {};
  const range = (low, high, unit) => (high === undefined ? `from ${low}${unit}` : low === undefined ? `up to ${high}${unit}` : `${low}–${high}${unit}`);
  if (minLength !== undefined || maxLength !== undefined) return range(minLength, maxLength, " bytes");
  if (maxItems !== undefined) return range(undefined, maxItems, " entries");
  if (maximum !== undefined || minimum > 0) return range(minimum, maximum, "");
  return "";
}

/** What is said of a value: description, limits, default. */
function remarks(schema, description) {
  const words = description ?? schema?.description;
  const parts = [words, words?.includes("bytes") ? "" : limitsOf(schema), schema?.default === undefined ? "" : `default ${JSON.stringify(schema.default)}`];
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
    const line = [el("code", { textContent: prefix + name + (required.has(name) ? "" : "?") }), typeOf(value), remarks(value)];
    const suffix = value.type === "array" ? "[]." : value.additionalProperties ? ".*." : ".";
    return [line, ...(inner?.properties ? fields(inner, `${prefix}${name}${suffix}`) : [])];
  });
}

const FIELD_HEAD = ["Field", "Type", "Meaning"];

function bodyOf(content) {
  return Object.entries(content ?? {}).flatMap(([type, media]) => {
    const parts = [];
    if (media.schema?.properties) parts.push(table(FIELD_HEAD, fields(media.schema)));
    if (media.example !== undefined) {
      parts.push(el("pre", { className: "example", tabIndex: 0, "aria-label": "Example" }, el("code", { textContent: JSON.stringify(media.example, null, 2) })));
    }
    const head = media.schema ? [...typeOf(media.schema), type === "application/json" ? "" : ` (${type})`] : [type];
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
    body.append(el("h4", { textContent: "Parameters" }), table(["Name", "In", "Type", "Meaning"], parameters.map((each) => [
      el("code", { textContent: each.name + (each.required ? "" : "?") }), each.in, typeOf(each.schema), remarks(each.schema, each.description),
    ]), "parameters"));
  }
  if (operation.requestBody) body.append(el("h4", { textContent: operation.requestBody.required ? "Body" : "Body (may be left out)" }), ...bodyOf(operation.requestBody.content));
  body.append(el("h4", { textContent: "Answers" }));
  const answers = Object.entries(operation.responses).map(([code, each]) => [code, resolve(each)]);
  body.append(table(["Status", "Meaning", "Body"], answers.map(([code, answer]) => [
    el("code", { textContent: code }), prose(answer.description), Object.entries(answer.content ?? {}).flatMap(([type, media]) => (media.schema ? typeOf(media.schema) : [type, " "])),
  ]), "answers"));
  const example = answers.map(([, answer]) => answer.content?.["application/json"]?.example).find((each) => each !== undefined);
  if (example !== undefined) {
    body.append(el("pre", { className: "example", tabIndex: 0, "aria-label": "Example answer" }, el("code", { textContent: JSON.stringify(example, null, 2) })));
  }
  return el("details", { className: "card operation", id: anchor(method, path), "data-path": path, "data-method": method },
    el("summary", {}, el("span", { className: `verb ${method}`, textContent: method.toUpperCase() }), el("span", { className: "path", textContent: path }), el("span", { className: "what", textContent: operation.summary })),
    body);
}

function securityText(scheme) {
  return scheme.type === "http" ? el("code", { textContent: "Authorization: Bearer …" })
    : el("code", { textContent: scheme.in === "header" ? `${scheme.name}: …` : `?${scheme.name}=…` });
}

function render() {
  byId("version").textContent = `Version ${api.info.version}`;
  byId("about").replaceChildren(...api.info.description.split("\n\n").map((text) => el("p", {}, prose(text))));
  const navigation = byId("docs-links");
  const main = byId("operations");
  for (const tag of api.tags) {
    const cards = Object.entries(api.paths).flatMap(([path, item]) => METHODS
      .filter((method) => item[method]?.tags.includes(tag.name))
      .map((method) => operationCard(path, method, item[method], item.parameters)));
    if (cards.length === 0) continue;
    const id = anchor("tag", tag.name);
    main.append(el("section", { id, "aria-label": tag.name }, el("h2", { textContent: tag.name }), el("p", { className: "muted", textContent: tag.description }), el("div", { className: "toast-line" }), cards));
    navigation.append(el("h2", { textContent: tag.name }), ...cards.map((card) => el("a", { href: `#${card.id}` },
      el("b", { textContent: card.dataset.method === "delete" ? "DEL" : card.dataset.method.toUpperCase() }), el("span", {}, breakable(card.dataset.path)))));
  }
  const schemas = byId("schemas");
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    schemas.append(el("section", { id: anchor("schema", name) }, el("h3", { textContent: name }),
      schema.properties ? (schema.description ? el("p", {}, prose(schema.description)) : null) : el("p", {}, typeOf(schema), ": ", remarks(schema)),
      schema.properties ? table(FIELD_HEAD, fields(schema)) : null));
  }
  navigation.append(el("h2", { textContent: "More" }), el("a", { href: "#schemas-title", textContent: "Schemas" }),
    el("a", { href: "#websocket", textContent: "WebSocket protocol" }), el("a", { href: "#script", textContent: "From a browser" }));
  openTarget();
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
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`status ${response.status}`);
  api = await response.json();
  render();
} catch (error) {
  byId("trouble").hidden = false;
  byId("trouble").textContent = `The description of the API could not be loaded (${error.message}). Reload the page to try again.`;
}
