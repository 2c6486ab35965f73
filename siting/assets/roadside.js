/* Roadside units by level, edge nodes, and the cells that count as built area. */
"use strict";
siting.part("roadside", function () {
  const S = siting, { t } = S, table = S.data.roadside.rsus, nodes = S.data.roadside.edge_nodes, cells = S.data.roadside.zones;
  const at = S.points(table), nodeAt = S.points(nodes), outline = S.chains(cells.outline), n = at.n;
  const show = { rsus: true, zones: true, edgenodes: true, reach: false, selected: -1, hover: -1, node: -1 };
  const LEVELS = ["rsu", "sensing", "full"], COLOURS = ["#2a9d8f", "#e08a1e", "#b3123f"], NODE = "#3d2c8d", BUILT = "26,138,112";
  const name = (i) => table.name[i] || t("station.unnamed");
  const nodeName = (i) => nodes.name[i] || t("station.unnamed");
  const radius = (i, zoom) => (zoom <= 9 ? 1.3 : zoom >= 15 ? 6.5 : 1.3 + (5.2 * (zoom - 9)) / 6) * (1 + 0.25 * table.level[i]);
  const there = S.time.there;
  const METRES = 40075016.686;

  function paintZones(view) {
    view.ctx.clearRect(0, 0, view.w, view.h);
    if (!show.zones || !outline.n) return;
    const { ctx, scale, ox, oy } = view;
    ctx.globalAlpha = S.serving.show.clause >= 0 && !(S.serving.active().zones) ? 0.25 : 1;
    ctx.beginPath();
    for (let k = 0; k < outline.n; k += 1) {
      const b = 4 * k;
      if (!there("zones", cells.ring_of[k])) continue;
      if (outline.box[b] > view.x1 || outline.box[b + 2] < view.x0 || outline.box[b + 1] > view.y1 || outline.box[b + 3] < view.y0) continue;
      for (let v = outline.start[k]; v < outline.start[k + 1]; v += 1) {
        ctx[v === outline.start[k] ? "moveTo" : "lineTo"](outline.x[v] * scale - ox, outline.y[v] * scale - oy);
      }
      ctx.closePath();
    }
    ctx.fillStyle = `rgba(${BUILT},0.24)`;
    ctx.fill("evenodd");
    if (view.zoom >= 12) {
      ctx.strokeStyle = `rgba(${BUILT},0.55)`;
      ctx.lineWidth = 0.8;
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
  }
  function ring(ctx, x, y, r, strong) {
    ctx.beginPath();
    ctx.arc(x, y, r + (strong ? 5 : 3), 0, 2 * Math.PI);
    ctx.lineWidth = strong ? 2.4 : 1.6;
    ctx.strokeStyle = strong ? "#17212b" : "rgba(23,33,43,0.65)";
    ctx.stroke();
  }
  function disc(view, i, x, y) {
    const { ctx } = view, wide = (table.radius_m[i] * view.scale) / (METRES * Math.cos((at.lat[i] * Math.PI) / 180));
    ctx.beginPath();
    ctx.arc(x, y, wide, 0, 2 * Math.PI);
    ctx.fillStyle = "rgba(42,157,143,0.10)";
    ctx.fill();
    ctx.lineWidth = 0.8;
    ctx.strokeStyle = "rgba(42,157,143,0.55)";
    ctx.stroke();
  }
  function square(ctx, x, y, r) {
    ctx.beginPath();
    ctx.rect(x - r, y - r, 2 * r, 2 * r);
    ctx.lineWidth = 2.4;
    ctx.strokeStyle = "#fff";
    ctx.stroke();
    ctx.fillStyle = NODE;
    ctx.fill();
  }
  function paint(view) {
    const { ctx } = view, zoom = view.zoom;
    const seen = (points, i, most) => {
      const x = points.x[i] * view.scale - view.ox, y = points.y[i] * view.scale - view.oy;
      return x < -most || y < -most || x > view.w + most || y > view.h + most ? null : [x, y];
    };
    if (show.rsus && n) {
      if (show.reach) for (let i = 0; i < n; i += 1) { const p = there("rsus", i) && seen(at, i, 600); if (p) disc(view, i, ...p); }
      for (let level = 0; level < LEVELS.length; level += 1) {
        for (let i = 0; i < n; i += 1) {
          const p = table.level[i] === level && there("rsus", i) && seen(at, i, 12);
          if (!p) continue;
          const r = radius(i, zoom);
          ctx.beginPath();
          ctx.arc(p[0], p[1], r, 0, 2 * Math.PI);
          ctx.globalAlpha = S.serving.alpha("rsus", i);
          ctx.fillStyle = COLOURS[level];
          ctx.fill();
          if (zoom >= 12) {
            ctx.lineWidth = 1.2;
            ctx.strokeStyle = "#fff";
            ctx.stroke();
          }
          ctx.globalAlpha = 1;
        }
      }
      for (const i of [show.hover, show.selected]) {
        const p = i >= 0 && there("rsus", i) && seen(at, i, 12);
        if (!p) continue;
        if (i === show.selected && !show.reach) disc(view, i, ...p);
        ring(ctx, ...p, radius(i, zoom), i === show.selected);
      }
    }
    if (show.edgenodes && zoom >= 11) {
      for (let i = 0; i < nodeAt.n; i += 1) {
        const p = there("edgenodes", i) && seen(nodeAt, i, 12);
        if (!p) continue;
        const r = zoom >= 14 ? 4.6 : 3;
        ctx.globalAlpha = S.serving.alpha("edgenodes", i);
        square(ctx, p[0] + (zoom >= 14 ? 9 : 5), p[1] - (zoom >= 14 ? 9 : 5), r);
        ctx.globalAlpha = 1;
        if (i === show.node) ring(ctx, p[0] + (zoom >= 14 ? 9 : 5), p[1] - (zoom >= 14 ? 9 : 5), r, true);
      }
    }
  }
  /* The site or edge node under a world pixel: [kind, row], or null. */
  function under(zoom, px, py, reach) {
    const scale = 256 * 2 ** zoom, shift = zoom >= 14 ? 9 : 5;
    let best = null, nearest = Infinity;
    if (show.edgenodes && zoom >= 11) {
      for (let i = 0; i < nodeAt.n; i += 1) {
        const d = Math.hypot(nodeAt.x[i] * scale + shift - px, nodeAt.y[i] * scale - shift - py);
        if (there("edgenodes", i) && d <= 5 + reach && d < nearest) { nearest = d; best = ["edgenode", i]; }
      }
    }
    if (show.rsus) {
      for (let i = 0; i < n; i += 1) {
        const d = Math.hypot(at.x[i] * scale - px, at.y[i] * scale - py);
        if (there("rsus", i) && d <= radius(i, zoom) + reach && d < nearest) { nearest = d; best = ["rsu", i]; }
      }
    }
    return best;
  }
  const place = (kind, row) => (kind === "rsu" ? [at.lat[row], at.lon[row]] : [nodeAt.lat[row], nodeAt.lon[row]]);
  return { table, nodes, cells, at, nodeAt, n, show, LEVELS, COLOURS, NODE, BUILT, name, nodeName, paint, paintZones, under, place };
});
