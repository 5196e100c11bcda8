// Keeps parts of the page as the server has them now. Each event names parts by their id, with what is in them.

const place = document.querySelector("[data-live]");
const waiting = new Map();
const REFUSED_MS = 10_000;
let source = null;
let isOver = false;

function put(part, content) {
  if (part.contains(document.activeElement)) {
    waiting.set(part, content); // nobody loses the place where they are
    return;
  }
  waiting.delete(part);
  const left = part.querySelector(".wide")?.scrollLeft;
  part.innerHTML = content;
  if (left) part.querySelector(".wide")?.scrollTo(left, 0);
}

function show(event) {
  for (const [id, content] of Object.entries(JSON.parse(event.data))) {
    const part = document.getElementById(id);
    if (part) put(part, content);
  }
}

function open() {
  if (source || isOver || document.hidden) return;
  source = new EventSource(place.dataset.live);
  source.addEventListener("message", show);
  source.addEventListener("error", () => {
    if (source?.readyState !== EventSource.CLOSED) return; // the browser asks again by itself
    close(); // it was refused: the server is not back yet, or nobody is signed in any more
    setTimeout(open, REFUSED_MS);
  });
  source.addEventListener("over", () => {
    isOver = true;
    close();
  });
}

function close() {
  if (source) source.close();
  source = null;
}

if (place) {
  // A browser keeps few connections to one host: a page that nobody sees needs none.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  document.addEventListener("focusout", () =>
    setTimeout(() => waiting.forEach((content, part) => put(part, content))),
  );
  open();
}
