"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const video = byId("video"), lanes = byId("lanes"), playhead = byId("playhead"), tip = byId("tip");
  const span = Number(lanes.dataset.extent);
  const rows = [...document.querySelectorAll(".events tbody tr")];
  const bars = [...document.querySelectorAll("rect.bar")];
  const gaps = [...document.querySelectorAll("rect.unseen")];
  const barOf = new Map(bars.map((bar) => [Number(bar.dataset.e), bar]));
  const events = rows.map((row, i) => ({
    row, bar: barOf.get(i), start: Number(row.dataset.start), end: Number(row.dataset.end),
    confidence: Number(row.dataset.confidence), shown: true, now: false,
    label: row.querySelector(".label").textContent,
  }));
  const eventOf = (bar) => events[Number(bar.dataset.e)];
  const clock = (s, decimals) => {
    const units = 10 ** decimals, total = Math.round(s * units);
    const whole = Math.floor(total / units), hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    const tail = decimals ? "." + String(total % units).padStart(decimals, "0") : "";
    const seconds = String(whole % 60).padStart(2, "0") + tail;
    return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
  };

  // ---- the video, which may be missing
  const playable = () => !video.hidden && !video.error && video.hasAttribute("src");
  const askForFile = (why) => {
    byId("why").textContent = why;
    byId("choose").hidden = false;
    video.hidden = true;
    playhead.hidden = true;
    document.querySelector(".watch").classList.add("idle");
  };
  let chosen = false;
  const expected = video.dataset.path || "";
  const failed = () => askForFile(chosen
    ? "This browser cannot play that file. An MP4 copy will work in most browsers."
    : `The video is not where this report expects it (${expected}), or this browser cannot play it. To watch along, open it here.`);
  video.addEventListener("error", failed);
  video.addEventListener("loadedmetadata", () => {
    if (video.videoWidth === 0) return failed();
    byId("choose").hidden = true;
    playhead.hidden = events.length === 0;
    document.querySelector(".watch").classList.remove("idle");
    tick();
  });
  if (!video.hasAttribute("src")) askForFile("No video is linked to this report. To watch along, open it here.");
  else if (video.error) failed();
  byId("file").addEventListener("change", (change) => {
    const file = change.target.files[0];
    if (!file) return;
    chosen = true;
    video.hidden = false;
    video.src = URL.createObjectURL(file);
  });

  // ---- the visible stretch of time
  let from = 0, to = span;
  const ticksOf = (length) => {
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
    const most = lanes.clientWidth < 600 ? 4 : 8;
    return steps.find((step) => length / step <= most) || 3600 * Math.max(1, Math.round(length / 3600 / most));
  };
  const draw = () => {
    const length = to - from;
    for (const e of events) {
      if (!e.bar) continue;
      e.bar.setAttribute("x", 100 * (e.start - from) / length + "%");
      e.bar.setAttribute("width", 100 * (e.end - e.start) / length + "%");
    }
    for (const gap of gaps) {
      gap.setAttribute("x", 100 * (Number(gap.dataset.start) - from) / length + "%");
      gap.setAttribute("width", 100 * (gap.dataset.end - gap.dataset.start) / length + "%");
    }
    const scale = lanes.querySelector(".scale .track");
    if (scale) {
      const step = ticksOf(length), marks = [];
      for (let t = Math.ceil(from / step - 1e-9) * step; t <= to - 0.04 * length; t += step) {
        const mark = document.createElement("span");
        mark.style.left = 100 * (t - from) / length + "%";
        mark.textContent = clock(t, step < 1 ? 1 : 0);
        marks.push(mark);
      }
      scale.replaceChildren(...marks);
    }
    byId("out").disabled = byId("all").disabled = length >= span;
    byId("left").disabled = from <= 0;
    byId("right").disabled = to >= span;
    tick();
  };
  const show = (a, length) => {
    length = Math.min(span, Math.max(Math.min(2, span), length));
    from = Math.min(Math.max(0, a), span - length);
    to = from + length;
    draw();
  };
  const zoom = (factor) => {
    const at = playable() && video.currentTime >= from && video.currentTime <= to ? video.currentTime : (from + to) / 2;
    const length = (to - from) * factor;
    show(at - length * (at - from) / (to - from), length);
  };
  byId("in").addEventListener("click", () => zoom(0.5));
  byId("out").addEventListener("click", () => zoom(2));
  byId("all").addEventListener("click", () => show(0, span));
  byId("left").addEventListener("click", () => show(from - (to - from) / 2, to - from));
  byId("right").addEventListener("click", () => show(from + (to - from) / 2, to - from));
  window.addEventListener("resize", draw);

  // ---- playhead and what is happening now
  const tick = () => {
    if (!playable()) return;
    const t = video.currentTime;
    if (!video.paused && (t > to || t < from)) show(t, to - from);
    lanes.style.setProperty("--t", (t - from) / (to - from));
    playhead.style.visibility = t < from || t > to ? "hidden" : "visible";
    for (const e of events) {
      const now = t >= e.start && t < e.end && t > 0;
      if (now === e.now) continue;
      e.now = now;
      e.row.classList.toggle("now", now);
      if (e.bar) e.bar.classList.toggle("now", now);
    }
  };
  const run = () => { tick(); if (!video.paused && !video.ended) requestAnimationFrame(run); };
  video.addEventListener("play", run);
  for (const name of ["seeked", "timeupdate", "pause"]) video.addEventListener(name, tick);
  const go = (e, toRow) => {
    if (playable()) { video.currentTime = e.start; tick(); }
    if (toRow || !playable()) location.hash = e.row.id;
  };
  for (const e of events) e.row.querySelector(".seek").addEventListener("click", () => go(e, false));
  for (const link of document.querySelectorAll(".drivers a")) {
    link.addEventListener("click", () => {
      const e = events[Number(link.hash.slice(2))];
      if (!e.shown) { byId("threshold").value = 0; filter(); }
      go(e, false);
    });
  }

  // ---- bars: tooltip, click, keyboard (one stop for the tab key, arrows inside)
  const describe = (bar) => {
    const e = eventOf(bar), lines = tip.children;
    lines[0].textContent = e.label;
    lines[1].textContent = `${clock(e.start, 1)} to ${clock(e.end, 1)} (confidence ${e.row.querySelector(".confidence span:last-child").textContent})`;
    const others = [...e.row.querySelectorAll(".others li")].map((li) => li.textContent);
    lines[2].textContent = others.length ? "Could also be: " + others.join(", ") : "";
    tip.hidden = false;
    const box = bar.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const x = Math.max(8, Math.min(width - own.width - 8, box.left + box.width / 2 - own.width / 2));
    const above = box.top - own.height - 8;
    tip.style.left = x + window.scrollX + "px";
    tip.style.top = (above > 0 ? above : box.bottom + 8) + window.scrollY + "px";
  };
  const hide = () => { tip.hidden = true; };
  const visible = () => events.filter((e) => e.bar && e.shown);
  const focusOn = (e) => {
    for (const bar of bars) bar.setAttribute("tabindex", bar === e.bar ? "0" : "-1");
    const length = to - from;
    if (e.start < from || e.end > to) show(e.start - length / 4, length);
    e.bar.focus({ preventScroll: false });
  };
  bars.forEach((bar) => {
    const title = bar.querySelector("title");
    if (title) title.remove();
    bar.addEventListener("mouseenter", () => describe(bar));
    bar.addEventListener("mouseleave", hide);
    bar.addEventListener("focus", () => describe(bar));
    bar.addEventListener("blur", hide);
    bar.addEventListener("click", () => go(eventOf(bar), false));
    bar.addEventListener("keydown", (press) => {
      const list = visible(), at = list.indexOf(eventOf(bar));
      const moves = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: list.length - 1 };
      if (press.key === "Enter" || press.key === " ") go(eventOf(bar), false);
      else if (press.key === "Escape") hide();
      else if (press.key in moves) { const next = list[moves[press.key]]; if (next) focusOn(next); }
      else return;
      press.preventDefault();
    });
  });
  window.addEventListener("scroll", () => { if (!bars.includes(document.activeElement)) hide(); }, { passive: true });

  // ---- filter by confidence
  const filter = () => {
    const least = Number(byId("threshold").value) / 100;
    let count = 0;
    for (const e of events) {
      e.shown = e.confidence >= least;
      count += e.shown;
      e.row.hidden = !e.shown;
      if (e.bar) e.bar.style.display = e.shown ? "" : "none";
    }
    byId("shown").textContent = least === 0 ? `all ${events.length}` : `${Math.round(100 * least)} %: ${count} of ${events.length}`;
    byId("none").hidden = count > 0 || events.length === 0;
    const first = visible()[0];
    for (const bar of bars) bar.setAttribute("tabindex", first && bar === first.bar ? "0" : "-1");
  };
  byId("threshold").addEventListener("input", filter);
  filter();
  draw();
})();
