// Makes a form for each operation that openapi.json describes, sends what was filled in and shows the answer. The
// description itself is in English, whatever the language of the page.

import { ask } from "./ask.js";

const PATIENCE_MS = 15000;
const root = document.getElementById("api");
const { send, body: bodyLabel, answer: answerLabel, failed, needsToken } = root.dataset;
const base = document.documentElement.dataset.base || "";
const METHODS = ["get", "post", "patch", "put", "delete"];

let schemas = {};
begin();

async function begin() {
  const description = JSON.parse((await ask(`${base}/api/openapi.json`, {}, PATIENCE_MS)).text);
  schemas = description.components.schemas;
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const method of METHODS.filter((name) => methods[name])) {
      document.getElementById("operations").append(operation(path, method, methods[method]));
    }
  }
  document.getElementById("no-script").hidden = true;
  root.hidden = false;
}

function operation(path, method, { summary, description: text, parameters = [], requestBody, security }) {
  const details = make("details", { className: "operation" });
  const title = make("summary", {}, make("code", {}, `${method.toUpperCase()} ${path}`), " ", described(summary));
  const needed = security && security.every((one) => Object.keys(one).length > 0);
  if (needed) title.append(make("span", { className: "quiet small" }, ` · ${needsToken}`));
  const form = make("form", { className: "stack" });
  details.append(title, form);
  if (text) form.append(make("p", { className: "quiet small" }, described(text)));
  for (const parameter of parameters) form.append(field(`${method} ${path}`, parameter));
  const schema = requestBody && requestBody.content["application/json"].schema;
  if (schema) {
    const value = JSON.stringify(example(schema), null, 2);
    const body = make("textarea", { name: "body", rows: 6, spellcheck: false, value });
    form.append(labelled(`${method} ${path} body`, bodyLabel, body));
  }
  const output = make("pre", { className: "answer", hidden: true, tabIndex: 0, ariaLabel: answerLabel });
  output.setAttribute("role", "region");
  form.append(make("p", {}, make("button", { className: "plain" }, send)), output);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    call(path, method, parameters, Boolean(schema), Boolean(security), form, output);
  });
  return details;
}

function field(prefix, { name, schema, required, description: text }) {
  const choices = schema.enum;
  const input = choices
    ? make("select", { name }, ...choices.map((choice) => make("option", {}, choice)))
    : make("input", { name, required, value: name === "poll" ? "main" : "", autocomplete: "off" });
  return labelled(`${prefix} ${name}`, described(`${name}: ${text || ""}`), input);
}

function described(text) {
  return make("span", { lang: "en" }, text);
}

function labelled(id, text, input) {
  input.id = id.replace(/[^a-z]+/g, "-");
  return make("p", { className: "field" }, make("label", { htmlFor: input.id }, text), input);
}

async function call(path, method, parameters, hasBody, secured, form, output) {
  const value = (name) => form.elements[name].value.trim();
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(value(name)));
  const query = parameters.filter((parameter) => parameter.in === "query" && value(parameter.name));
  const search = String(new URLSearchParams(query.map(({ name }) => [name, value(name)])));
  const headers = {};
  if (hasBody) headers["Content-Type"] = "application/json";
  const token = document.getElementById("token").value;
  if (secured && token) headers.Authorization = `Bearer ${token}`;
  output.hidden = false;
  try {
    const address = base + (search ? `${filled}?${search}` : filled);
    const options = { method: method.toUpperCase(), headers, body: hasBody ? value("body") : undefined };
    const answer = await ask(address, options, PATIENCE_MS);
    output.textContent = `${answer.status}\n\n${pretty(answer.text)}`;
  } catch (error) {
    output.textContent = failed;
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch (error) {
    return text;
  }
}

// A body to begin with: what is required, with the examples of the description.
function example(schema) {
  const { $ref, oneOf } = schema;
  // What may be left out is nothing or this.
  if (oneOf) return example(oneOf.find((one) => one.$ref) || oneOf[0]);
  if ($ref) return example(schemas[$ref.split("/").pop()]);
  if (schema.example !== undefined) return schema.example;
  if (schema.properties) {
    const required = schema.required || [];
    const wanted = Object.entries(schema.properties).filter(([name]) => required.includes(name));
    return Object.assign({}, ...wanted.map(([name, property]) => ({ [name]: example(property) })));
  }
  if (schema.type === "array") return [0, 1].map((index) => `${example(schema.items)} ${index + 1}`);
  return schema.type === "string" ? "text" : null;
}

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}
