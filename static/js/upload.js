// Upload: files, folders and ZIPs are sent one request each, a few at once; each line says what became of a file.
const WORDS = JSON.parse(document.getElementById("words").textContent);
const AT_ONCE = 3;
const LINES_SHOWN = 500;
const LABELS = { stored: ["is-ok", WORDS.stored], refused: ["is-bad", WORDS.refused], "passed-over": ["is-still", WORDS.passedOver] };
const form = document.getElementById("upload");
const result = document.getElementById("upload-result");
const part = (name) => result.querySelector(`[data-${name}]`);
const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
const queue = [];
const counts = { stored: 0, refused: 0, "passed-over": 0 };
const studies = new Set();
let total = 0;
let done = 0;
let running = 0;

form.querySelector("[data-with-script]").hidden = false;

async function filesOf(items) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      found.push({ file, name: entry.fullPath.replace(/^\//, "") });
      return;
    }
    const reader = entry.createReader();
    // A reader gives a hundred entries at a time, and none when it has no more.
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return;
      for (const each of some) await walk(each);
    }
  };
  for (const entry of entries) await walk(entry);
  return found;
}

function add(files) {
  if (!files.length) return;
  queue.push(...files);
  total += files.length;
  result.hidden = false;
  part("progress").hidden = part("stop").hidden = false;
  tell();
  while (running < AT_ONCE && queue.length) next();
}

async function next() {
  const each = queue.shift();
  if (!each) return;
  running += 1;
  for (const line of await send(each)) show(line);
  running -= 1;
  done += 1;
  tell();
  next();
}

async function send({ file, name }) {
  const isZip = /\.zip$/i.test(name) || file.type === "application/zip";
  const headers = { "X-CSRFToken": token, "Content-Type": isZip ? "application/zip" : "application/octet-stream" };
  const url = `${form.dataset.fileUrl}?name=${encodeURIComponent(name)}`;
  const failed = (reason) => [{ name, outcome: "refused", reason, study: "" }];
  try {
    const answer = await fetch(url, { method: "POST", body: file, headers, credentials: "same-origin" });
    if (answer.redirected || answer.status === 403) return failed(WORDS.sessionEnded);
    if (!answer.ok) return failed(WORDS.answeredWith.replace("{status}", answer.status));
    return (await answer.json()).files;
  } catch {
    return failed(WORDS.notSent);
  }
}

function show({ name, outcome, reason, study }) {
  counts[outcome] += 1;
  if (study) studies.add(study);
  const lines = part("lines");
  if (lines.rows.length >= LINES_SHOWN && outcome === "stored") return;
  const row = lines.insertRow(outcome === "refused" ? 0 : -1);
  const file = row.insertCell();
  file.className = "clip";
  file.textContent = name;
  const cell = row.insertCell();
  const badge = document.createElement("span");
  const [kind, words] = LABELS[outcome];
  badge.className = `badge ${kind}`;
  badge.textContent = words;
  cell.append(badge, reason ? ` ${reason}` : "");
  const link = row.insertCell();
  if (study) {
    const anchor = document.createElement("a");
    anchor.href = form.dataset.studyUrl.replace("/0/", `/${encodeURIComponent(study)}/`);
    anchor.textContent = WORDS.itsStudy;
    link.append(anchor);
  }
}

function tell() {
  const isOver = !queue.length && !running;
  part("progress").max = total;
  part("progress").value = done;
  part("progress").hidden = part("stop").hidden = isOver;
  const of = (words, count) => count && words.replace("{count}", count);
  const words = [
    WORDS.countStored.replace("{count}", counts.stored), of(WORDS.countRefused, counts.refused), of(WORDS.countPassedOver, counts["passed-over"]),
  ];
  const among = of(studies.size === 1 ? WORDS.inOneStudy : WORDS.inStudies, studies.size);
  const sent = isOver ? "" : `${WORDS.sent.replace("{done}", done).replace("{total}", total)}, `;
  part("sum").textContent = `${sent}${words.filter(Boolean).join(", ")}${among ? ` ${among}` : ""}`;
}

for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.toggle("is-target", name === "dragover");
  });
}
document.addEventListener("drop", async (event) => add(await filesOf(event.dataTransfer.items)));
form.addEventListener("change", ({ target }) => {
  add([...target.files].map((file) => ({ file, name: file.webkitRelativePath || file.name })));
  target.value = "";
});
part("stop").addEventListener("click", () => {
  total -= queue.splice(0).length;
  tell();
});
