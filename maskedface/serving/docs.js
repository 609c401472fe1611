// The API's page, from the service's own OpenAPI document.

const made = (kind, text, ...inside) => {
  const element = document.createElement(kind);
  element.textContent = text;
  element.append(...inside);
  return element;
};

function example(method, path, fields) {
  const at = `${location.origin}${path}`;
  const query = fields.filter((field) => field.where === "query");
  const words = query.map((field) => `--get --data-urlencode '${field.name}=…' `).join("");
  const forms = fields.filter((field) => field.where === "form" && (field.required || field.file));
  const given = forms.map((field) => ` \\\n  -F ${field.name}=${field.file ? "@photo.jpg" : field.name === "consent" ? "true" : "…"}`);
  return made("pre", `curl -X ${method.toUpperCase()} ${words}${at}${given.join("")}`);
}

function fieldsOf(operation) {
  const found = (operation.parameters || []).map((one) => ({ ...one, where: one.in }));
  const content = operation.requestBody ? operation.requestBody.content["multipart/form-data"].schema : { properties: {} };
  for (const [name, schema] of Object.entries(content.properties)) {
    const item = schema.items || schema;
    found.push({ name, schema, where: "form", file: item.format === "binary", required: (content.required || []).includes(name) });
  }
  return found;
}

function row(field) {
  const { type, enum: some, default: usual, description } = field.schema;
  const kind = field.file ? (type === "array" ? "photographs" : "a photograph") : some ? some.join(", ") : type;
  const told = [kind, field.required ? "must be given" : "", usual === undefined ? "" : `default: ${usual}`, description || ""];
  return made("tr", "", made("th", field.name), made("td", told.filter(Boolean).join("; ")));
}

const response = await fetch("/v1/openapi.json");
const document_ = await response.json();
document.getElementById("about").textContent = document_.info.description;
for (const [path, operations] of Object.entries(document_.paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    const fields = fieldsOf(operation);
    const parts = [made("h2", `${method.toUpperCase()} ${path}`), made("p", operation.description || "")];
    if (fields.length) parts.push(made("table", "", made("tbody", "", ...fields.map(row))));
    document.getElementById("paths").append(made("section", "", ...parts, example(method, path, fields)));
  }
}
document.documentElement.dataset.ready = "yes";
