// Sends files to the bucket by links that the door signs. The door and the bucket know what is there, so nothing is kept
// here: the same file, chosen again after a reload, goes on.
(() => {
  "use strict";
  const AT_A_TIME = 3;
  const TRIES = 8;
  const MAX_WAIT_SECONDS = 30;
  const drop = document.getElementById("drop");
  const input = document.getElementById("files");
  const list = document.getElementById("uploads");
  const said = document.getElementById("said");
  const template = document.getElementById("row");
  if (!drop || !input) return;

  class Stopped extends Error {}
  class Refused extends Error {}

  // ---- requests

  const ask = async (path, body, signal) => {
    const options = { method: "POST", credentials: "same-origin", signal };
    if (body !== undefined) {
      options.headers = { "Content-Type": "application/json" };
      options.body = JSON.stringify(body);
    }
    const answer = await fetch(path, options);
    const found = answer.status === 204 ? null : await answer.json().catch(() => null);
    if (answer.ok) return found;
    const words = found && found.detail ? found.detail : `the door answered ${answer.status}`;
    // What is refused is refused again. What is busy, or away, may answer later.
    const isRefused = answer.status < 500 && answer.status !== 429 && answer.status !== 408;
    throw isRefused ? new Refused(words) : new Error(words);
  };

  const send = (method, url, body, signal, onSent) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    const end = (settle, value) => { signal.removeEventListener("abort", stop); settle(value); };
    request.open(method, url);
    request.upload.onprogress = (event) => onSent(event.loaded);
    request.onload = () => (request.status >= 200 && request.status < 300
      ? end(resolve) : end(reject, new Error(`the bucket answered ${request.status}`)));
    request.onerror = () => end(reject, new Error("the bucket cannot be reached, or does not allow this page"));
    request.onabort = () => end(reject, new Stopped("stopped"));
    if (signal.aborted) { end(reject, new Stopped("stopped")); return; }
    signal.addEventListener("abort", stop);
    request.send(body);
  });

  const pause = (seconds, signal) => new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    window.addEventListener("online", resolve, { once: true });
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(new Stopped("stopped")); }, { once: true });
  });

  const again = async (act, signal, onWait) => {
    for (let tries = 1; ; tries++) {
      try {
        return await act();
      } catch (error) {
        if (signal.aborted) throw new Stopped("stopped");
        if (error instanceof Refused || tries === TRIES) throw error;
        onWait(error.message);
        await pause(Math.min(2 ** (tries - 1), MAX_WAIT_SECONDS), signal);
      }
    }
  };

  const hash = (file, signal, onRead) => new Promise((resolve, reject) => {
    const worker = new Worker("/static/sha256.js");
    const end = (settle, value) => { worker.terminate(); settle(value); };
    signal.addEventListener("abort", () => end(reject, new Stopped("stopped")), { once: true });
    worker.onerror = () => end(reject, new Refused("the file cannot be read"));
    worker.onmessage = ({ data }) => {
      if (data.read !== undefined) onRead(data.read);
      else if (data.sha256) end(resolve, data.sha256);
      else end(reject, new Refused(`the file cannot be read: ${data.error}`));
    };
    worker.postMessage(file);
  });

  // ---- one file

  const size = (bytes) => {
    const [unit, name] = bytes >= 1e9 ? [1e9, "GB"] : bytes >= 1e6 ? [1e6, "MB"] : [1e3, "kB"];
    return `${(bytes / unit).toFixed(1)} ${name}`;
  };

  const makeRow = (file) => {
    const row = template.content.firstElementChild.cloneNode(true);
    const [heading, bar, words, button] = ["h3", "progress", "p", "button"].map((name) => row.querySelector(name));
    heading.textContent = file.name;
    bar.setAttribute("aria-label", file.name);
    button.setAttribute("aria-label", `Stop ${file.name}`);
    list.append(row);
    list.hidden = false;
    return {
      button,
      say: (text) => { words.textContent = text; },
      show: (done, verb) => {
        bar.value = file.size ? done / file.size : 1;
        words.textContent = `${verb} ${size(done)} of ${size(file.size)}`;
      },
      end: (text, shareId) => {
        bar.hidden = button.hidden = true;
        words.textContent = text;
        if (shareId) {
          const link = document.createElement("a");
          link.href = `/shares/${encodeURIComponent(shareId)}`;
          link.textContent = file.name;
          heading.replaceChildren(link);
        }
        said.textContent = `${file.name}: ${text}`;
      },
    };
  };

  const sendForm = (file, form, row, signal) => {
    const data = new FormData();
    for (const [name, value] of Object.entries(form.fields)) data.append(name, value);
    data.append("file", file);
    return send("POST", form.url, data, signal, (loaded) => row.show(Math.min(loaded, file.size), "sent"));
  };

  const sendParts = async (file, path, upload, row, signal) => {
    const present = new Set(upload.parts.map((part) => part.number));
    const missing = [];
    for (let number = 1; number <= upload.part_count; number++) if (!present.has(number)) missing.push(number);
    let done = upload.parts.reduce((sum, part) => sum + part.size_bytes, 0);
    const underWay = new Map();
    const show = () => row.show(done + [...underWay.values()].reduce((sum, bytes) => sum + bytes, 0), "sent");
    show();
    const work = async () => {
      for (let number = missing.shift(); number !== undefined; number = missing.shift()) {
        const part = file.slice((number - 1) * upload.part_bytes, number * upload.part_bytes);
        await again(async () => {
          // A new link each time: the one before may have expired while the network was away.
          const { links } = await ask(`${path}/parts`, { numbers: [number] }, signal);
          await send("PUT", links[0].url, part, signal, (loaded) => { underWay.set(number, loaded); show(); });
        }, signal, (why) => { underWay.delete(number); row.say(`waiting: ${why}`); });
        underWay.delete(number);
        done += part.size;
        show();
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
  };

  const upload = async (file, row, stopper) => {
    const { signal } = stopper;
    const wait = (why) => row.say(`waiting: ${why}`);
    const sha256 = await hash(file, signal, (read) => row.show(read, "read"));
    const declared = {
      name: file.name,
      content_type: /^(video|audio)\//.test(file.type) ? file.type : "application/octet-stream",
      size_bytes: file.size,
      sha256,
    };
    const begun = await again(() => ask("/uploads", declared, signal), signal, wait);
    const path = `/uploads/${begun.upload.id}`;
    if (begun.upload.share_id) return { words: "is stored already", shareId: begun.upload.share_id };
    row.path = path;
    if (begun.upload.status === "awaiting") {
      if (begun.form) await again(() => sendForm(file, begun.form, row, signal), signal, wait);
      else await sendParts(file, path, begun.upload, row, signal);
    }
    const done = await again(() => ask(`${path}/complete`, undefined, signal), signal, wait);
    return { words: "is uploaded", shareId: done.share.id };
  };

  // ---- all files

  let open = 0;
  const take = async (files) => {
    for (const file of files) {
      const row = makeRow(file);
      const stopper = new AbortController();
      row.button.addEventListener("click", () => stopper.abort());
      open++;
      try {
        const { words, shareId } = await upload(file, row, stopper);
        row.end(words, shareId);
      } catch (error) {
        if (error instanceof Stopped || stopper.signal.aborted) {
          row.end("was stopped");
          if (row.path) await ask(`${row.path}/give-up`).catch(() => {});
        } else {
          row.end(`failed: ${error.message}`);
        }
      } finally {
        open--;
      }
    }
  };

  input.addEventListener("change", () => { take([...input.files]); input.value = ""; });
  for (const name of ["dragover", "drop"]) drop.addEventListener(name, (event) => event.preventDefault());
  drop.addEventListener("drop", (event) => take([...event.dataTransfer.files]));
  window.addEventListener("beforeunload", (event) => { if (open) event.preventDefault(); });
})();
