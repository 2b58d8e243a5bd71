// The transcript beside the player: a line jumps the player to its time, and is marked while it is spoken.
// Without this script each line is a link that opens the video at that time.
(() => {
  "use strict";
  const player = document.getElementById("player");
  const list = document.getElementById("lines");
  if (!player) return;

  const jump = (seconds) => {
    if (!Number.isFinite(seconds) || seconds < 0) return;
    const seek = () => { player.currentTime = seconds; };
    if (player.readyState >= HTMLMediaElement.HAVE_METADATA) seek();
    else player.addEventListener("loadedmetadata", seek, { once: true });
  };

  // A link to a moment of this page, such as one from the search: #t=12.5
  const fromHash = () => {
    const found = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
    if (found) jump(Number(found[1]));
  };
  fromHash();
  window.addEventListener("hashchange", fromHash);
  if (!list) return;

  const lines = Array.from(list.querySelectorAll("a[data-start]"), (link) => ({
    link, start: Number(link.dataset.start), end: Number(link.dataset.end),
  }));
  let marked = null;

  const show = (link) => {
    // Only the list is scrolled, never the page under the reader's eyes.
    const top = link.offsetTop;
    if (top < list.scrollTop || top + link.offsetHeight > list.scrollTop + list.clientHeight) {
      list.scrollTop = top - list.clientHeight / 3;
    }
  };

  const mark = () => {
    const now = player.currentTime;
    const line = lines.find(({ start, end }) => start <= now && now < end);
    const link = line ? line.link : null;
    if (link === marked) return;
    if (marked) marked.removeAttribute("aria-current");
    if (link) {
      link.setAttribute("aria-current", "true");
      show(link);
    }
    marked = link;
  };

  list.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-start]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    jump(Number(link.dataset.start));
    const started = player.play();
    // A browser may refuse to play before the reader has used the player; it stands at the right time all the same.
    if (started) started.catch(() => {});
  });
  for (const name of ["timeupdate", "seeked", "loadedmetadata"]) player.addEventListener(name, mark);
})();
