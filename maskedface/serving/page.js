// The page: plain JavaScript, nothing from elsewhere. All text goes in as text, never as HTML.

const byId = (id) => document.getElementById(id);
const TOKEN = "maskedface-token";
let facts = { token: false, photo_bytes: 20 * 2 ** 20, seems_masked: 0.5 };

// ---- asking the service ----

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(method, path, form) {
  const headers = { Accept: "application/json" };
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, { method, headers, body: form, credentials: "omit" });
  } catch {
    throw new Refused(0, "The service does not answer. Is it still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  if (response.status === 401) {
    await wantToken();
    return ask(method, path, form);
  }
  throw new Refused(response.status, answer.error || `The service answered with status ${response.status}.`);
}

async function wantToken() {
  sessionStorage.removeItem(TOKEN);
  const dialog = byId("token");
  byId("token-value").value = "";
  if (!dialog.open) dialog.showModal();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  sessionStorage.setItem(TOKEN, byId("token-value").value.trim());
  byId("token-value").value = "";
}

function formOf(fields) {
  const form = new FormData();
  for (const [name, value] of fields) {
    if (value instanceof Blob) form.append(name, value, "photograph");
    else form.append(name, value);
  }
  return form;
}

// ---- telling the reader ----

function say(text) {
  byId("status").textContent = text;
}

function fail(error) {
  byId("error").textContent = error ? error.message : "";
  if (error) say("");
}

async function working(button, words, work) {
  fail(null);
  say(words);
  if (button) button.disabled = true;
  try {
    const done = await work();
    say("");
    return done;
  } catch (error) {
    fail(error);
    return undefined;
  } finally {
    if (button) button.disabled = false;
  }
}

const counted = (number, one, many) => `${number} ${number === 1 ? one : many}`;
const maskWords = (face) => (face.masked >= facts.seems_masked ? "wears a mask" : "wears no mask");

function showFaces(faces, width, height) {
  const boxes = faces.map((face) => {
    const [left, top, right, bottom] = face.box;
    const box = document.createElement("div");
    box.className = `box${face.person ? " good" : ""}${top < height * 0.08 ? " top" : ""}`;
    box.style.left = `${(100 * left) / width}%`;
    box.style.top = `${(100 * top) / height}%`;
    box.style.width = `${(100 * (right - left)) / width}%`;
    box.style.height = `${(100 * (bottom - top)) / height}%`;
    const label = document.createElement("span");
    label.textContent = face.person || "unknown";
    box.append(label);
    return box;
  });
  byId("boxes").replaceChildren(...boxes);
  const lines = faces.map((face) => `${face.words}; ${maskWords(face)}`);
  const list = byId("faces");
  // A screen reader is told what changed, not every frame.
  if ([...list.children].map((line) => line.textContent).join("\n") === lines.join("\n")) return;
  list.replaceChildren(
    ...lines.map((text, number) => {
      const line = document.createElement("li");
      line.textContent = text;
      line.className = faces[number].person ? "good" : "";
      return line;
    }),
  );
}

function clearFaces() {
  byId("boxes").replaceChildren();
  byId("faces").replaceChildren();
}

// ---- photographs ----

async function fitting(file) {
  if (file.size <= facts.photo_bytes) return file;
  const image = await createImageBitmap(file);
  const scale = Math.min(1, 2048 / Math.max(image.width, image.height));
  return drawn(image, image.width * scale, image.height * scale);
}

function drawn(source, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width);
  canvas.height = Math.round(height);
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((done, failed) =>
    canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("The picture could not be taken."))), "image/jpeg", 0.92),
  );
}

function show(image, file) {
  if (image.src) URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(file);
  image.hidden = false;
  return image.decode().catch(() => {
    image.hidden = true; // a format that this browser cannot show; the service may read it all the same
  });
}

function takeFiles(drop, input, use) {
  input.addEventListener("change", () => {
    if (input.files.length) use([...input.files]);
    input.value = "";
  });
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    const files = [...event.dataTransfer.files].filter((file) => file.type.startsWith("image/"));
    if (files.length) use(files);
  });
}

// ---- the camera ----

const camera = {
  stream: null,
  async start(video) {
    this.stop();
    if (!navigator.mediaDevices) throw new Error("Browsers allow the camera only on https pages and on pages of this machine.");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" }, audio: false });
    } catch (error) {
      throw new Error(`The camera cannot be used: ${error.message}`);
    }
    video.srcObject = this.stream;
    video.hidden = false;
    await video.play();
  },
  stop() {
    for (const track of this.stream ? this.stream.getTracks() : []) track.stop();
    this.stream = null;
    for (const video of document.querySelectorAll("video")) {
      video.srcObject = null;
      video.hidden = true;
    }
    byId("camera-start").hidden = false;
    byId("camera-stop").hidden = true;
    byId("enroll-camera").hidden = false;
    byId("enroll-take").hidden = true;
  },
  frame(video, most) {
    const scale = Math.min(1, most / Math.max(video.videoWidth, video.videoHeight));
    return drawn(video, video.videoWidth * scale, video.videoHeight * scale);
  },
};

async function live(video) {
  const stream = camera.stream;
  while (camera.stream === stream) {
    if (!document.hidden && video.videoWidth) {
      try {
        const photo = await camera.frame(video, 960);
        const found = await ask("POST", "/v1/identify", formOf([["photo", photo]]));
        if (camera.stream !== stream) return;
        const scale = Math.min(1, 960 / Math.max(video.videoWidth, video.videoHeight));
        showFaces(found.faces, video.videoWidth * scale, video.videoHeight * scale);
        fail(null);
      } catch (error) {
        if (camera.stream !== stream) return;
        if (error.status !== 503) fail(error); // busy: the next frame may find room
        await pause(1000);
      }
    }
    await pause(200);
  }
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// ---- who is this? ----

takeFiles(byId("identify-drop"), byId("identify-file"), async ([file]) => {
  camera.stop();
  clearFaces();
  const shown = byId("shown");
  byId("stage").hidden = false;
  await working(null, "Searching…", async () => {
    const photo = await fitting(file);
    await show(shown, photo);
    const found = await ask("POST", "/v1/identify", formOf([["photo", photo]]));
    if (!found.faces.length) throw new Error("No face was found in this photograph.");
    showFaces(found.faces, shown.naturalWidth || 1, shown.naturalHeight || 1);
  });
});

byId("camera-start").addEventListener("click", () =>
  working(byId("camera-start"), "Starting the camera…", async () => {
    clearFaces();
    await camera.start(byId("video"));
    byId("shown").hidden = true;
    byId("stage").hidden = false;
    byId("camera-start").hidden = true;
    byId("camera-stop").hidden = false;
    byId("camera-stop").focus();
    live(byId("video"));
  }),
);

byId("camera-stop").addEventListener("click", () => {
  camera.stop();
  clearFaces();
  byId("stage").hidden = true;
  byId("camera-start").focus();
});

// ---- enroll ----

let toEnroll = [];

function listPhotos() {
  byId("enroll-list").replaceChildren(
    ...toEnroll.map((photo, number) => {
      const line = document.createElement("li");
      const image = document.createElement("img");
      image.alt = `Photograph ${number + 1}`;
      show(image, photo);
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Remove";
      button.setAttribute("aria-label", `Remove photograph ${number + 1}`);
      button.addEventListener("click", () => {
        toEnroll = toEnroll.filter((one) => one !== photo);
        listPhotos();
      });
      line.append(image, button);
      return line;
    }),
  );
}

takeFiles(byId("enroll-drop"), byId("enroll-files"), (files) =>
  working(null, "", async () => {
    toEnroll = [...toEnroll, ...(await Promise.all(files.map(fitting)))];
    listPhotos();
  }),
);

byId("enroll-camera").addEventListener("click", () =>
  working(byId("enroll-camera"), "Starting the camera…", async () => {
    await camera.start(byId("enroll-video"));
    byId("enroll-camera").hidden = true;
    byId("enroll-take").hidden = false;
    byId("enroll-take").focus();
  }),
);

byId("enroll-take").addEventListener("click", () =>
  working(byId("enroll-take"), "", async () => {
    toEnroll = [...toEnroll, await camera.frame(byId("enroll-video"), 1920)];
    listPhotos();
  }),
);

byId("enroll-form").addEventListener("submit", (event) => {
  event.preventDefault();
  working(byId("enroll-send"), "Enrolling…", async () => {
    const name = byId("enroll-name").value.trim();
    if (!name) throw new Error("Enter a name.");
    if (!toEnroll.length) throw new Error("Add a photograph.");
    if (!byId("enroll-consent").checked) throw new Error("Enrollment needs a person's consent.");
    const fields = toEnroll.map((photo) => ["photos", photo]);
    fields.push(["person", name], ["consent", "true"]);
    fields.push(["existing", byId("enroll-add").checked ? "add" : "refuse"]);
    const done = await ask("POST", "/v1/people", formOf(fields));
    const out = done.photos.filter((photo) => photo.error);
    toEnroll = [];
    listPhotos();
    camera.stop();
    byId("enroll-form").reset();
    return { done, out };
  }).then((result) => {
    if (!result) return;
    const { done, out } = result;
    const left = out.length ? ` Left out: ${out.length} (${out[0].error})` : "";
    say(`${done.person} is enrolled with ${counted(done.photos.length - out.length, "photograph", "photographs")}.${left}`);
  });
});

// ---- compare ----

const pair = {};
for (const name of ["first", "second"]) {
  takeFiles(byId(`${name}-drop`), byId(`${name}-file`), ([file]) =>
    working(null, "", async () => {
      pair[name] = await fitting(file);
      byId("verdict").textContent = "";
      byId(`${name}-shown`).alt = `The ${name} photograph`;
      await show(byId(`${name}-shown`), pair[name]);
    }),
  );
}

byId("compare-form").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("verdict").textContent = "";
  working(byId("compare-send"), "Comparing…", async () => {
    if (!pair.first || !pair.second) throw new Error("Choose two photographs.");
    const found = await ask("POST", "/v1/verify", formOf([["first", pair.first], ["second", pair.second]]));
    const masks = found.faces.map(maskWords).join("; the second one ");
    byId("verdict").textContent = `${found.words}. The first one ${masks}.`;
  });
});

// ---- people ----

let known = [];
let last = "";

async function loadPeople(anew) {
  if (anew) [known, last] = [[], ""];
  const found = await ask("GET", `/v1/people?after=${encodeURIComponent(last)}`);
  const names = Object.entries(found.people);
  known = [...known, ...names];
  if (names.length) last = names[names.length - 1][0];
  byId("people-more").hidden = known.length >= found.count;
  const made = found.calibration;
  byId("people-note").textContent =
    `${counted(found.count, "person is", "people are")} enrolled. ` +
    (made
      ? `Its thresholds were chosen so that at most ${Number((made.fpir * 100).toPrecision(2))} in 100 strangers got a name.`
      : "The gallery is not calibrated: no thresholds were chosen on photographs of strangers.");
  listPeople();
}

function listPeople() {
  const wanted = byId("people-filter").value.trim().toLowerCase();
  const found = known.filter(([name]) => name.toLowerCase().includes(wanted));
  byId("people-list").replaceChildren(
    ...found.map(([name, faces]) => {
      const line = document.createElement("li");
      const text = document.createElement("span");
      text.textContent = `${name} (${counted(faces, "photograph", "photographs")})`;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "danger";
      button.textContent = "Remove";
      button.setAttribute("aria-label", `Remove ${name}`);
      button.addEventListener("click", () => forget(name));
      line.append(text, button);
      return line;
    }),
  );
}

// By the click itself: a dialog's "close" comes later, when it may be open again for somebody else.
let decide = null;
byId("forget").addEventListener("cancel", () => decide(false));
byId("forget").addEventListener("submit", (event) => decide(event.submitter.value === "yes"));

async function forget(name) {
  byId("forget-text").textContent = `Everything stored about ${name} is deleted. This cannot be undone.`;
  byId("forget").showModal();
  const isSure = await new Promise((done) => {
    decide = done;
  });
  if (!isSure) return;
  const done = await working(null, "Removing…", async () => {
    await ask("DELETE", `/v1/people?person=${encodeURIComponent(name)}`);
    await loadPeople(true);
    return true;
  });
  if (done) say(`${name} was removed.`);
  byId("main").focus();
}

byId("people-filter").addEventListener("input", listPeople);
byId("people-more").addEventListener("click", () => working(byId("people-more"), "", () => loadPeople(false)));

// ---- views ----

function open(view) {
  camera.stop();
  fail(null);
  say("");
  for (const button of document.querySelectorAll("nav button")) {
    if (button.dataset.view === view) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
    byId(button.dataset.view).hidden = button.dataset.view !== view;
  }
  if (view === "people") working(null, "", () => loadPeople(true));
}

for (const button of document.querySelectorAll("nav button")) {
  button.addEventListener("click", () => open(button.dataset.view));
}
// A file that is dropped beside its place would replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());

working(null, "", async () => {
  facts = { ...facts, ...(await ask("GET", "/v1/health")) };
  if (facts.token && !sessionStorage.getItem(TOKEN)) await wantToken();
  document.documentElement.dataset.ready = "yes";
});
