/* What serves a clause: its rows stand out, all else fades; what it misses is crossed out. */
"use strict";
siting.part("serving", function () {
  const S = siting, { data, t } = S, FADED = 0.1, MISSED = "#c0271f";
  const show = { clause: -1, places: false };
  const places = { ...S.points(data.places), ...data.places };
  const PLACE = { townships: "#6b4fa0", key_areas: "#9a4f8a", test_fleets: "#2f6f6a" };
  const LAYERS = {
    stations: () => S.points(data.stations), hydrogen: () => S.points(data.hydrogen), rsus: () => S.points(data.roadside.rsus),
    places: () => places, testroads: null, zones: null, districts: null,
  };
  const sizes = {
    stations: data.stations.site_id.length, hydrogen: data.hydrogen.site_id.length, rsus: data.roadside.rsus.site_id.length, places: places.n,
    testroads: data.testroads.section_id.length, zones: data.roadside.zones.phase.length, districts: data.districts.name.length,
  };
  const cache = new Map();

  /* Rows by layer of what serves the clause in a row of the ledger; null where nothing is known. */
  function members(row) {
    const entry = data.serving[row];
    if (!entry) return null;
    if (!cache.has(row)) {
      const sets = {};
      for (const [name, packed] of Object.entries(entry.members)) {
        let at = 0;
        sets[name] = packed === "*" ? new Set(Array(sizes[name]).keys()) : new Set(Array.from(S.decode(packed), (step) => { at += step; return at; }));
      }
      cache.set(row, sets);
    }
    return cache.get(row);
  }
  const open = (row) => { show.clause = members(row) ? row : -1; };
  const active = () => (show.clause >= 0 ? members(show.clause) : null);
  const has = (name, i) => { const sets = active(); return Boolean(sets && sets[name] && sets[name].has(i)); };
  /* Opacity of a row: faded where a clause is chosen that it doesn't serve. */
  const alpha = (name, i) => (show.clause < 0 || has(name, i) ? 1 : FADED);

  function bounds() {
    const entry = data.serving[show.clause], sets = active();
    let box = null;
    const grow = (lat, lon) => { box = box ? box.extend([lat, lon]) : L.latLngBounds([lat, lon], [lat, lon]); };
    for (const [name, rows] of Object.entries(sets)) {
      if (LAYERS[name]) { const at = LAYERS[name](); for (const i of rows) grow(at.lat[i], at.lon[i]); }
      if (name === "testroads") for (const i of rows) S.testroads.corners(i).forEach(([lat, lon]) => grow(lat, lon));
      if (name === "districts") for (const i of rows) S.basemap.districtBounds(i).forEach(([lat, lon]) => grow(lat, lon));
    }
    const missed = S.points(entry.missed);
    for (let i = 0; i < missed.n; i += 1) grow(missed.lat[i], missed.lon[i]);
    return box;
  }

  /* "235 座 + 30 座 ...": what was counted, in the clause's own figure. */
  function text(row, figure) {
    const entry = data.serving[row], sets = members(row);
    const parts = Object.entries(sets).map(([name, rows]) => t(`serving.${name}`, { n: S.number(rows.size) }));
    const lines = [parts.join(" · ") || t("serving.none")];
    if (entry.whole !== null) {
      const ratio = entry.whole > 1 && Number.isInteger(entry.value) && Number.isInteger(entry.whole);
      if (ratio) lines.push(t("serving.of", { n: S.number(entry.value), all: S.number(entry.whole), share: S.percent(entry.value / entry.whole) }));
      else lines.push(t("serving.counts", { n: S.percent(entry.value / entry.whole) }));
    } else if (figure) lines.push(t("serving.counts", { n: figure(entry.value) }));
    if (entry.beside) lines.push(t("serving.beside", { n: S.number(entry.beside) }));
    const missed = S.points(entry.missed).n;
    if (missed) lines.push(t("serving.missed", { n: S.number(missed) }));
    return lines;
  }

  function paintPlaces(view) {
    const { ctx, scale, ox, oy } = view, r = view.zoom < 11 ? 3 : 4.5;
    for (let i = 0; i < places.n; i += 1) {
      const inside = has("places", i);
      if (!show.places && !inside) continue;
      const x = places.x[i] * scale - ox, y = places.y[i] * scale - oy;
      if (x < -9 || y < -9 || x > view.w + 9 || y > view.h + 9) continue;
      ctx.globalAlpha = show.clause >= 0 && !inside ? FADED : 1;
      ctx.fillStyle = places.reached[i] ? PLACE[places.measure[i]] || PLACE.townships : "#fff";
      ctx.strokeStyle = places.reached[i] ? "#fff" : MISSED;
      ctx.lineWidth = places.reached[i] ? 1 : 1.8;
      ctx.fillRect(x - r, y - r, 2 * r, 2 * r);
      ctx.strokeRect(x - r, y - r, 2 * r, 2 * r);
    }
    ctx.globalAlpha = 1;
  }
  function paintMissed(view) {
    if (show.clause < 0) return;
    const { ctx, scale, ox, oy } = view, missed = S.points(data.serving[show.clause].missed), r = view.zoom < 11 ? 4 : 6;
    ctx.beginPath();
    for (let i = 0; i < missed.n; i += 1) {
      const x = missed.x[i] * scale - ox, y = missed.y[i] * scale - oy;
      ctx.moveTo(x - r, y - r);
      ctx.lineTo(x + r, y + r);
      ctx.moveTo(x + r, y - r);
      ctx.lineTo(x - r, y + r);
    }
    for (const [colour, width] of [["#fff", 5], [MISSED, 2.4]]) {
      ctx.strokeStyle = colour;
      ctx.lineWidth = width;
      ctx.stroke();
    }
  }
  function paint(view) {
    paintPlaces(view);
    paintMissed(view);
  }
  return { show, places, PLACE, MISSED, members, open, active, has, alpha, bounds, text, paint };
});
