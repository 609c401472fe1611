"use strict";
// Look through, merge and name people. All text goes in as text, never as HTML.

const byId = (id) => document.getElementById(id);
const facts = JSON.parse(byId("facts").textContent);
const file = facts.file;
const names = new Map(); // of a group: what it is to be called
const of = file.faces.map((face) => face.person); // the group of each face; "" where it is left out
let changed = false;

function make(tag, words = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(words)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...inside);
  return element;
}

const called = (group) => names.get(group) || group;
const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

function groups() {
  const found = new Map();
  of.forEach((group, number) => {
    if (!found.has(group)) found.set(group, []);
    found.get(group).push(number);
  });
  const left = found.get("") || [];
  found.delete("");
  const sorted = [...found].sort((one, other) => other[1].length - one[1].length);
  return { sorted, left };
}

function say(text) {
  byId("status").textContent = text;
}

function move(numbers, group, words) {
  for (const number of numbers) of[number] = group;
  changed = true;
  render();
  say(words);
}

// The group with this name: faces that get one name are one person's.
function groupCalled(name) {
  return [...new Set(of)].find((group) => group && called(group) === name);
}

function canBeFolder(name) {
  return !new RegExp(facts.names.never).test(name) && new TextEncoder().encode(name).length <= facts.names.longest;
}

function rename(group, text) {
  const name = text.trim();
  if (name === called(group)) return;
  if (!canBeFolder(name)) {
    say(`A name must be a folder's: ${facts.names.rule}. Received: ${name}`);
    return;
  }
  const other = name && groupCalled(name);
  if (other && other !== group) {
    const numbers = of.flatMap((each, number) => (each === group ? [number] : []));
    move(numbers, other, `${called(group)} and ${name} are one person now.`);
    return;
  }
  if (name) names.set(group, name);
  else names.delete(group);
  changed = true;
  render();
  say(name ? `Named ${name}.` : "The name is taken off.");
}

// A group that is not there yet.
function fresh() {
  let number = 1;
  const name = () => `taken out ${String(number).padStart(3, "0")}`;
  while (of.includes(name())) number += 1;
  return name();
}

function takeOut(number) {
  const group = of[number];
  move([number], fresh(), `A face was taken out of ${called(group)}.`);
}

function face(number, group, alone) {
  const one = file.faces[number];
  const masked = one.masked >= facts.seems_masked;
  const words = `${called(group) || "left out"}, face ${number + 1}${masked ? ", masked" : ""}`;
  const item = make("li", {}, make("img", { src: facts.pictures[number] || "", alt: words, title: one.path, loading: "lazy" }));
  if (masked) item.append(make("span", { className: "mask", "aria-hidden": "true" }, "masked"));
  if (!alone) {
    const label = `Take face ${number + 1} out of ${called(group)}`;
    item.append(make("button", { type: "button", "aria-label": label, onclick: () => takeOut(number) }, "Not them"));
  }
  return item;
}

function person(group, numbers) {
  const title = make("h2", {}, called(group));
  const input = make("input", {
    placeholder: "Name",
    "aria-label": `Name of ${group}`,
    list: "names",
    autocomplete: "off",
    value: names.get(group) || "",
    onchange: (event) => rename(group, event.target.value),
  });
  const photos = new Set(numbers.map((number) => file.faces[number].path)).size;
  const head = make("div", { className: "head" }, title, input);
  head.append(make("p", { className: "soft" }, `${count(numbers.length, "face", "faces")} on ${count(photos, "photograph", "photographs")}`));
  const near = file.nearest[group];
  if (near && near !== group && of.includes(near)) {
    const merge = () => move(numbers, near, `${called(group)} and ${called(near)} are one person now.`);
    head.append(make("button", { type: "button", onclick: merge }, `Same as ${called(near)} (most similar)`));
  }
  const leave = () => move(numbers, "", `${called(group)} is left out.`);
  head.append(make("button", { type: "button", "aria-label": `Leave ${called(group)} out`, onclick: leave }, "Leave out"));
  const list = make("ul", { className: "faces" }, ...numbers.map((number) => face(number, group, numbers.length === 1)));
  return make("section", { className: "person", "aria-label": called(group), id: `group ${group}` }, head, list);
}

function render() {
  const focused = document.activeElement && document.activeElement.closest && document.activeElement.closest("section");
  const { sorted, left } = groups();
  const parts = sorted.map(([group, numbers]) => person(group, numbers));
  if (left.length) {
    const back = () => move(left, fresh(), "They are back.");
    const head = make("div", { className: "head" }, make("h2", {}, "Left out"), make("button", { type: "button", onclick: back }, "Put back"));
    parts.push(make("section", { className: "person", "aria-label": "Left out" }, head, make("ul", { className: "faces" }, ...left.map((number) => face(number, "", true)))));
  }
  byId("people").replaceChildren(...parts);
  byId("names").replaceChildren(...[...names.values()].map((name) => make("option", { value: name })));
  const again = focused && document.getElementById(focused.id);
  if (again) again.querySelector("input").focus({ preventScroll: true });
  const several = sorted.filter(([, numbers]) => numbers.length > 1).length;
  byId("found").textContent =
    `${count(of.length, "face", "faces")}: ${count(several, "person", "people")} seen more than once, ` +
    `${sorted.length - several} once. Give two of them one name, and they are one person.`;
}

function save() {
  const faces = file.faces.map((one, number) => ({ ...one, person: called(of[number]) }));
  const nearest = Object.fromEntries(
    Object.entries(file.nearest).map(([one, other]) => [called(one), called(other)]).filter(([one, other]) => one !== other),
  );
  const text = JSON.stringify({ ...file, faces, nearest }, null, 1);
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "application/json" })), download: `${facts.folder}-named.json` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  changed = false;
  say("Saved.");
}

byId("how").replaceChildren(
  "When everybody is named, save the file and run ",
  make("code", {}, `maskedface cluster --groups ${facts.folder}-named.json --out named`),
  ": it writes a folder per person, which ",
  make("code", {}, "maskedface enroll --gallery friends.npz named"),
  " accepts.",
);
byId("save").addEventListener("click", save);
addEventListener("beforeunload", (event) => {
  if (changed) event.preventDefault();
});
render();
