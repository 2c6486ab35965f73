/* Test roads: named sections painted over the ground, under the stations. */
"use strict";
siting.part("testroads", function () {
  const S = siting, { t } = S, table = S.data.testroads, lines = S.chains(table.lines);
  const show = { testroads: true, colour: "phase", selected: -1, hover: -1 };
  const PHASES = ["#5f6b78", "#b3123f", "#e0701a", "#d9a514", "#5f9e3f", "#2a7f9e"];
  const GRADES = { I: "#4a9b57", II: "#d9a514", III: "#e0701a", IV: "#a3123f", V: "#5c1a6e" };
  const SORTS = ["#7b3fa0", "#1f6fb5", "#c23b22", "#4a9b57", "#8a7a20", "#5f6b78"];
  const n = table.section_id.length;
  const parts = Array.from({ length: n }, () => []);
  table.row.forEach((row, k) => parts[row].push(k));
  const keyOf = (i) => ({ phase: table.phase[i], grade: table.grade[i], sort: table.sort[i] })[show.colour];
  const colourOf = (key) => (show.colour === "phase" ? PHASES[Math.min(key, PHASES.length - 1)]
    : show.colour === "grade" ? GRADES[key] || "#5f6b78" : SORTS[Math.max(0, table.sorts.findIndex((sort) => sort.id === key)) % SORTS.length]);
  const labelOf = (key) => {
    if (show.colour === "phase") return table.phase_name[table.phase.indexOf(key)];
    if (show.colour === "grade") return t("testroads.grade", { n: key });
    const sort = table.sorts.find((one) => one.id === key);
    return sort ? S.pick(sort.label_zh, sort.label_en) : key;
  };
  /* Keys in the map, each with its kilometres. */
  function keys() {
    const km = new Map();
    for (let i = 0; i < n; i += 1) km.set(keyOf(i), (km.get(keyOf(i)) || 0) + table.km[i]);
    const order = show.colour === "sort" ? table.sorts.map((sort) => sort.id) : null;
    return [...km.keys()].sort((a, b) => (order ? order.indexOf(a) - order.indexOf(b) : a < b ? -1 : 1))
      .map((key) => ({ colour: colourOf(key), label: labelOf(key), km: km.get(key) }));
  }
  const name = (i) => table.road[i] || t("testroads.unnamed");
  const width = (zoom) => (zoom <= 9 ? 2 : zoom >= 15 ? 7 : 2 + (5 * (zoom - 9)) / 6);

  function trace(view, i) {
    const { ctx, scale, ox, oy } = view;
    for (const k of parts[i]) {
      const b = 4 * k;
      if (lines.box[b] > view.x1 || lines.box[b + 2] < view.x0 || lines.box[b + 1] > view.y1 || lines.box[b + 3] < view.y0) continue;
      for (let v = lines.start[k]; v < lines.start[k + 1]; v += 1) {
        ctx[v === lines.start[k] ? "moveTo" : "lineTo"](lines.x[v] * scale - ox, lines.y[v] * scale - oy);
      }
    }
  }
  function stroke(view, rows, colour, wide) {
    const { ctx } = view;
    ctx.beginPath();
    for (const i of rows) trace(view, i);
    ctx.strokeStyle = colour;
    ctx.lineWidth = wide;
    ctx.stroke();
  }
  function paint(view) {
    view.ctx.clearRect(0, 0, view.w, view.h);
    if (!show.testroads || !n) return;
    const { ctx } = view, wide = width(view.zoom), groups = new Map();
    ctx.lineCap = "round";
    ctx.lineJoin = "round";
    const all = [];
    for (let i = 0; i < n; i += 1) {
      if (!S.time.there("testroads", i)) continue;
      const key = `${S.serving.alpha("testroads", i)} ${keyOf(i)}`;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(i);
      all.push(i);
    }
    if (view.zoom >= 10) stroke(view, all, "#fff", wide + 2.2);
    for (const rows of groups.values()) {
      ctx.globalAlpha = S.serving.alpha("testroads", rows[0]);
      stroke(view, rows, colourOf(keyOf(rows[0])), wide);
    }
    ctx.globalAlpha = 1;
    for (const i of [show.hover, show.selected]) {
      if (i < 0) continue;
      stroke(view, [i], "#17212b", wide + 4);
      stroke(view, [i], colourOf(keyOf(i)), wide);
    }
  }

  /* The section under a world pixel, -1 for none. */
  function sectionAt(zoom, px, py, reach) {
    if (!show.testroads) return -1;
    const scale = 256 * 2 ** zoom, x = px / scale, y = py / scale, far = (width(zoom) / 2 + reach) / scale;
    let best = -1, least = far;
    for (let k = 0; k < lines.n; k += 1) {
      const b = 4 * k;
      if (!S.time.there("testroads", table.row[k])) continue;
      if (x < lines.box[b] - far || y < lines.box[b + 1] - far || x > lines.box[b + 2] + far || y > lines.box[b + 3] + far) continue;
      for (let v = lines.start[k]; v + 1 < lines.start[k + 1]; v += 1) {
        const ax = lines.x[v], ay = lines.y[v], dx = lines.x[v + 1] - ax, dy = lines.y[v + 1] - ay;
        const along = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
        const d = Math.hypot(x - ax - along * dx, y - ay - along * dy);
        if (d < least) {
          least = d;
          best = table.row[k];
        }
      }
    }
    return best;
  }
  const mean = (packed, row) => {
    const k = parts[row].reduce((a, b) => (lines.start[a + 1] - lines.start[a] >= lines.start[b + 1] - lines.start[b] ? a : b));
    const v = (lines.start[k] + lines.start[k + 1]) >> 1;
    return packed[v];
  };
  const degrees = (x, y) => [(360 / Math.PI) * Math.atan(Math.exp(Math.PI * (1 - 2 * y))) - 90, 360 * x - 180];
  const place = (row) => degrees(mean(lines.x, row), mean(lines.y, row));
  const corners = (row) => parts[row].flatMap((k) => [degrees(lines.box[4 * k], lines.box[4 * k + 1]), degrees(lines.box[4 * k + 2], lines.box[4 * k + 3])]);
  return { table, show, n, keys, name, paint, sectionAt, place, corners, colourOf, keyOf, labelOf };
});
