/* Stations with their catchments, painted over the ground; what lies under the pointer. */
"use strict";
siting.part("stations", function () {
  const S = siting, data = S.data, base = S.basemap, table = data.stations;
  const GROUPS = [
    ["commerce", "#17756f", ["parking", "mall", "supermarket", "hotel", "office", "scenic"]],
    ["hub", "#2c5aa0", ["railway_station", "metro_station", "bus_station", "airport", "port"]],
    ["expressway", "#d1661b", ["service_area", "rest_area", "toll_booth"]],
    ["fuel", "#7d55a3", ["fuel"]],
    ["depot", "#86583a", ["bus_depot", "industrial", "logistics"]],
    ["settlement", "#5f8f35", ["residential", "township", "village"]],
    ["public", "#b23b66", ["government", "school", "university", "hospital"]],
    ["charging", "#41505e", ["charging_station"]],
    ["other", "#8a949d", []],
  ].map(([id, colour, kinds]) => ({ id, colour, kinds }));
  const STATUS = { new: "#17756f", kept: "#51606d" };
  const USE = { breaks: [0.2, 0.4, 0.6, 0.8], colours: ["#d9c3df", "#bd93c8", "#9a63ab", "#743a8a", "#481660"] };
  const show = { stations: true, unchosen: false, catchment: true, colour: "kind", hidden: new Set(), selected: -1, hover: -1 };

  const at = S.points(table);
  const group = table.kind.map((kind) => {
    const index = GROUPS.findIndex((g) => g.kinds.includes(table.kinds[kind]));
    return index < 0 ? GROUPS.length - 1 : index;
  });
  /* Small ones last, on top; ties by row, so that the picture is the same every time. */
  const order = Array.from(group.keys()).sort((a, b) => table.piles[b] - table.piles[a] || a - b);
  const served = {
    count: S.decode(data.catchments.count), cell: S.decode(data.catchments.cell),
    kwh: S.decode(data.catchments.kwh).map((tenths) => tenths / 10), distance: S.decode(data.catchments.distance_m),
  };
  const unchosen = S.points(data.unchosen);
  const first = new Int32Array(at.n + 1);
  for (let i = 0; i < at.n; i += 1) first[i + 1] = first[i] + served.count[i];

  const factor = (zoom) => (zoom <= 8 ? 0.4 : zoom >= 16 ? 1.5 : 0.4 + (1.1 * (zoom - 8)) / 8);
  const radius = (piles, zoom) => Math.max(2, 1.15 * Math.sqrt(piles) * factor(zoom));
  const useColour = (value) => (S.finite(value) ? USE.colours[USE.breaks.filter((b) => value >= b).length] : "#b9c0c5");
  const statusOf = (i) => (table.kept[i] ? "kept" : "new");
  function colour(i) {
    if (show.colour === "status") return STATUS[statusOf(i)];
    if (show.colour === "utilisation") return useColour(table.utilisation[i]);
    return GROUPS[group[i]].colour;
  }
  const visible = (i) => show.stations && !show.hidden.has(GROUPS[group[i]].id) && S.time.there("stations", i);
  const name = (i) => table.name[i] || S.t("station.unnamed");

  /* Filled is new, a ring is kept, a dark edge is mandatory. */
  function symbol(ctx, x, y, r, fill, kept, mandatory) {
    ctx.beginPath();
    ctx.arc(x, y, r, 0, 2 * Math.PI);
    ctx.fillStyle = kept ? "#fff" : fill;
    ctx.fill();
    if (kept) {
      ctx.lineWidth = Math.max(1.4, 0.38 * r);
      ctx.strokeStyle = fill;
      ctx.beginPath();
      ctx.arc(x, y, Math.max(0.5, r - ctx.lineWidth / 2), 0, 2 * Math.PI);
      ctx.stroke();
    }
    ctx.beginPath();
    ctx.arc(x, y, r + (mandatory ? 0.6 : 0), 0, 2 * Math.PI);
    ctx.lineWidth = (mandatory ? 1.5 : 0.8) * Math.min(1, r / 4);
    ctx.strokeStyle = mandatory ? "#17212b" : "rgba(255,255,255,0.9)";
    ctx.stroke();
  }

  function paintCatchment(view) {
    const i = show.selected;
    if (i < 0 || !show.catchment) return;
    const { ctx, scale, ox, oy } = view, sx = at.x[i] * scale - ox, sy = at.y[i] * scale - oy, tint = colour(i);
    let most = 1e-9;
    for (let k = first[i]; k < first[i + 1]; k += 1) most = Math.max(most, served.kwh[k]);
    ctx.strokeStyle = tint;
    ctx.fillStyle = tint;
    for (let k = first[i]; k < first[i + 1]; k += 1) {
      const x = base.demand.x[served.cell[k]] * scale - ox, y = base.demand.y[served.cell[k]] * scale - oy;
      const part = Math.sqrt(served.kwh[k] / most);
      ctx.globalAlpha = 0.3 + 0.5 * part;
      ctx.lineWidth = 0.7 + 1.8 * part;
      ctx.beginPath();
      ctx.moveTo(sx, sy);
      ctx.lineTo(x, y);
      ctx.stroke();
      ctx.globalAlpha = 0.9;
      ctx.beginPath();
      ctx.arc(x, y, 1.6 + 2.2 * part, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.globalAlpha = 1;
  }

  function paintUnchosen(view) {
    const { ctx } = view, r = view.zoom < 11 ? 1.2 : 2.2;
    ctx.fillStyle = "rgba(74,87,99,0.55)";
    for (let i = 0; i < unchosen.n; i += 1) {
      const x = unchosen.x[i] * view.scale - view.ox, y = unchosen.y[i] * view.scale - view.oy;
      if (x > 0 && y > 0 && x < view.w && y < view.h) ctx.fillRect(x - r, y - r, 2 * r, 2 * r);
    }
  }

  function paintLabels(view, drawn) {
    if (view.zoom < 13.5) return;
    const { ctx } = view, boxes = [];
    ctx.font = `550 11.5px ${base.FONT}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    for (const [i, x, y, r] of drawn) {
      const text = table.name[i];
      if (!text) continue;
      const box = [x + r + 3, y - 8, x + r + 7 + ctx.measureText(text).width, y + 8];
      if (base.clash(boxes, box)) continue;
      boxes.push(box);
      ctx.save();
      ctx.translate(x + r + 4, y);
      base.write(ctx, text, "#1f2b36", "rgba(255,255,255,0.92)");
      ctx.restore();
    }
  }

  function paint(view) {
    const { ctx } = view, drawn = [];
    ctx.clearRect(0, 0, view.w, view.h);
    if (show.unchosen) paintUnchosen(view);
    paintCatchment(view);
    for (const i of order) {
      if (!visible(i)) continue;
      const x = at.x[i] * view.scale - view.ox, y = at.y[i] * view.scale - view.oy, r = radius(table.piles[i], view.zoom);
      if (x < -r || y < -r || x > view.w + r || y > view.h + r) continue;
      ctx.globalAlpha = S.serving.alpha("stations", i);
      symbol(ctx, x, y, r, colour(i), table.kept[i], table.mandatory[i]);
      if (ctx.globalAlpha === 1) drawn.push([i, x, y, r]);
    }
    ctx.globalAlpha = 1;
    for (const i of [show.hover, show.selected]) {
      if (i < 0) continue;
      const x = at.x[i] * view.scale - view.ox, y = at.y[i] * view.scale - view.oy, r = radius(table.piles[i], view.zoom);
      symbol(ctx, x, y, r, colour(i), table.kept[i], table.mandatory[i]);
      ctx.beginPath();
      ctx.arc(x, y, r + (i === show.selected ? 5 : 3), 0, 2 * Math.PI);
      ctx.lineWidth = i === show.selected ? 2.4 : 1.6;
      ctx.strokeStyle = i === show.selected ? "#17212b" : "rgba(23,33,43,0.65)";
      ctx.stroke();
    }
    if (base.show.labels) paintLabels(view, drawn);
  }

  /* The topmost station within reach of a world pixel, -1 for none. */
  function stationAt(zoom, px, py, reach) {
    const scale = 256 * 2 ** zoom;
    let best = -1, nearest = Infinity;
    for (const i of order) {
      if (!visible(i)) continue;
      const d = Math.hypot(at.x[i] * scale - px, at.y[i] * scale - py), r = radius(table.piles[i], zoom);
      if (d <= r + reach && d - r <= Math.max(0, nearest)) {
        best = i;
        nearest = d - r;
      }
    }
    return best;
  }

  /* What a station serves: cells, energy-weighted mean and greatest network distance in metres. */
  function catchment(i) {
    let kwh = 0, moment = 0, far = 0;
    for (let k = first[i]; k < first[i + 1]; k += 1) {
      kwh += served.kwh[k];
      moment += served.kwh[k] * served.distance[k];
      far = Math.max(far, served.distance[k]);
    }
    return { cells: first[i + 1] - first[i], kwh, mean: kwh > 0 ? moment / kwh : null, far };
  }

  return { at, table, unchosen, group, GROUPS, STATUS, USE, show, colour, statusOf, name, radius, paint, stationAt, catchment };
});
